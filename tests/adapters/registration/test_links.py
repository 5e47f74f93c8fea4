"""Links of individuals: versioned, revocable, all or none, and only to those who exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset, Individual, Membership
from adapters.registration.links import Change, change, existing, versions
from adapters.registration.plan import Origin
from adapters.registration.write import Refused
from migrations.schema import upgrade

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
TODAY = dt.date(2026, 6, 1)
THERE = {"HRI000001", "HRI000002"}


@pytest.fixture
def engine(database_url: str) -> Any:
    made = connect(database_url)
    upgrade(made, "member")
    with Session(writing(made)) as session, session.begin():
        for number, (release, gone) in enumerate(((TODAY, None), (TODAY, None), (TODAY, NOW)), 1):
            person = Individual(
                accession=f"OBII00000{number}", ordinal=number - 1, name="", sex="", record={}, withdrawn_at=gone
            )
            session.add(person)
            days = {"release_date": release, "created_at": NOW, "updated_at": NOW}
            session.add(Dataset(accession=f"OBIA00000{number}", title="", tier="open", **days))
        session.flush()
        for number in (1, 2, 3):
            session.add(Membership(dataset=f"OBIA00000{number}", individual=f"OBII00000{number}"))
    yield made
    made.dispose()


def told(wanted: Collection[str]) -> set[str]:
    return THERE & set(wanted)


def linked(engine: Engine, *pairs: tuple[str, str | None], record: Any = lambda *_: None) -> int:
    changes = [Change(who, link, Origin("t", row=row)) for row, (who, link) in enumerate(pairs, 2)]
    return change(engine, changes, told, "otto", record)


def current(engine: Engine, who: str) -> str | None:
    with Session(engine) as session:
        return session.get_one(Individual, who).link


def test_each_change_is_a_version_and_the_last_counts(engine: Engine) -> None:
    events: list[Any] = []
    record = lambda _, who, details: events.append((who, details))  # noqa: E731
    assert linked(engine, ("OBII000001", "HRI000001"), record=record) == 1
    assert linked(engine, ("OBII000001", "HRI000001"), record=record) == 0  # nothing changes
    assert linked(engine, ("OBII000001", "HRI000002"), record=record) == 1
    assert linked(engine, ("OBII000001", None), record=record) == 1
    assert [(one.number, one.link, one.by) for one in versions(engine, "OBII000001")] == [
        (1, "HRI000001", "otto"),
        (2, "HRI000002", "otto"),
        (3, None, "otto"),
    ]
    assert current(engine, "OBII000001") is None
    assert events == [
        ("OBII000001", {"link": "HRI000001", "before": ""}),
        ("OBII000001", {"link": "HRI000002", "before": "HRI000001"}),
        ("OBII000001", {"link": "", "before": "HRI000002"}),
    ]


def test_a_link_given_at_registration_is_the_first_version(engine: Engine) -> None:
    with Session(writing(engine)) as session, session.begin():
        session.get_one(Individual, "OBII000002").link = "HRI000002"
    linked(engine, ("OBII000002", "HRI000001"))
    assert [(one.link, one.by) for one in versions(engine, "OBII000002")] == [
        ("HRI000002", "registration"),
        ("HRI000001", "otto"),
    ]


@pytest.mark.parametrize(
    ("who", "link", "message"),
    [
        ("OBII000002", "HRI999999", "does not exist there"),
        ("OBII999999", "HRI000002", "is not registered"),
        ("OBII000003", "HRI000002", "has withdrawn"),
    ],
)
def test_one_wrong_line_and_nothing_changes(engine: Engine, who: str, link: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        linked(engine, ("OBII000001", "HRI000001"), (who, link))
    assert any(message in problem.message for problem in refused.value.problems)
    assert current(engine, "OBII000001") is None
    assert versions(engine, "OBII000001") == []


def test_who_exists_is_told_as_for_the_world(engine: Engine, tmp_path: Path) -> None:
    asked = ["OBII000001", "OBII000002", "OBII000003", "OBII999999"]
    assert existing(engine, asked, TODAY) == {"OBII000001", "OBII000002"}
    assert existing(engine, asked, TODAY - dt.timedelta(days=1)) == set()  # before their release
