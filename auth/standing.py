"""How a person stands to a request: whether it exists for them, in which role, and in which seats they may decide.

Every command asks this, so its statements are put together once; ``me`` and ``now`` (epoch seconds) are given when they
run.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session, aliased

from auth.access_request import Role
from auth.tables import AccessRequest, CoMember, CommitteeMember, Delegation

ME: BindParameter[str] = bindparam("me")
NOW: BindParameter[int] = bindparam("now")
COMMITTEE: BindParameter[str] = bindparam("committee")
IN_TIME = and_(Delegation.starts_at <= NOW, Delegation.ends_at > NOW)
JOINED = exists().where(CoMember.request == AccessRequest.id, CoMember.subject == ME)


def _committees() -> Select[str]:
    lender = aliased(CommitteeMember)
    lent = select(Delegation.committee).join(
        lender, and_(lender.committee == Delegation.committee, lender.subject == Delegation.delegator)
    )
    own = select(CommitteeMember.committee).where(CommitteeMember.subject == ME)
    held = own.union(lent.where(Delegation.delegate == ME, IN_TIME)).subquery()
    return select(held.c.committee)


COMMITTEES = _committees()
"""Ids of the committees in which ``me`` may decide: by a seat of their own, or by one lent to them."""

VISIBLE: ColumnElement[bool] = or_(
    AccessRequest.applicant == ME,
    and_(AccessRequest.submitted_at.is_not(None), or_(JOINED, AccessRequest.committee.in_(COMMITTEES))),
)
"""Condition on ``AccessRequest``: it exists for ``me``. What was never submitted is the applicant's alone.

One statement finds what may be seen and nothing else, so that what is hidden costs the same as what is not there
(ATTACKS 62).
"""

_OWN = select(CommitteeMember.subject).where(CommitteeMember.committee == COMMITTEE, CommitteeMember.subject == ME)
_LENT = (
    select(Delegation.delegator)
    .join(
        CommitteeMember,
        and_(CommitteeMember.committee == Delegation.committee, CommitteeMember.subject == Delegation.delegator),
    )
    .where(Delegation.committee == COMMITTEE, Delegation.delegate == ME, IN_TIME)
    .order_by(Delegation.delegator)
)
_MEMBERS = select(CommitteeMember.subject, CommitteeMember.mail).where(CommitteeMember.committee == COMMITTEE)
_LOANS = select(Delegation.delegator, Delegation.delegate, Delegation.mail)
_LOANS = _LOANS.where(Delegation.committee == COMMITTEE, IN_TIME).order_by(Delegation.id)


def role(session: Session, row: AccessRequest, subject: str, now: int) -> Role | None:
    """Role of ``subject`` towards a request that is :data:`VISIBLE` to them; None if that has ended meanwhile.

    Whoever shall have the data is never committee, so that nobody decides on their own request (ATTACKS 63).
    """
    if row.applicant == subject:
        return "applicant"
    if session.get(CoMember, (row.id, subject)) is not None:
        return "member"
    return "committee" if seats(session, row.committee, subject, now) else None


def seats(session: Session, committee: str, subject: str, now: int) -> list[str]:
    """The seats in which ``subject`` may decide at ``now``, each named by its owner: the own one first."""
    given = {"committee": committee, "me": subject, "now": now}
    return list(dict.fromkeys([*session.scalars(_OWN, given), *session.scalars(_LENT, given)]))


def independent(session: Session, row: AccessRequest, held: Sequence[str]) -> list[str]:
    """Those of the seats ``held`` that are not bound to whoever shall have the data (ATTACKS 63).

    A seat of theirs that they lent, and one that they gave somebody as chair, does not approve for them.
    """
    people = {row.applicant, *session.scalars(select(CoMember.subject).where(CoMember.request == row.id))}
    question = select(CommitteeMember.subject).where(
        CommitteeMember.committee == row.committee,
        CommitteeMember.subject.in_(set(held) - people),
        CommitteeMember.seated_by.not_in(people),
    )
    free = set(session.scalars(question))
    return [seat for seat in held if seat in free]


def deciders(session: Session, committee: str, now: int) -> dict[str, str]:
    """E-mail address (or empty) by subject of those who may decide in a committee now."""
    given = {"committee": committee, "now": now}
    found: dict[str, str] = {row.subject: row.mail for row in session.execute(_MEMBERS, given)}
    for delegator, delegate, mail in session.execute(_LOANS, given):
        if delegator in found:
            found.setdefault(delegate, mail)
    return found
