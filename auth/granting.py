"""Grants: made when the committee has approved, moved when a request is renewed, ended by revocation."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.docket import Case, Docket
from auth.errors import Conflict, Forbidden
from auth.standing import independent, seats
from auth.tables import AccessRequest, CoMember, Grant, Vote

DAY = 86400


def approve(docket: Docket, case: Case, days: int) -> str:
    """Count the approval of the one who opened ``case``; with the quorum, grant. What happened: approve or vote.

    One person and one seat count once in a round. The grants live for the shortest time that was voted for.

    :raises Forbidden: every seat they hold is lent or given by somebody who shall have the data.
    :raises Conflict: the person, or every seat they hold, has approved already.
    """
    row, session = case.row, case.session
    held = independent(session, row, seats(session, row.committee, case.subject, case.now))
    if not held:
        raise Forbidden("your seat was given to you by somebody who shall have the data")
    votes = list(session.scalars(select(Vote).where(Vote.request == row.id, Vote.round == row.round)))
    taken = {vote.seat for vote in votes}
    free = [seat for seat in held if seat not in taken]
    if not free or case.subject in {vote.subject for vote in votes}:
        raise Conflict("you, or the one whose seat you hold, have approved it already")
    session.add(Vote(request=row.id, round=row.round, seat=free[0], subject=case.subject, days=days, at=case.now))
    row.approvals, row.updated_at = len(votes) + 1, case.now
    if row.approvals < row.quorum:
        return "vote"
    _grant(docket, case, case.now + min([days, *(vote.days for vote in votes)]) * DAY)
    return "approve"


def end(session: Session, request: str, now: int, subject: str | None = None) -> int:
    """End the grants of a request, or of one person in it, that are in force; how many those were."""
    question = select(Grant).where(Grant.request == request, Grant.revoked_at.is_(None), Grant.expires_at > now)
    if subject is not None:
        question = question.where(Grant.subject == subject)
    ended = session.scalars(question).all()
    for grant in ended:
        grant.revoked_at = now
    return len(ended)


def _grant(docket: Docket, case: Case, expires_at: int) -> None:
    row, session = case.row, case.session
    people = {row.applicant, *session.scalars(select(CoMember.subject).where(CoMember.request == row.id))}
    kept = _taken_over(docket, case, people, expires_at)
    for subject in sorted(people - kept):
        grant = Grant(
            jti=secrets.token_hex(16),
            request=row.id,
            dataset=row.dataset,
            committee=row.committee,
            subject=subject,
            granted_at=case.now,
            expires_at=expires_at,
            revoked_at=None,
        )
        session.add(grant)
        if subject == row.applicant:
            case.grant = grant


def _taken_over(docket: Docket, case: Case, people: set[str], expires_at: int) -> set[str]:
    """Whose grants went over from the request that this one renews, so that downloads under way go on.

    The old request is closed: there is never more than one to revoke.
    """
    row, session = case.row, case.session
    old = session.get(AccessRequest, row.renews, with_for_update=True, populate_existing=True) if row.renews else None
    if old is None or old.state != "approved":
        return set()
    kept = set()
    question = select(Grant).where(
        Grant.request == old.id,
        Grant.committee == row.committee,
        Grant.revoked_at.is_(None),
        Grant.expires_at > case.now,
    )
    for grant in session.scalars(question.where(Grant.subject.in_(people))):
        grant.request, grant.expires_at = row.id, expires_at
        kept.add(grant.subject)
        if grant.subject == row.applicant:
            case.grant = grant
    session.flush()
    end(session, old.id, case.now)
    old.state, old.updated_at = "closed", case.now
    docket.note(session, old, case.subject, "supersede", case.now, by=row.id)
    return kept
