"""Data access committees: who decides. Named by the operator, from what the submitter said; then kept by its chairs."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from auth import audit, standing
from auth.access_request import address
from auth.caller import Caller
from auth.database import writing
from auth.docket import Docket
from auth.errors import Conflict, Forbidden, InvalidRequest, NotFound
from auth.tables import Committee, CommitteeMember, Delegation

NO_COMMITTEE = "no such committee"
LONGEST_SUBJECT = 255
LONGEST_DELEGATION = 366 * 86400
"""Seconds for which a seat can be lent."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of a committee."""

    subject: str
    mail: str
    chair: bool


@dataclass(frozen=True, slots=True)
class Loan:
    """A seat lent to somebody, from ``starts_at`` until before ``ends_at`` (epoch seconds)."""

    id: str
    delegator: str
    delegate: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class CommitteeView:
    """A committee as its people see it; ``chair``: the one who looks is one."""

    id: str
    title: str
    quorum: int
    seats: tuple[Seat, ...]
    loans: tuple[Loan, ...]
    chair: bool


def register_committee(
    engine: Engine,
    committee: str,
    title: str,
    members: Mapping[str, str],
    now: int,
    actor: str = "operator",
    *,
    chairs: Collection[str] = (),
    quorum: int = 1,
) -> bool:
    """Make or change a committee; nothing happens, and False is returned, if it is already so.

    :param committee: last part of its URL: letters, digits, ``-``, ``.``, ``_``.
    :param members: e-mail address (or empty) by subject at the broker; those not named leave the committee.
    :param now: epoch seconds, for the audit log.
    :param chairs: those of ``members`` who look after the seats; the first member if none is named.
    :param quorum: how many of them must approve a request.
    :raises InvalidRequest: no members, an id that cannot stand in a URL, a wrong address, a chair who is no member, or
        a quorum that cannot be reached.
    """
    if not committee or not all(c.isascii() and (c.isalnum() or c in "-._") for c in committee):
        raise InvalidRequest(f"committee {committee!r}: letters, digits, '-', '.' and '_' are allowed in its id")
    if not members or not all(members):
        raise InvalidRequest(f"committee {committee!r}: it needs at least one member, each with a subject")
    if not set(chairs) <= set(members):
        raise InvalidRequest(f"committee {committee!r}: a chair must be one of its members")
    if not 1 <= quorum <= len(members):
        raise InvalidRequest(f"committee {committee!r}: quorum {quorum} given; 1 to {len(members)} are allowed")
    leading = set(chairs) or {next(iter(members))}
    wanted = {subject: (address(mail), subject in leading) for subject, mail in members.items()}
    with Session(writing(engine)) as session, session.begin():
        row = session.get(Committee, committee, with_for_update=True)
        query = select(CommitteeMember).where(CommitteeMember.committee == committee)
        present = {member.subject: (member.mail, member.chair) for member in session.scalars(query)}
        if row is not None and (row.title, row.quorum) == (title, quorum) and present == wanted:
            return False
        session.merge(Committee(id=committee, title=title, quorum=quorum))
        session.execute(delete(CommitteeMember).where(CommitteeMember.committee == committee))
        session.flush()
        session.add_all(
            CommitteeMember(committee=committee, subject=subject, mail=mail, chair=chair)
            for subject, (mail, chair) in wanted.items()
        )
        details = {"title": title, "members": sorted(wanted), "chairs": sorted(leading), "quorum": quorum}
        audit.append(session, at=now, actor=actor, action="committee", target=committee, details=details)
    return True


class Committees:
    """What the people of a committee do to its seats."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    def mine(self, caller: Caller) -> list[CommitteeView]:
        """The committees in which the caller may decide, by id."""
        subject, now = self._docket.subject(caller), self._docket.now()
        with Session(self._docket.engine) as session:
            ids = sorted(session.scalars(standing.COMMITTEES, {"me": subject, "now": now}))
            return [self._view(session, id, subject, now) for id in ids]

    def seat(self, caller: Caller, committee: str, subject: str, mail: str = "", *, chair: bool = False) -> None:
        """Give somebody a seat, or change it (chair).

        :raises InvalidRequest: no subject, or a wrong address.
        :raises Conflict: the last chair would be gone.
        """
        mail = address(mail)
        if not subject.strip() or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
            raise InvalidRequest("subject: what the broker calls the person is needed")
        with self._docket.transaction() as session:
            actor, _ = self._chaired(session, caller, committee)
            row = session.get(CommitteeMember, (committee, subject))
            if row is None:
                session.add(
                    CommitteeMember(committee=committee, subject=subject, mail=mail, chair=chair, seated_by=actor)
                )
            else:
                row.mail, row.chair = mail, chair
            session.flush()
            self._hold(session, committee)
            self._record(session, committee, actor, "seat", member=subject, chair=chair)

    def unseat(self, caller: Caller, committee: str, subject: str) -> None:
        """Take a seat away (chair, or the member itself).

        :raises NotFound: nobody of that name sits there.
        :raises Conflict: the last chair, or more than the quorum can miss.
        """
        with self._docket.transaction() as session:
            actor, own = self._chaired(session, caller, committee, or_member=subject)
            row = session.get(CommitteeMember, (committee, subject))
            if row is None:
                raise NotFound("no such member")
            session.delete(row)
            session.flush()
            self._hold(session, committee)
            self._record(session, committee, actor, "unseat", member=subject, own=own)

    def delegate(
        self, caller: Caller, committee: str, delegate: str, starts_at: int, ends_at: int, mail: str = ""
    ) -> str:
        """Lend one's own seat to somebody for some time; the id of the delegation.

        :param starts_at: epoch seconds; ``ends_at`` is the first second after.
        :raises Forbidden: the caller has no seat of their own: a lent seat cannot be lent on.
        :raises InvalidRequest: no person, one's own, or times that are over, reversed or longer than a year.
        """
        subject, now, mail = self._docket.subject(caller), self._docket.now(), address(mail)
        if not delegate.strip() or len(delegate) > LONGEST_SUBJECT or delegate == subject:
            raise InvalidRequest("to: what the broker calls the other person is needed")
        if not now < ends_at or not 0 < ends_at - starts_at <= LONGEST_DELEGATION:
            raise InvalidRequest("until: it must lie ahead, after the start, and at most a year from it")
        with self._docket.transaction() as session:
            self._mine(session, committee, subject, now)
            if session.get(CommitteeMember, (committee, subject)) is None:
                raise Forbidden("only a member with a seat of their own may lend it")
            row = Delegation(
                id=secrets.token_hex(8),
                committee=committee,
                delegator=subject,
                delegate=delegate,
                mail=mail,
                starts_at=starts_at,
                ends_at=ends_at,
            )
            session.add(row)
            details = {"member": delegate, "from": starts_at, "until": ends_at}
            self._record(session, committee, subject, "delegate", **details)
            return row.id

    def recall(self, caller: Caller, committee: str, delegation: str) -> None:
        """End a delegation at once (who lent the seat, or a chair).

        :raises NotFound: no such delegation that is not over.
        """
        subject, now = self._docket.subject(caller), self._docket.now()
        with self._docket.transaction() as session:
            self._mine(session, committee, subject, now)
            row = session.get(Delegation, delegation, with_for_update=True)
            if row is None or row.committee != committee or row.ends_at <= now:
                raise NotFound("no such delegation")
            if row.delegator != subject:
                self._chaired(session, caller, committee)
            row.ends_at = now
            self._record(session, committee, subject, "recall", member=row.delegate)

    def _view(self, session: Session, id: str, subject: str, now: int) -> CommitteeView:
        row = session.get_one(Committee, id)
        members = select(CommitteeMember).where(CommitteeMember.committee == id).order_by(CommitteeMember.subject)
        seats = tuple(Seat(one.subject, one.mail, one.chair) for one in session.scalars(members))
        lent = select(Delegation).where(Delegation.committee == id, Delegation.ends_at > now)
        loans = tuple(
            Loan(one.id, one.delegator, one.delegate, one.starts_at, one.ends_at)
            for one in session.scalars(lent.order_by(Delegation.starts_at, Delegation.id))
        )
        return CommitteeView(
            id, row.title, row.quorum, seats, loans, any(s.chair and s.subject == subject for s in seats)
        )

    def _mine(self, session: Session, committee: str, subject: str, now: int) -> None:
        """:raises NotFound: no such committee, or the caller has no part in it: the two look alike."""
        session.get(Committee, committee, with_for_update=True)
        if not standing.seats(session, committee, subject, now):
            raise NotFound(NO_COMMITTEE)

    def _chaired(
        self, session: Session, caller: Caller, committee: str, or_member: str | None = None
    ) -> tuple[str, bool]:
        """The caller, who must be a chair or be ``or_member``; and whether it is that one.

        :raises NotFound: as :meth:`_mine`.
        :raises Forbidden: a member, but no chair.
        """
        subject = self._docket.subject(caller)
        self._mine(session, committee, subject, self._docket.now())
        own = session.get(CommitteeMember, (committee, subject))
        if not (own is not None and (own.chair or subject == or_member)):
            raise Forbidden("only a chair of the committee may do this")
        return subject, subject == or_member

    def _hold(self, session: Session, committee: str) -> None:
        """:raises Conflict: without a chair, or with fewer members than the quorum, a committee cannot work."""
        members = list(session.scalars(select(CommitteeMember).where(CommitteeMember.committee == committee)))
        if not any(member.chair for member in members):
            raise Conflict("the last chair cannot go; make another member chair first")
        quorum = session.get_one(Committee, committee).quorum
        if len(members) < quorum:
            raise Conflict(f"the committee needs {quorum} members to decide; seat another one first")

    def _record(self, session: Session, committee: str, actor: str, action: str, **details: object) -> None:
        audit.append(session, at=self._docket.now(), actor=actor, action=action, target=committee, details=details)
