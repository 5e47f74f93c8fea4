"""Co-members of a request: people whom the applicant invites, who accept, and who get grants of their own.

They join before the request is sent, never after: the committee decides on exactly the people it sees (ATTACKS 63).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auth import access_request, granting, links
from auth.caller import Caller
from auth.docket import Case, Docket
from auth.errors import Conflict, NotFound
from auth.tables import AccessRequest, CoMember

MOST = 20
NO_INVITATION = "no such invitation"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invited person is told: which data set, and who asks for it."""

    request: str
    dataset: str
    applicant: str
    applicant_name: str


class CoMembers:
    """Invites, joins, removes, leaves."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    def invite(self, caller: Caller, request: str, mail: str = "") -> str:
        """Invite somebody to a draft or returned request (applicant); the link, which is also mailed.

        :raises InvalidRequest: the address is none.
        :raises Conflict: there are 20 co-members and invitations already.
        """
        mail = access_request.address(mail)
        with self._docket.opened(caller, request, "invite") as case:
            if self._count(case) >= MOST:
                raise Conflict(f"at most {MOST} co-members and open invitations are allowed")
            secret = links.make(case.session, "join", case.row, case.now, mail=mail)
            self._docket.record(case, "invite")
            return self._docket.announcer.invite(case.session, case.row, mail, secret, case.now)

    def invitation(self, caller: Caller, secret: str) -> Invitation:
        """What an open invitation is about; nothing happens.

        :raises NotFound: no such invitation, used, expired, or the request was sent meanwhile.
        """
        self._docket.subject(caller)
        with Session(self._docket.engine) as session:
            row = self._invited(session, secret, lock=False)
            return Invitation(row.id, row.dataset, row.applicant, row.applicant_name)

    def join(self, caller: Caller, secret: str) -> Invitation:
        """Accept an invitation. Whoever joins can no longer decide on the request.

        :raises NotFound: no such invitation, used, expired, or the request was sent meanwhile.
        :raises Conflict: the caller is the applicant or has joined already.
        """
        subject = self._docket.subject(caller)
        with self._docket.transaction() as session:
            row, now = self._invited(session, secret, lock=True), self._docket.now()
            if row.applicant == subject or session.get(CoMember, (row.id, subject)) is not None:
                raise Conflict("you take part in this request already")
            link = links.find(session, "join", secret, lock=True)
            if link is None or not links.alive(link, row, now):
                raise NotFound(NO_INVITATION)
            link.used_at, name = now, access_request.display_name(caller)
            session.add(CoMember(request=row.id, subject=subject, name=name, mail=link.mail, joined_at=now))
            session.flush()
            self._docket.note(session, row, subject, "join", now)
            self._docket.announcer.announce(session, row, "join", "member", subject, now)
            return Invitation(row.id, row.dataset, row.applicant, row.applicant_name)

    def remove(self, caller: Caller, request: str, subject: str) -> None:
        """Take a co-member out; their access ends at once (applicant).

        :raises NotFound: no such co-member.
        """
        with self._docket.opened(caller, request, "remove") as case:
            self._take_out(case, subject, "remove")

    def leave(self, caller: Caller, request: str) -> None:
        """Leave a request, and give one's own access up (co-member)."""
        with self._docket.opened(caller, request, "leave") as case:
            self._take_out(case, case.subject, "leave")

    def _take_out(self, case: Case, subject: str, action: str) -> None:
        member = case.session.get(CoMember, (case.row.id, subject))
        if member is None:
            raise NotFound("no such co-member")
        case.session.delete(member)
        granting.end(case.session, case.row.id, case.now, subject)
        self._docket.record(case, action, member=subject)

    def _invited(self, session: Session, secret: str, *, lock: bool) -> AccessRequest:
        link = links.find(session, "join", secret)
        row = session.get(AccessRequest, link.request, with_for_update=True if lock else None) if link else None
        open_states = access_request.COMMANDS["invite"].states
        if link is None or row is None or not links.alive(link, row, self._docket.now()):
            raise NotFound(NO_INVITATION)
        if row.state not in open_states:
            raise NotFound(NO_INVITATION)
        return row

    def _count(self, case: Case) -> int:
        members = select(func.count()).select_from(CoMember).where(CoMember.request == case.row.id)
        return (case.session.scalar(members) or 0) + links.waiting(case.session, case.row, "join", case.now)
