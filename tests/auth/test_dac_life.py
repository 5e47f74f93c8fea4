"""The long life of a request: co-members, quorum, delegation, renewal, one click, chairs (rows 63 and 64)."""

from __future__ import annotations

import re
from functools import partial

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auth import audit, links
from auth.committees import register_committee
from auth.dac import DAY
from auth.errors import Conflict, Forbidden, InvalidRequest, NotFound
from auth.tables import AuditEvent, Link, OutboxMail
from tests.auth.desk import ALICE, BOB, DAVE, DORA, EVE, MALLORY, Desk, later, race
from tests.auth.world import NOW, Clock, person

CHEN, ZED = person("chen"), person("zed")


@pytest.fixture
def desk(small_engine: Engine, clock: Clock) -> Desk:
    return Desk(small_engine, clock)


@pytest.fixture
def desks(auth_engine: Engine, clock: Clock) -> Desk:
    """Over SQLite and over PostgreSQL, two approvals needed."""
    return Desk(auth_engine, clock, quorum=2)


def events(desk: Desk, request: str) -> list[str]:
    with Session(desk.engine) as session:
        query = select(AuditEvent.action).where(AuditEvent.target == request).order_by(AuditEvent.sequence)
        return list(session.scalars(query))


# co-members


def test_each_co_member_has_a_grant_and_loses_it_alone(desk: Desk) -> None:
    made = desk.request("draft", member=BOB)
    desk.dac.co_members.join(CHEN, desk.invite(made.id))
    desk.bring(made.id, "approved")
    assert desk.holders() == ["alice", "bob", "chen"]
    assert len({grant.jti for grant in desk.grants()}) == 3
    desk.dac.co_members.leave(CHEN, made.id)
    assert desk.holders() == ["alice", "bob"]
    desk.dac.co_members.remove(ALICE, made.id, "bob")
    assert desk.holders() == ["alice"]
    desk.dac.command(DORA, made.id, "revoke")
    assert desk.holders() == []
    assert audit.verify(desk.engine).fault is None


def test_revoking_ends_the_grants_of_all(desk: Desk) -> None:
    made = desk.request("approved", member=BOB)
    desk.dac.command(DORA, made.id, "revoke")
    assert desk.holders() == []
    assert all(grant.revoked_at == NOW for grant in desk.grants())


def test_ATTACKS_63_nobody_joins_what_the_committee_has_seen(desk: Desk) -> None:
    """An invitation ends when the request is sent, and does not come back when it is returned."""
    made = desk.request("draft")
    secret = desk.invite(made.id)
    desk.bring(made.id, "submitted")
    for state in ("submitted", "returned"):
        if state == "returned":
            desk.dac.command(DORA, made.id, "return", comment="more")
        with pytest.raises(NotFound):
            desk.dac.co_members.join(MALLORY, secret)
    second = desk.invite(made.id)
    desk.dac.command(ALICE, made.id, "submit")
    desk.dac.command(DORA, made.id, "approve")
    for old in (secret, second):
        with pytest.raises(NotFound):
            desk.dac.co_members.join(MALLORY, old)
    assert desk.holders() == ["alice"]


def test_an_invitation_is_for_one_person_once_and_ends(desk: Desk) -> None:
    made = desk.request("draft")
    secret = desk.invite(made.id)
    with pytest.raises(Conflict):
        desk.dac.co_members.join(ALICE, secret)
    desk.dac.co_members.join(BOB, secret)
    for wrong in (secret, secret[:-1], "", "x" * 22):
        with pytest.raises(NotFound):
            desk.dac.co_members.join(CHEN, wrong)
    with pytest.raises(Conflict):
        desk.dac.co_members.join(BOB, desk.invite(made.id))
    late = desk.invite(made.id)
    desk.clock.seconds += links.SECONDS
    with pytest.raises(NotFound):
        desk.dac.co_members.join(later(CHEN, desk.clock), late)


def test_secrets_of_links_are_not_in_the_database(desk: Desk) -> None:
    made = desk.request("draft")
    secret = desk.invite(made.id)
    with Session(desk.engine) as session:
        (link,) = session.scalars(select(Link))
    assert secret not in (link.digest, link.mail, link.subject)
    assert len(secret) >= 22  # 128 bits


def test_there_is_an_end_to_invitations(desk: Desk) -> None:
    made = desk.request("draft")
    for _ in range(20):
        desk.invite(made.id)
    with pytest.raises(Conflict, match="at most 20"):
        desk.invite(made.id)


def test_one_invitation_taken_by_two_at_once_is_taken_once(desks: Desk) -> None:
    for _ in range(4):
        made = desks.request("draft")
        secret = desks.invite(made.id)
        outcomes = race(*(partial(desks.dac.co_members.join, who, secret) for who in (BOB, CHEN, ZED)))
        assert sorted(type(one).__name__ for one in outcomes) == ["Invitation", "NotFound", "NotFound"]


# quorum


def test_a_quorum_needs_as_many_people(desks: Desk) -> None:
    made = desks.request("submitted")
    once = desks.dac.command(DORA, made.id, "approve", days=30)
    assert (once.state, once.approvals, once.quorum) == ("submitted", 1, 2)
    assert desks.holders() == []
    with pytest.raises(Conflict, match="approved it already"):
        desks.dac.command(DORA, made.id, "approve")
    twice = desks.dac.command(DAVE, made.id, "approve", days=10)
    assert (twice.state, twice.expires_at) == ("approved", NOW + 10 * DAY)  # the shortest that was voted for
    assert events(desks, made.id) == ["create", "submit", "vote", "approve"]


def test_votes_are_for_what_was_read(desks: Desk) -> None:
    """Returned and sent again, a request starts at no approvals; a rejection by one is enough."""
    made = desks.request("submitted")
    desks.dac.command(DORA, made.id, "approve")
    desks.dac.command(DAVE, made.id, "return", comment="more")
    assert desks.dac.command(ALICE, made.id, "submit").approvals == 0
    assert desks.dac.command(DAVE, made.id, "approve").state == "submitted"
    assert desks.dac.command(DORA, made.id, "reject", comment="no").state == "rejected"
    assert desks.holders() == []


def test_ATTACKS_63_an_applicants_own_seat_does_not_count(desks: Desk) -> None:
    made = desks.request("submitted", DORA)
    with pytest.raises(Forbidden):
        desks.dac.command(DORA, made.id, "approve")
    assert desks.dac.command(DAVE, made.id, "approve").state == "submitted"
    assert desks.dac.command(person("alice2"), made.id, "approve").state == "approved"


def test_the_last_two_votes_at_once_grant_once(desks: Desk) -> None:
    for _ in range(4):
        made = desks.request("submitted")
        people = (DORA, DAVE, person("alice2"))
        outcomes = race(*(partial(desks.dac.command, who, made.id, "approve") for who in people))
        assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "View", "View"]
        assert len(desks.grants(made.id)) == 1


# delegation


def test_a_delegate_decides_in_its_time_only(desk: Desk) -> None:
    desk.dac.committees.delegate(DORA, "DAC1", "zed", NOW + DAY, NOW + 3 * DAY, "zed@uni.example")
    made = desk.request("submitted")
    with pytest.raises(NotFound):
        desk.dac.command(ZED, made.id, "approve")
    desk.clock.seconds = NOW + DAY
    assert desk.dac.list(later(ZED, desk.clock))[0].commands == ("comment", "note", "return", "approve", "reject")
    desk.clock.seconds = NOW + 3 * DAY
    with pytest.raises(NotFound):
        desk.dac.command(later(ZED, desk.clock), made.id, "approve")
    desk.clock.seconds = NOW + 3 * DAY - 1
    assert desk.dac.command(later(ZED, desk.clock), made.id, "approve").state == "approved"


def test_ATTACKS_63_a_seat_votes_once_whoever_sits_in_it(desks: Desk) -> None:
    desks.dac.committees.delegate(DORA, "DAC1", "zed", NOW, NOW + DAY)
    desks.dac.committees.delegate(DORA, "DAC1", "dave", NOW, NOW + DAY)
    made = desks.request("submitted")
    desks.dac.command(ZED, made.id, "approve")
    with pytest.raises(Conflict):
        desks.dac.command(DORA, made.id, "approve")
    assert desks.dac.command(DAVE, made.id, "approve").state == "approved"  # in his own seat
    second = desks.request("submitted")
    desks.dac.command(DAVE, second.id, "approve")
    with pytest.raises(Conflict):  # two seats, one person
        desks.dac.command(DAVE, second.id, "approve")


def test_ATTACKS_63_a_seat_lent_by_who_shall_have_the_data_does_not_approve(desks: Desk) -> None:
    desks.dac.committees.delegate(DORA, "DAC1", "zed", NOW, NOW + DAY)
    made = desks.request("submitted", DORA)
    with pytest.raises(Forbidden, match="your seat"):
        desks.dac.command(ZED, made.id, "approve")
    assert desks.dac.command(DAVE, made.id, "approve").approvals == 1
    second = desks.dac.committees.delegate(DAVE, "DAC1", "zed", NOW, NOW + DAY)
    with pytest.raises(Conflict):
        desks.dac.command(ZED, made.id, "approve")
    joined = desks.request("submitted", ALICE, DORA)
    desks.dac.committees.recall(DAVE, "DAC1", second)
    with pytest.raises(Forbidden, match="your seat"):
        desks.dac.command(ZED, joined.id, "approve")


def test_ATTACKS_63_a_seat_given_by_who_shall_have_the_data_does_not_approve(desk: Desk) -> None:
    committees = desk.dac.committees
    made = desk.request("submitted", DORA)
    committees.seat(DORA, "DAC1", "zed")
    committees.delegate(ZED, "DAC1", "eve", NOW, NOW + DAY)
    for who in (ZED, EVE):
        with pytest.raises(Forbidden, match="your seat"):
            desk.dac.command(who, made.id, "approve")
    assert desk.dac.command(ZED, desk.request("submitted").id, "approve").state == "approved"
    assert desk.dac.command(DAVE, made.id, "approve").state == "approved"


def test_ATTACKS_63_a_delegate_is_bound_like_a_member(desk: Desk) -> None:
    """Nothing for oneself, no lending on, nothing once the owner of the seat has left or calls it back."""
    committees = desk.dac.committees
    lent = committees.delegate(DAVE, "DAC1", "alice", NOW, NOW + DAY)
    made = desk.request("submitted")
    with pytest.raises(Forbidden):
        desk.dac.command(ALICE, made.id, "approve")
    other = desk.request("submitted", BOB)
    assert "approve" in desk.dac.get(ALICE, other.id).commands
    with pytest.raises(Forbidden):
        committees.delegate(ALICE, "DAC1", "zed", NOW, NOW + DAY)
    with pytest.raises(Forbidden):
        committees.seat(ALICE, "DAC1", "alice", chair=True)
    with pytest.raises(NotFound):
        committees.recall(MALLORY, "DAC1", lent)
    committees.recall(DORA, "DAC1", lent)  # a chair may
    with pytest.raises(NotFound):
        desk.dac.get(ALICE, other.id)
    committees.delegate(DAVE, "DAC1", "alice", NOW, NOW + DAY)
    committees.unseat(DORA, "DAC1", "dave")
    with pytest.raises(NotFound):
        desk.dac.get(ALICE, other.id)


@pytest.mark.parametrize(
    ("to", "starts_at", "ends_at"),
    [
        ("", NOW, NOW + 1),
        ("dora", NOW, NOW + 1),
        ("zed", NOW - 9, NOW),
        ("zed", NOW + 9, NOW + 9),
        ("zed", NOW, NOW + 367 * DAY),
    ],
)
def test_delegations_that_cannot_be(desk: Desk, to: str, starts_at: int, ends_at: int) -> None:
    with pytest.raises(InvalidRequest):
        desk.dac.committees.delegate(DORA, "DAC1", to, starts_at, ends_at)


# committees


def test_ATTACKS_63_the_last_chair_stays(desk: Desk) -> None:
    committees = desk.dac.committees
    for act in (
        lambda: committees.unseat(DORA, "DAC1", "dora"),
        lambda: committees.seat(DORA, "DAC1", "dora", chair=False),
    ):
        with pytest.raises(Conflict, match="last chair"):
            act()
    committees.seat(DORA, "DAC1", "dave", chair=True)
    committees.unseat(DORA, "DAC1", "dora")
    with pytest.raises(NotFound):
        committees.seat(DORA, "DAC1", "dora", chair=True)
    with pytest.raises(Conflict):
        committees.unseat(DAVE, "DAC1", "dave")
    assert audit.verify(desk.engine).fault is None


def test_two_chairs_leaving_at_once_leave_one(desks: Desk) -> None:
    desks.dac.committees.seat(DORA, "DAC1", "dave", chair=True)
    outcomes = race(
        *(lambda who=who: desks.dac.committees.unseat(who, "DAC1", who.subject or "") for who in (DORA, DAVE))
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"]


def test_a_committee_cannot_fall_below_its_quorum(desks: Desk) -> None:
    desks.dac.committees.unseat(DORA, "DAC1", "alice2")
    with pytest.raises(Conflict, match="needs 2 members"):
        desks.dac.committees.unseat(DORA, "DAC1", "dave")


def test_members_may_leave_and_only_chairs_change_others(desk: Desk) -> None:
    committees = desk.dac.committees
    for act in (
        lambda: committees.seat(DAVE, "DAC1", "mallory"),
        lambda: committees.unseat(DAVE, "DAC1", "alice2"),
    ):
        with pytest.raises(Forbidden):
            act()
    for who in (EVE, MALLORY, ALICE):
        with pytest.raises(NotFound):
            committees.seat(who, "DAC1", "mallory")
    committees.unseat(DAVE, "DAC1", "dave")
    assert committees.mine(DAVE) == []


def test_who_looks_after_the_seats_is_named_by_the_operator(desk: Desk) -> None:
    register_committee(desk.engine, "DAC3", "Third", {"a": "", "b": ""}, NOW, chairs=["b"], quorum=2)
    (seen,) = desk.dac.committees.mine(person("a"))
    assert [(seat.subject, seat.chair) for seat in seen.seats] == [("a", False), ("b", True)]
    for wrong in ({"chairs": ["c"]}, {"quorum": 3}, {"quorum": 0}):
        with pytest.raises(InvalidRequest):
            register_committee(desk.engine, "DAC3", "Third", {"a": "", "b": ""}, NOW, **wrong)  # type: ignore[arg-type]


# renewal


def test_a_renewal_takes_the_grants_over(desk: Desk) -> None:
    """The same grants go on, those of people who are no longer in it end, new ones begin."""
    old = desk.request("draft", member=BOB)
    desk.dac.co_members.join(CHEN, desk.invite(old.id))
    desk.bring(old.id, "approved")
    before = {grant.subject: grant.jti for grant in desk.grants()}
    draft = desk.dac.renew(ALICE, old.id)
    assert (draft.state, draft.renews, draft.purpose) == ("draft", old.id, "to learn")
    desk.dac.co_members.remove(ALICE, draft.id, "bob")
    desk.dac.co_members.join(ZED, desk.invite(draft.id))
    desk.dac.command(ALICE, draft.id, "submit")
    assert desk.holders() == ["alice", "bob", "chen"]
    desk.dac.command(DORA, draft.id, "approve", days=700)
    assert desk.holders() == ["alice", "chen", "zed"]
    now = {grant.subject: grant.jti for grant in desk.grants(draft.id)}
    assert {who: now[who] for who in ("alice", "chen")} == {who: before[who] for who in ("alice", "chen")}
    assert {grant.expires_at for grant in desk.grants(draft.id)} == {NOW + 700 * DAY}
    assert desk.dac.get(ALICE, old.id).state == "closed"
    assert events(desk, old.id)[-1] == "supersede"
    desk.dac.command(DORA, draft.id, "revoke")
    assert desk.holders() == []
    assert desk.dac.workload("HRA000001")[1].approved == 2


def test_the_old_request_stands_until_the_renewal_is_approved(desk: Desk) -> None:
    old = desk.request("approved")
    draft = desk.dac.renew(ALICE, old.id)
    with pytest.raises(Conflict, match="under way"):
        desk.dac.renew(ALICE, old.id)
    desk.dac.command(ALICE, draft.id, "submit")
    desk.dac.command(DORA, draft.id, "reject", comment="no")
    assert desk.holders() == ["alice"]
    again = desk.dac.renew(ALICE, old.id)
    desk.dac.command(ALICE, again.id, "submit")
    desk.dac.command(DORA, old.id, "revoke")
    assert desk.holders() == []
    desk.dac.command(DORA, again.id, "approve")
    assert desk.holders() == ["alice"]
    assert desk.dac.get(ALICE, old.id).state == "revoked"


def test_an_expired_request_can_be_renewed(desk: Desk) -> None:
    old = desk.request("expired")
    desk.dac.expire()
    draft = desk.dac.renew(later(ALICE, desk.clock), old.id)
    desk.dac.command(later(ALICE, desk.clock), draft.id, "submit")
    desk.dac.command(later(DORA, desk.clock), draft.id, "approve")
    assert desk.dac.get(later(ALICE, desk.clock), old.id).state == "expired"
    assert len(desk.grants(draft.id)) == 1


def test_revoking_the_old_while_the_renewal_is_approved_leaves_no_stray_grant(desks: Desk) -> None:
    for _ in range(4):
        old = desks.request("submitted")
        for who in (DORA, DAVE):
            desks.dac.command(who, old.id, "approve")
        draft = desks.dac.renew(ALICE, old.id)
        desks.dac.command(ALICE, draft.id, "submit")
        desks.dac.command(DORA, draft.id, "approve")
        outcomes = race(
            partial(desks.dac.command, DAVE, draft.id, "approve"), partial(desks.dac.command, DORA, old.id, "revoke")
        )
        assert outcomes[0].state == "approved"  # type: ignore[attr-defined]
        assert desks.dac.get(ALICE, old.id).state in ("closed", "revoked")
        standing = [grant for grant in desks.grants() if grant.revoked_at is None]
        assert [grant.request for grant in standing] == [draft.id]
        desks.dac.command(DORA, draft.id, "revoke")


# one click


def link(desk: Desk, request: str, recipient: str = "dora") -> str:
    with Session(desk.engine) as session:
        query = select(OutboxMail.body).where(OutboxMail.recipient == recipient).order_by(OutboxMail.id.desc())
        body = next(body for body in session.scalars(query) if request in body)
    return str(re.findall(r"/dac/approve/(\S+)", body)[0])


def test_ATTACKS_64_the_link_is_good_once_for_one_person(small_engine: Engine, clock: Clock) -> None:
    desk = Desk(small_engine, clock, one_click=True)
    made = desk.request("submitted")
    secret = link(desk, made.id)
    assert desk.dac.approvable(DORA, secret).state == "submitted"
    for who in (DAVE, ALICE, MALLORY):
        for act in (desk.dac.approvable, desk.dac.approve_by_link):
            with pytest.raises(NotFound, match="no such link"):
                act(who, secret)
    assert desk.dac.approve_by_link(DORA, secret).state == "approved"
    with pytest.raises(Conflict):
        desk.dac.approve_by_link(DORA, secret)
    assert len(desk.grants(made.id)) == 1


def test_ATTACKS_64_the_link_ends(small_engine: Engine, clock: Clock) -> None:
    """By time, by another's decision, by a new submission, and when its owner leaves the committee."""
    desk = Desk(small_engine, clock, one_click=True)
    made, decided, gone = (desk.request("submitted") for _ in range(3))
    old = link(desk, made.id)
    desk.dac.command(DAVE, made.id, "return", comment="more")
    desk.dac.command(ALICE, made.id, "submit")
    other = link(desk, decided.id)
    desk.dac.command(DAVE, decided.id, "reject", comment="no")
    for secret in (old, other):
        with pytest.raises(Conflict):
            desk.dac.approve_by_link(DORA, secret)
    left, late = link(desk, gone.id), link(desk, made.id)
    register_committee(desk.engine, "DAC1", "First", {"dave": ""}, NOW)
    with pytest.raises(NotFound):
        desk.dac.approve_by_link(DORA, left)
    register_committee(desk.engine, "DAC1", "First", {"dora": ""}, NOW)
    desk.clock.seconds += links.SECONDS
    with pytest.raises(Conflict):
        desk.dac.approve_by_link(later(DORA, desk.clock), late)
    assert desk.grants() == []


def test_ATTACKS_64_two_clicks_at_once_are_one(auth_engine: Engine, clock: Clock) -> None:
    desk = Desk(auth_engine, clock, one_click=True)
    for _ in range(4):
        made = desk.request("submitted")
        secret = link(desk, made.id)
        outcomes = race(*[partial(desk.dac.approve_by_link, DORA, secret)] * 3)
        assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "Conflict", "View"]
        assert len(desk.grants(made.id)) == 1


def test_links_are_for_members_that_want_them(desk: Desk) -> None:
    desk.request("submitted")
    with Session(desk.engine) as session:
        assert not any("/dac/approve/" in body for body in session.scalars(select(OutboxMail.body)))


# mails


def test_notes_are_told_to_the_committee_alone(desk: Desk) -> None:
    made = desk.request("submitted", member=BOB)
    desk.dac.papers.comment(DORA, made.id, "secret words", internal=True)
    desk.dac.papers.comment(DORA, made.id, "open words")
    with Session(desk.engine) as session:
        mails = [(mail.recipient, mail.subject, mail.body) for mail in session.scalars(select(OutboxMail))]
    assert {who for who, subject, _ in mails if "internal note" in subject} == {"dave", "alice2"}
    assert {who for who, subject, _ in mails if "new comment" in subject} == {"alice", "bob"}
    assert not any("words" in body for _, _, body in mails)  # nothing of it leaves by mail
