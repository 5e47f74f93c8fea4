"""How a person stands to a request: whether it exists for them, in which role, and in which seats they may decide."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from auth.access_request import Role
from auth.tables import AccessRequest, CoMember, CommitteeMember, Delegation


def visible(subject: str, now: int) -> ColumnElement[bool]:
    """Condition on ``AccessRequest``: it exists for ``subject`` at ``now``.

    What was never submitted is the applicant's alone. One statement finds what may be seen and nothing else, so that
    what is hidden costs the same as what is not there (ATTACKS 62).
    """
    joined = exists().where(CoMember.request == AccessRequest.id, CoMember.subject == subject)
    decides = AccessRequest.committee.in_(committees(subject, now))
    return or_(AccessRequest.applicant == subject, and_(AccessRequest.submitted_at.is_not(None), or_(joined, decides)))


def role(session: Session, row: AccessRequest, subject: str, now: int) -> Role | None:
    """Role of ``subject`` towards a request; None: for this person it does not exist.

    Whoever shall have the data is never committee, so that nobody decides on their own request (ATTACKS 63).
    """
    if row.applicant == subject:
        return "applicant"
    if row.submitted_at is None:
        return None
    if session.get(CoMember, (row.id, subject)) is not None:
        return "member"
    return "committee" if seats(session, row.committee, subject, now) else None


def committees(subject: str, now: int) -> Select[str]:
    """Ids of the committees in which ``subject`` may decide: by a seat of their own, or by one lent to them."""
    lender = aliased(CommitteeMember)
    lent = select(Delegation.committee).join(
        lender, and_(lender.committee == Delegation.committee, lender.subject == Delegation.delegator)
    )
    own = select(CommitteeMember.committee).where(CommitteeMember.subject == subject)
    held = own.union(lent.where(Delegation.delegate == subject, _now(now))).subquery()
    return select(held.c.committee)


def seats(session: Session, committee: str, subject: str, now: int) -> list[str]:
    """The seats in which ``subject`` may decide at ``now``, each named by its owner: the own one first."""
    own = select(CommitteeMember.subject).where(
        CommitteeMember.committee == committee, CommitteeMember.subject == subject
    )
    lent = select(Delegation.delegator).join(
        CommitteeMember,
        and_(
            CommitteeMember.committee == Delegation.committee,
            CommitteeMember.subject == Delegation.delegator,
        ),
    )
    lent = lent.where(Delegation.committee == committee, Delegation.delegate == subject, _now(now))
    found = [*session.scalars(own), *session.scalars(lent.order_by(Delegation.delegator))]
    return list(dict.fromkeys(found))


def deciders(session: Session, committee: str, now: int) -> dict[str, str]:
    """E-mail address (or empty) by subject of those who may decide in a committee now."""
    members = select(CommitteeMember).where(CommitteeMember.committee == committee)
    found = {member.subject: member.mail for member in session.scalars(members)}
    lent = select(Delegation).where(Delegation.committee == committee, _now(now)).order_by(Delegation.id)
    for delegation in session.scalars(lent):
        if delegation.delegator in found:
            found.setdefault(delegation.delegate, delegation.mail)
    return found


def _now(now: int) -> ColumnElement[bool]:
    return and_(Delegation.starts_at <= now, Delegation.ends_at > now)
