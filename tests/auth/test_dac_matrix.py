"""Rows 62 and 63: every role in every state with every command, each cell written down here and not computed.

A cell says what follows: a state, ``ok`` (done, the state stays), 401, 403, 404 or 409.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from auth.access_request import COMMANDS, STATES
from auth.caller import ANONYMOUS, Caller
from auth.committees import register_committee
from auth.dac import DAY
from auth.database import writing
from auth.errors import AuthError, Conflict, Forbidden, NotFound, Unauthenticated
from auth.tables import (
    Attachment,
    AuditEvent,
    CoMember,
    Comment,
    Delegation,
    Grant,
    Link,
    OutboxMail,
    Vote,
)
from tests.auth.conftest import quick, tables
from tests.auth.desk import ALICE, BOB, DAVE, DORA, EVE, MALLORY, Desk, later
from tests.auth.world import NOW, Clock, person

COLUMNS = ["draft", "submitted", "returned", "approved", "rejected", "revoked", "closed", "expired"]
APPLICANT = """
edit     ok        409       ok        409       409  409  409  409
invite   ok        409       ok        409       409  409  409  409
remove   ok        ok        ok        ok        409  409  409  409
leave    403       403       403       403       403  403  403  403
attach   ok        409       ok        409       409  409  409  409
detach   ok        409       ok        409       409  409  409  409
comment  409       ok        ok        ok        409  409  409  409
note     403       403       403       403       403  403  403  403
renew    409       409       409       ok        409  409  409  ok
submit   submitted 409       submitted 409       409  409  409  409
close    closed    closed    closed    closed    409  409  409  409
return   403       403       403       403       403  403  403  403
approve  403       403       403       403       403  403  403  403
reject   403       403       403       403       403  403  403  403
revoke   403       403       403       403       403  403  403  403
"""
CO_MEMBER = """
edit     404       403       403       403       403  403  403  403
invite   404       403       403       403       403  403  403  403
remove   404       403       403       403       403  403  403  403
leave    404       ok        ok        ok        409  409  409  409
attach   404       403       403       403       403  403  403  403
detach   404       403       403       403       403  403  403  403
comment  404       ok        ok        ok        409  409  409  409
note     404       403       403       403       403  403  403  403
renew    404       403       403       403       403  403  403  403
submit   404       403       403       403       403  403  403  403
close    404       403       403       403       403  403  403  403
return   404       403       403       403       403  403  403  403
approve  404       403       403       403       403  403  403  403
reject   404       403       403       403       403  403  403  403
revoke   404       403       403       403       403  403  403  403
"""
COMMITTEE = """
edit     404       403       403       403       403  403  403  403
invite   404       403       403       403       403  403  403  403
remove   404       403       403       403       403  403  403  403
leave    404       403       403       403       403  403  403  403
attach   404       403       403       403       403  403  403  403
detach   404       403       403       403       403  403  403  403
comment  404       ok        ok        ok        409  409  409  409
note     404       ok        ok        ok        409  409  409  409
renew    404       403       403       403       403  403  403  403
submit   404       403       403       403       403  403  403  403
close    404       403       403       403       403  403  403  403
return   404       returned  409       409       409  409  409  409
approve  404       approved  409       409       409  409  409  409
reject   404       rejected  409       409       409  409  409  409
revoke   404       409       409       revoked   409  409  409  409
"""
ROLES: dict[str, tuple[Caller, str]] = {
    # who, and the table that says what they get (401 and 404: for everything)
    "applicant": (ALICE, APPLICANT),
    "co-member": (BOB, CO_MEMBER),
    "co-member who sits in the committee": (person("alice2"), CO_MEMBER),
    "chair": (DORA, COMMITTEE),
    "member": (DAVE, COMMITTEE),
    "delegate": (person("zed"), COMMITTEE),
    "delegate before the time": (person("early"), "404"),
    "delegate after the time": (person("late"), "404"),
    "delegate of one who has left": (person("orphan"), "404"),
    "former member": (person("former"), "404"),
    "member of another committee": (EVE, "404"),
    "invited, not joined": (person("invited"), "404"),
    "operator": (person("operator"), "404"),
    "stranger": (MALLORY, "404"),
    "anonymous": (ANONYMOUS, "401"),
    "same name at another broker": (person("dora", issuer="https://other.example"), "401"),
    "expired sign-in": (person("dora", expires=NOW), "401"),
}
REFUSALS: dict[str, type[AuthError]] = {"401": Unauthenticated, "403": Forbidden, "404": NotFound, "409": Conflict}
LOANS = [
    ("dave", "zed", NOW, NOW + 30 * DAY),
    ("dave", "early", NOW + 20 * DAY, NOW + 30 * DAY),
    ("dave", "late", NOW - 9 * DAY, NOW - DAY),
    ("gone", "orphan", NOW, NOW + 30 * DAY),
]
WRITTEN = (AuditEvent, OutboxMail, Grant, Link, CoMember, Comment, Attachment, Vote)


def cells(table: str) -> dict[tuple[str, str], str]:
    """What follows, by command and state."""
    if table in REFUSALS:
        return {(command, state): table for command in COMMANDS for state in COLUMNS}
    rows = [line.split() for line in table.strip().splitlines()]
    return {(row[0], state): cell for row in rows for state, cell in zip(COLUMNS, row[1:], strict=True)}


class Stage:
    """Databases with one request each, in one of the states, and everyone of ``ROLES`` around it; made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids = {state: self._make(state) for state in COLUMNS}
        self._copies = count()

    @contextmanager
    def at(self, state: str) -> Iterator[tuple[Desk, str]]:
        """A desk of one's own, and the id of its request."""
        copy = self.folder / f"copy{next(self._copies)}.db"
        shutil.copy(self.folder / f"{state}.db", copy)
        engine = quick(copy)
        yield Desk(engine, Clock(NOW + DAY if state == "expired" else NOW), made=True), self.ids[state]
        engine.dispose()
        copy.unlink()

    def _make(self, state: str) -> str:
        engine = quick(self.folder / f"{state}.db")
        tables(engine)
        desk = Desk(engine, Clock())
        seated = {"dora": "", "dave": "", "alice2": "", "former": "", "gone": ""}
        register_committee(engine, "DAC1", "First", seated, NOW)
        with Session(writing(engine)) as session, session.begin():
            for owner, to, starts_at, ends_at in LOANS:
                times = {"starts_at": starts_at, "ends_at": ends_at}
                session.add(Delegation(id=f"d-{to}", committee="DAC1", delegator=owner, delegate=to, **times))
        register_committee(engine, "DAC1", "First", {"dora": "", "dave": "", "alice2": ""}, NOW)
        made = desk.dac.create(ALICE, "HRA000001", "to learn")
        for member in (BOB, person("alice2")):
            desk.dac.co_members.join(member, desk.invite(made.id))
        desk.invite(made.id, mail="invited@uni.example")
        desk.attachment(made.id)
        desk.bring(made.id, state)
        engine.dispose()
        return made.id


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def test_the_tables_are_complete() -> None:
    assert set(COLUMNS) == set(STATES)
    for table in (APPLICANT, CO_MEMBER, COMMITTEE):
        assert set(cells(table)) == {(command, state) for command in COMMANDS for state in STATES}


def written(desk: Desk) -> list[int]:
    return [desk.count(table) for table in WRITTEN]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", COLUMNS)
def test_ATTACKS_62_every_command_of_every_role_in_every_state(stage: Stage, role: str, state: str) -> None:
    caller, table = ROLES[role]
    expected = {command: cells(table)[command, state] for command in COMMANDS}
    with stage.at(state) as (desk, id):
        who = caller if table == "401" else later(caller, desk.clock)
        before, unseen = written(desk), set()
        for command, cell in expected.items():
            if cell in REFUSALS:
                with pytest.raises(AuthError) as refused:
                    desk.commands(id)[command](who)
                assert type(refused.value) is REFUSALS[cell], command
                unseen |= {str(refused.value)} if cell in ("401", "404") else set()
        assert written(desk) == before, "a refusal wrote something"
        assert len(unseen) <= 1, "what one may not see must always say the same"
        assert desk.dac.get(later(ALICE, desk.clock), id).state == state
    for command, cell in expected.items():
        if cell not in REFUSALS:
            with stage.at(state) as (desk, id):
                before = written(desk)
                desk.commands(id)[command](later(caller, desk.clock))
                assert written(desk)[0] == before[0] + 1, f"{command} must have one event"
                assert desk.dac.get(later(ALICE, desk.clock), id).state == (state if cell == "ok" else cell)


@pytest.mark.parametrize("role", ROLES)
def test_ATTACKS_62_who_sees_a_request_and_its_papers(stage: Stage, role: str) -> None:
    caller, table = ROLES[role]
    for state in COLUMNS:
        with stage.at(state) as (desk, id):
            who = caller if table == "401" else later(caller, desk.clock)
            seen = not (table in REFUSALS or (state == "draft" and table != APPLICANT))
            for look in _looks(desk, who):
                if seen:
                    look(id)
                    continue
                with pytest.raises(REFUSALS[table if table in REFUSALS else "404"]) as hidden:
                    look(id)
                with pytest.raises(type(hidden.value)) as absent:
                    look("0" * 16)
                assert str(hidden.value) == str(absent.value)
            if table != "401":
                assert [view.id for view in desk.dac.list(who)] == ([id] if seen else [])


def _looks(desk: Desk, who: Caller) -> list[Callable[[str], object]]:
    return [
        lambda id: desk.dac.get(who, id),
        lambda id: desk.dac.dossier(who, id),
        lambda id: desk.dac.papers.read(who, id, f"a{id}"),
    ]


def test_refusals_say_nothing_of_the_state(stage: Stage) -> None:
    """The 403 of a command is the same in every state, for everyone."""
    said: dict[str, set[str]] = {command: set() for command in COMMANDS}
    for state in COLUMNS[1:]:
        with stage.at(state) as (desk, id):
            for caller, table in (ROLES["applicant"], ROLES["co-member"], ROLES["chair"]):
                for command in COMMANDS:
                    if cells(table)[command, state] == "403":
                        with pytest.raises(Forbidden) as refused:
                            desk.commands(id)[command](later(caller, desk.clock))
                        said[command].add(str(refused.value))
    assert {command for command, messages in said.items() if len(messages) != 1} == {"comment"}  # nobody is refused it


@pytest.mark.parametrize("role", [name for name, (_, table) in ROLES.items() if table == "404"])
def test_ATTACKS_62_hidden_and_absent_cost_the_same(stage: Stage, role: str) -> None:
    """The same statements, so that no timing tells them apart."""
    statements: list[str] = []

    def cost(act: Callable[[Caller], object]) -> list[str]:
        statements.clear()
        with pytest.raises(NotFound):
            act(ROLES[role][0])
        return list(statements)

    with stage.at("submitted") as (desk, id):
        there, absent = desk.commands(id), desk.commands("0" * 16)
        there["detach"] = lambda who: desk.dac.papers.detach(who, id, f"a{id}")
        absent["detach"] = lambda who: desk.dac.papers.detach(who, "0" * 16, f"a{id}")
        event.listen(desk.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        for command in COMMANDS:
            assert cost(there[command]) == cost(absent[command])
            assert statements


def test_shown_commands_are_those_that_work(stage: Stage) -> None:
    for state in COLUMNS[1:]:
        with stage.at(state) as (desk, id):
            for caller, table in (ROLES["applicant"], ROLES["co-member"], ROLES["chair"]):
                working = {name for (name, at), cell in cells(table).items() if at == state and cell not in REFUSALS}
                assert set(desk.dac.get(later(caller, desk.clock), id).commands) == working
