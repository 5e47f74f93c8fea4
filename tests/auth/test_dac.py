"""The committee at work: one transaction, events, mails, grants, races (rows 63, 66)."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auth import audit
from auth.committees import register_committee
from auth.dac import DAY, View
from auth.errors import AuthError, Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from auth.score import Workload
from auth.tables import AuditEvent, Grant, OutboxMail
from tests.auth.desk import ALICE, DAVE, DORA, Desk, later, race
from tests.auth.world import NOW, Clock, person


@pytest.fixture
def desk(small_engine: Engine, clock: Clock) -> Desk:
    return Desk(small_engine, clock)


@pytest.fixture
def desks(auth_engine: Engine, clock: Clock) -> Desk:
    """Over SQLite and over PostgreSQL."""
    return Desk(auth_engine, clock)


@pytest.mark.parametrize(
    ("told", "shown"),
    [("李明", "李明"), ("", ""), ("alice", ""), (" Alice\r\n\x1b[31m ", "Alice[31m"), ("a" * 300, "a" * 200)],
)
def test_the_applicants_name_is_shown_where_the_broker_tells_one(desk: Desk, told: str, shown: str) -> None:
    applicant = dataclasses.replace(ALICE, name=told)
    assert applicant.subject == "alice"
    made = desk.dac.create(applicant, "HRA000001", "to learn")
    assert made.applicant_name == shown == desk.dac.get(ALICE, made.id).applicant_name


def test_a_draft_closed_unsent_stays_the_applicants_alone(desk: Desk) -> None:
    made = desk.dac.create(ALICE, "HRA000001", "to learn")
    desk.dac.command(ALICE, made.id, "close")
    assert desk.dac.list(DORA) == []
    assert desk.count(OutboxMail) == 0
    with pytest.raises(NotFound):
        desk.dac.get(DORA, made.id)


def test_ATTACKS_63_nobody_decides_on_their_own_request(desk: Desk) -> None:
    made = desk.request("submitted", DORA)
    for command in ("approve", "reject", "return", "revoke"):
        with pytest.raises(Forbidden):
            desk.dac.command(DORA, made.id, command, comment="me")
    assert set(desk.dac.get(DORA, made.id).commands) == {"remove", "comment", "close"}
    assert desk.dac.command(DAVE, made.id, "approve").state == "approved"


def test_ATTACKS_63_who_has_left_the_committee_decides_nothing(desk: Desk) -> None:
    made = desk.request("submitted")
    assert register_committee(desk.engine, "DAC1", "First", {"dave": ""}, NOW)
    with pytest.raises(NotFound):
        desk.dac.command(DORA, made.id, "approve")
    assert desk.dac.command(DAVE, made.id, "approve").state == "approved"


@pytest.mark.parametrize(
    ("dataset", "error"),
    [("HRA999999", NotFound), ("HRA000002", Conflict), ("HRA000003", Conflict), ("HRA000004", Conflict)],
    ids=["unpublished", "open", "without committee", "committee not registered"],
)
def test_a_request_needs_a_controlled_set_with_a_committee(desk: Desk, dataset: str, error: type[AuthError]) -> None:
    with pytest.raises(error):
        desk.dac.create(ALICE, dataset, "to learn")
    assert desk.dac.list(ALICE) == []


@pytest.mark.parametrize("command", ["submit", "approve"])
def test_a_set_withdrawn_meanwhile_is_not_granted(desk: Desk, command: str) -> None:
    made = desk.request("draft" if command == "submit" else "submitted")
    del desk.rules["HRA000001"]
    with pytest.raises(NotFound):
        desk.dac.command(ALICE if command == "submit" else DORA, made.id, command)


@pytest.mark.parametrize(
    ("purpose", "mail"),
    [
        *((purpose, "") for purpose in ("", "  \n", "x" * 10_001, "a\0b", "a\x1bb")),
        *(
            ("ok", mail)
            for mail in ("no", "a@b\nBcc: c@d", "a b@c.example", "@c.example", "a@" + "b" * 260, "a@b,c@d", "<a@b>")
        ),
    ],
)
def test_bad_words_are_refused(desk: Desk, purpose: str, mail: str) -> None:
    with pytest.raises(InvalidRequest):
        desk.dac.create(ALICE, "HRA000001", purpose, mail)
    assert desk.count(AuditEvent) == 2  # the two committees


def test_a_refusal_needs_a_reason(desk: Desk) -> None:
    made = desk.request("submitted")
    for command in ("reject", "return"):
        with pytest.raises(InvalidRequest):
            desk.dac.command(DORA, made.id, command, comment=" ")


@pytest.mark.parametrize("days", [0, -1, 1096])
def test_life_of_a_grant_is_bounded(desk: Desk, days: int) -> None:
    made = desk.request("submitted")
    with pytest.raises(InvalidRequest):
        desk.dac.command(DORA, made.id, "approve", days=days)


def test_an_expired_sign_in_is_none(desk: Desk) -> None:
    with pytest.raises(Unauthenticated):
        desk.dac.list(person("alice", expires=NOW))


def test_each_change_has_its_event_and_its_mail(desks: Desk) -> None:
    made = desks.dac.create(ALICE, "HRA000001", "to learn", "alice@uni.example")
    desks.dac.command(ALICE, made.id, "submit")
    desks.dac.command(DORA, made.id, "return", comment="say more")
    desks.dac.command(ALICE, made.id, "submit")
    desks.dac.command(DAVE, made.id, "approve")
    desks.dac.command(DORA, made.id, "revoke")
    with Session(desks.engine) as session:
        query = select(AuditEvent).where(AuditEvent.target == made.id).order_by(AuditEvent.sequence)
        events = [(event.actor, event.action, event.details["state"]) for event in session.scalars(query)]
        mails = [(mail.recipient, mail.address) for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))]
    assert events == [
        ("alice", "create", "draft"),
        ("alice", "submit", "submitted"),
        ("dora", "return", "returned"),
        ("alice", "submit", "submitted"),
        ("dave", "approve", "approved"),
        ("dora", "revoke", "revoked"),
    ]
    committee = {("dora", "dora@dac.example"), ("dave", ""), ("alice2", "x@y.example")}
    alice = ("alice", "alice@uni.example")
    assert set(mails[:3]) == set(mails[4:7]) == committee
    assert [mails[3], *mails[7:]] == [alice, alice, alice]
    assert audit.verify(desks.engine).fault is None


def test_nothing_is_written_when_a_part_fails(desks: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """State, event and mail are one transaction."""
    made = desks.request("submitted")
    before = desks.count(AuditEvent), desks.count(OutboxMail)

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("auth.outbox.put", full)
    with pytest.raises(OSError, match="disk full"):
        desks.dac.command(DORA, made.id, "approve")
    assert desks.dac.get(ALICE, made.id).state == "submitted"
    assert (desks.count(AuditEvent), desks.count(OutboxMail), desks.count(Grant)) == (*before, 0)
    assert audit.verify(desks.engine).fault is None


def test_a_grant_ends_by_time_by_revocation_and_by_its_holder(desks: Desk) -> None:
    made = desks.dac.command(DORA, desks.request("submitted").id, "approve", days=2)
    assert made.expires_at == NOW + 2 * DAY
    (grant,) = desks.grants()
    assert desks.visas.in_force([grant.jti, "other"]) == {grant.jti}
    desks.clock.seconds = NOW + 2 * DAY
    assert desks.visas.in_force([grant.jti]) == frozenset()
    assert desks.dac.get(later(DORA, desks.clock), made.id).state == "expired"
    assert (desks.dac.expire(), desks.dac.expire()) == (1, 0)
    desks.clock.seconds = NOW
    for state in ("revoked", "closed"):
        made = desks.request("approved")
        (grant,) = desks.grants(made.id)
        assert desks.visas.in_force([grant.jti])
        who, command = (DORA, "revoke") if state == "revoked" else (ALICE, "close")
        assert desks.dac.command(who, made.id, command).state == state
        assert not desks.visas.in_force([grant.jti])
    assert audit.verify(desks.engine).fault is None


def test_workload_counts_decisions_not_later_fates(desks: Desk) -> None:
    for state in ("draft", "submitted", "returned", "closed", "rejected", "approved", "revoked"):
        desks.request(state)
        desks.clock.seconds = NOW
    waiting = desks.request("submitted")
    desks.clock.seconds = NOW + 100
    desks.dac.command(DORA, waiting.id, "approve")
    assert desks.dac.workload("HRA000001") == ("controlled", Workload(5, 4, 3, 100))
    assert desks.dac.workload("HRA000002") == ("open", Workload(0, 0, 0, 0))
    with pytest.raises(NotFound):
        desks.dac.workload("HRA999999")


def test_registering_a_committee_again_changes_nothing(desks: Desk) -> None:
    events = desks.count(AuditEvent)
    assert not register_committee(desks.engine, "DAC2", "Second", {"eve": ""}, NOW)
    assert desks.count(AuditEvent) == events
    assert register_committee(desks.engine, "DAC2", "Second", {"eve": "", "bob": ""}, NOW)


@pytest.mark.parametrize(
    ("name", "members"), [("DAC/1", {"a": ""}), ("", {"a": ""}), ("D", {}), ("D", {"": ""}), ("D", {"a": "x"})]
)
def test_committees_that_cannot_be(desk: Desk, name: str, members: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        register_committee(desk.engine, name, "t", members, NOW)


def test_ATTACKS_66_double_approval_makes_one_grant(desks: Desk) -> None:
    for _ in range(6):
        made = desks.request("submitted")
        outcomes = race(
            partial(desks.dac.command, DORA, made.id, "approve"), partial(desks.dac.command, DAVE, made.id, "approve")
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "View"]
    assert desks.count(Grant) == 6
    assert audit.verify(desks.engine).fault is None


def test_ATTACKS_66_approve_against_close_and_revoke_against_minting(desks: Desk) -> None:
    for round in range(6):
        made = desks.request("submitted", person(f"r{round}"))
        applicant = person(f"r{round}")
        outcomes = race(
            partial(desks.dac.command, DORA, made.id, "approve"),
            partial(desks.dac.command, applicant, made.id, "close"),
            partial(desks.dac.command, DAVE, made.id, "reject", comment="no"),
            partial(desks.dac.command, DORA, made.id, "revoke"),
            partial(desks.visas.for_subject, f"r{round}"),
        )
        assert all(isinstance(outcome, (View, list, Conflict)) for outcome in outcomes), outcomes
        final = desks.dac.get(applicant, made.id).state
        assert final in ("approved", "closed", "rejected", "revoked")
        minted = desks.visas.for_subject(f"r{round}")
        assert len(minted) == (1 if final == "approved" else 0)
    assert audit.verify(desks.engine).fault is None
