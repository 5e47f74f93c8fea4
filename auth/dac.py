"""The committees of a member at work: requests and decisions.

A command is allowed by three things together: the caller's role towards the request, its state, and the table
``COMMANDS`` of :mod:`auth.access_request`. State, audit event and outbox mail are written in one transaction, under a
lock on the request. What belongs to a request beside its state is looked after by :mod:`auth.co_members` and
:mod:`auth.papers`; who sits in a committee by :mod:`auth.committees`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, and_, case, func, or_, select
from sqlalchemy.orm import Session

from auth import access_request, duo, granting, links
from auth.access_request import View
from auth.announcing import Announcer
from auth.caller import Caller
from auth.co_members import CoMembers
from auth.committees import Committees, register_committee
from auth.docket import Case, Docket
from auth.dossier import Dossier, dossier
from auth.errors import AuthError, Conflict, InvalidRequest, NotFound
from auth.keys import clock
from auth.papers import Papers
from auth.policy import DatasetRule
from auth.score import Workload
from auth.standing import JOINED, VISIBLE
from auth.tables import AccessRequest, CoMember, Committee, Grant

__all__ = ["Dac", "View", "register_committee"]

DAY = granting.DAY
GRANT_DAYS = 365
MAX_GRANT_DAYS = 3 * 365
MAX_PAGE = 500
DECISIONS = frozenset({"submit", "close", "return", "approve", "reject", "revoke"})
NO_LINK = "no such link"


class Dac:
    """The committees of one member.

    :param broker: the only issuer whose subjects may apply and decide.
    :param dataset_rule: the rule of a published data set, None for what does not exist for the world.
    :param public_url: named in mails.
    :param terms: DUO terms of a data set, as Beacon's ``duoDataUse``.
    :param one_click: whether mails to the committee carry a link whose page approves with one click.
    """

    def __init__(
        self,
        engine: Engine,
        broker: str,
        dataset_rule: Callable[[str], DatasetRule | None],
        public_url: str,
        now: Callable[[], int] = clock,
        *,
        terms: Callable[[str], Sequence[Mapping[str, Any]]] = lambda _accession: (),
        one_click: bool = False,
    ) -> None:
        self._docket = Docket(engine, broker, Announcer(public_url, one_click), now)
        self._engine = engine
        self._dataset_rule = dataset_rule
        self._terms = terms
        self._now = now
        self.co_members = CoMembers(self._docket)
        self.papers = Papers(self._docket)
        self.committees = Committees(self._docket)

    def create(
        self, caller: Caller, dataset: str, purpose: str, mail: str = "", use: Mapping[str, Any] | None = None
    ) -> View:
        """Draft a request for a controlled data set.

        :param mail: where the applicant wants to hear of decisions.
        :param use: answers about the use, see :func:`auth.duo.stated`.
        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such published data set.
        :raises Conflict: the data set needs no request, or has no committee.
        :raises InvalidRequest: the purpose is empty or too long, the address is none, or an answer is not allowed.
        """
        subject, now = self._docket.subject(caller), self._now()
        purpose, mail = access_request.text("purpose", purpose, required=True), access_request.address(mail)
        row = AccessRequest(
            id=secrets.token_hex(8),
            use=duo.stated(use or {}),
            dataset=dataset,
            committee=self._committee_of(dataset),
            applicant=subject,
            applicant_name=access_request.display_name(caller),
            applicant_mail=mail,
            purpose=purpose,
            state="draft",
            comment="",
            created_at=now,
            updated_at=now,
        )
        return self._drafted(row, subject, now)

    def edit(
        self,
        caller: Caller,
        request: str,
        *,
        purpose: str | None = None,
        mail: str | None = None,
        use: Mapping[str, Any] | None = None,
    ) -> View:
        """Change what is given of a draft or returned request (applicant).

        :raises InvalidRequest: as for :meth:`create`.
        """
        with self._docket.opened(caller, request, "edit") as case:
            if purpose is not None:
                case.row.purpose = access_request.text("purpose", purpose, required=True)
            if mail is not None:
                case.row.applicant_mail = access_request.address(mail)
            if use is not None:
                case.row.use = duo.stated(use)
            case.row.updated_at = case.now
            self._docket.record(case, "edit")
            return case.view()

    def renew(self, caller: Caller, request: str) -> View:
        """Draft a request that continues an approved or expired one, with its purpose and co-members (applicant).

        Once approved it takes the old one's place; until then the old one stands as it is.

        :raises Conflict: there is an open renewal already, or the data set cannot be requested any more.
        """
        objection = self._objection(self._docket.dataset(caller, request))
        with self._docket.opened(caller, request, "renew") as opened:
            if objection:
                raise objection
            old, session, now = opened.row, opened.session, opened.now
            open_one = select(AccessRequest.id).where(
                AccessRequest.renews == old.id, AccessRequest.state.in_(("draft", "submitted", "returned"))
            )
            if session.scalar(open_one) is not None:
                raise Conflict("a renewal of this request is under way")
            row = AccessRequest(
                id=secrets.token_hex(8),
                dataset=old.dataset,
                committee=old.committee,
                applicant=old.applicant,
                applicant_name=access_request.display_name(caller) or old.applicant_name,
                applicant_mail=old.applicant_mail,
                purpose=old.purpose,
                use=dict(old.use),
                state="draft",
                comment="",
                renews=old.id,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            session.flush()
            for member in session.scalars(select(CoMember).where(CoMember.request == old.id)):
                copied = CoMember(
                    request=row.id, subject=member.subject, name=member.name, mail=member.mail, joined_at=now
                )
                session.add(copied)
            self._docket.note(session, row, opened.subject, "renew", now, renews=old.id)
            return access_request.view(row, None, "applicant", now)

    def command(self, caller: Caller, request: str, name: str, comment: str = "", days: int = GRANT_DAYS) -> View:
        """Do one of ``DECISIONS`` to a request.

        :param comment: what the committee tells the applicant; required to return or reject.
        :param days: life of the grant (approve only).
        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        :raises Forbidden: it is not the caller's to do.
        :raises Conflict: not in this state.
        :raises InvalidRequest: a value is not allowed.
        """
        self._docket.subject(caller)
        if name not in DECISIONS:
            raise NotFound("no such command")
        comment = access_request.text("comment", comment, required=False)
        if not 1 <= days <= MAX_GRANT_DAYS:
            raise InvalidRequest(f"days: {days} given; 1 to {MAX_GRANT_DAYS} are allowed")
        granting_something = name in ("submit", "approve")
        objection = self._objection(self._docket.dataset(caller, request)) if granting_something else None
        with self._docket.opened(caller, request, name) as opened:
            if objection:
                raise objection
            if name in ("return", "reject"):
                access_request.text("comment", comment, required=True)
            self._do(opened, name, comment, days)
            return opened.view()

    def approvable(self, caller: Caller, secret: str) -> View:
        """The request that a one-click link of the caller is for; nothing happens (ATTACKS 64).

        :raises NotFound: no such link, or not the caller's, or the request cannot be seen any more.
        :raises Conflict: the link was used, has expired, or the request is no longer waiting.
        """
        subject = self._docket.subject(caller)
        with Session(self._engine) as session:
            return self._by_link(session, caller, subject, secret, lock=False).view()

    def approve_by_link(self, caller: Caller, secret: str) -> View:
        """The one click: approve for the usual time, and use the link up.

        :raises NotFound: as :meth:`approvable`.
        :raises Conflict: as :meth:`approvable`.
        """
        subject = self._docket.subject(caller)
        self._committee_of(self.approvable(caller, secret).dataset)
        with self._docket.transaction() as session:
            opened = self._by_link(session, caller, subject, secret, lock=True)
            link = links.find(session, "approve", secret, lock=True)
            if link is None or not links.alive(link, opened.row, opened.now):
                raise Conflict("this link was used")
            link.used_at = opened.now
            self._do(opened, "approve", "", GRANT_DAYS)
            return opened.view()

    def get(self, caller: Caller, request: str) -> View:
        """One request.

        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        """
        with self._docket.read(caller, request) as opened:
            return opened.view()

    def dossier(self, caller: Caller, request: str) -> Dossier:
        """One request with all that belongs to it and that the caller may see.

        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        """
        with self._docket.read(caller, request) as opened:
            found = dossier(opened)
        if found.view.role != "committee":
            return found
        return replace(found, findings=duo.findings(self._terms(found.view.dataset), found.view.use))

    def list(
        self, caller: Caller, *, dataset: str | None = None, state: str | None = None, skip: int = 0, limit: int = 100
    ) -> list[View]:
        """The caller's own requests and those of the caller's committees, newest first.

        :param skip: requests left out from the start.
        :param limit: requests returned at most, 1 to 500.
        """
        subject, now = self._docket.subject(caller), self._now()
        query = select(AccessRequest, Grant, JOINED).outerjoin(Grant, _of_applicant()).where(VISIBLE)
        if dataset is not None:
            query = query.where(AccessRequest.dataset == dataset)
        if state is not None:
            ended = and_(AccessRequest.state == "approved", Grant.expires_at <= now)
            query = query.where(case((ended, "expired"), else_=AccessRequest.state) == state)
        query = query.order_by(AccessRequest.created_at.desc(), AccessRequest.id)
        with Session(self._engine) as session:
            page = query.offset(max(0, skip)).limit(min(max(1, limit), MAX_PAGE))
            rows = session.execute(page, {"me": subject, "now": now}).all()
        found = []
        for row, grant, member in rows:
            role: access_request.Role = "member" if member else "committee"
            found.append(access_request.view(row, grant, "applicant" if row.applicant == subject else role, now))
        return found

    def terms(self, dataset: str) -> tuple[duo.Term, ...]:
        """The terms under which a data set is given, for people to read."""
        return duo.named(self._terms(dataset))

    def workload(self, dataset: str) -> tuple[str, Workload]:
        """Tier of a published data set, and how its committee dealt with the requests for it.

        :raises NotFound: no such published data set.
        """
        rule = self._dataset_rule(dataset)
        if rule is None:
            raise NotFound("no such data set")
        decided = AccessRequest.decided_at.is_not(None)
        query = select(
            func.count(case((or_(decided, AccessRequest.state == "submitted"), 1))),
            func.count(case((decided, 1))),
            func.count(case((AccessRequest.outcome == "approved", 1))),
            func.sum(AccessRequest.decided_at - AccessRequest.submitted_at),
        ).where(AccessRequest.dataset == dataset)
        with Session(self._engine) as session:
            received, processed, approved, seconds = session.execute(query).one()
        return rule.tier, Workload(received, processed, approved, int(seconds or 0))

    def expire(self) -> int:
        """Write down which grants have ended by time; returns how many. They are out of force without this."""
        now = self._now()
        due = select(AccessRequest).join(Grant, _of_applicant())
        due = due.where(AccessRequest.state == "approved", Grant.expires_at <= now).order_by(AccessRequest.id)
        with self._docket.transaction() as session:
            rows = session.scalars(due.limit(MAX_PAGE).with_for_update(of=AccessRequest)).all()
            for row in rows:
                row.state, row.updated_at = "expired", now
                self._docket.note(session, row, "clock", "expire", now)
                self._docket.announcer.announce(session, row, "expire", "committee", "clock", now)
            return len(rows)

    def _do(self, opened: Case, name: str, comment: str, days: int) -> None:
        row, now = opened.row, opened.now
        if name == "submit":
            committee = opened.session.get_one(Committee, row.committee)
            row.submitted_at, row.round, row.approvals, row.quorum = now, row.round + 1, 0, committee.quorum
        done = granting.approve(self._docket, opened, days) if name == "approve" else name
        if name in ("revoke", "close"):
            granting.end(opened.session, row.id, now)
        if done != "vote":
            _change(row, done, comment, now)
        self._docket.record(opened, done)

    def _by_link(self, session: Session, caller: Caller, subject: str, secret: str, *, lock: bool) -> Case:
        link = links.find(session, "approve", secret)
        if link is None or link.subject != subject:
            raise NotFound(NO_LINK)
        opened = self._docket.case(session, caller, subject, link.request, lock=lock)
        if not links.alive(link, opened.row, opened.now):
            raise Conflict("this link was used or has expired; open the request itself")
        access_request.check("approve", opened.role, opened.state)
        return opened

    def _drafted(self, row: AccessRequest, subject: str, now: int) -> View:
        with self._docket.transaction() as session:
            if session.get(Committee, row.committee) is None:
                raise Conflict(f"the committee of {row.dataset} is not set up; ask the archive")
            session.add(row)
            session.flush()
            self._docket.note(session, row, subject, "create", now)
            return access_request.view(row, None, "applicant", now)

    def _objection(self, dataset: str | None) -> AuthError | None:
        """Why a data set can no longer be requested or granted; None if it can."""
        try:
            if dataset is not None:
                self._committee_of(dataset)
        except (NotFound, Conflict) as objection:
            return objection
        return None

    def _committee_of(self, dataset: str) -> str:
        rule = self._dataset_rule(dataset)
        if rule is None:
            raise NotFound("no such data set")
        if rule.tier != "controlled":
            raise Conflict(f"{dataset} is {rule.tier}: it needs no request")
        if rule.dac is None:
            raise Conflict(f"{dataset} has no committee; ask the archive")
        return rule.dac


def _of_applicant() -> Any:
    """Join condition: the applicant's grant, which lives as long as those of the co-members."""
    return and_(Grant.request == AccessRequest.id, Grant.subject == AccessRequest.applicant)


def _change(row: AccessRequest, name: str, comment: str, now: int) -> None:
    command = access_request.COMMANDS[name]
    row.state, row.updated_at = command.becomes or row.state, now
    if "committee" in command.roles:
        row.comment = comment
    if name in ("approve", "reject"):
        row.decided_at, row.outcome = now, row.state
