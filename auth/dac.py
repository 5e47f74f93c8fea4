"""The committees of a member at work: requests, decisions, grants.

A command is allowed by three things together: the caller's role towards the request, its state, and the table
``COMMANDS`` of :mod:`auth.access_request`. State, audit event and outbox mail are written in one transaction, under a
lock on the request.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sqlalchemy import Engine, and_, case, func, or_, select
from sqlalchemy.orm import Session

from auth import access_request, audit, outbox
from auth.access_request import COMMANDS, Role, View
from auth.caller import Caller
from auth.committees import register_committee
from auth.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from auth.keys import clock
from auth.policy import DatasetRule
from auth.score import Workload
from auth.tables import AccessRequest, Committee, CommitteeMember, Grant, writing

__all__ = ["Dac", "View", "register_committee"]

DAY = 86400
GRANT_DAYS = 365
MAX_GRANT_DAYS = 3 * 365
MAX_PAGE = 500


class Dac:
    """The committees of one member.

    :param broker: the only issuer whose subjects may apply and decide.
    :param dataset_rule: the rule of a published data set, None for what does not exist for the world.
    :param public_url: named in mails.
    """

    def __init__(
        self,
        engine: Engine,
        broker: str,
        dataset_rule: Callable[[str], DatasetRule | None],
        public_url: str,
        now: Callable[[], int] = clock,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._dataset_rule = dataset_rule
        self._public_url = public_url
        self._now = now

    def create(self, caller: Caller, dataset: str, purpose: str, mail: str = "") -> View:
        """Draft a request for a controlled data set.

        :param mail: where the applicant wants to hear of decisions.
        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such published data set.
        :raises Conflict: the data set needs no request, or has no committee.
        :raises InvalidRequest: the purpose is empty or too long, or the address is none.
        """
        subject, now = self.subject(caller), self._now()
        purpose, mail = access_request.text("purpose", purpose, required=True), access_request.address(mail)
        row = AccessRequest(
            id=secrets.token_hex(8),
            dataset=dataset,
            committee=self._committee_of(dataset),
            applicant=subject,
            applicant_name=access_request.display_name(caller),
            applicant_mail=mail,
            purpose=purpose,
            state="draft",
            comment="",
            created_at=now,
            submitted_at=None,
            decided_at=None,
            updated_at=now,
        )
        with Session(writing(self._engine)) as session, session.begin():
            if session.get(Committee, row.committee) is None:
                raise Conflict(f"the committee of {dataset} is not set up; ask the archive")
            session.add(row)
            session.flush()
            self._record(session, row, subject, "create", now)
            return access_request.view(row, None, "applicant", now)

    def command(self, caller: Caller, request: str, name: str, comment: str = "", days: int = GRANT_DAYS) -> View:
        """Do ``name`` of ``COMMANDS`` to a request.

        :param comment: what the committee tells the applicant; required to return or reject.
        :param days: life of the grant (approve only).
        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        :raises Forbidden: it is not the caller's to do.
        :raises Conflict: not in this state.
        :raises InvalidRequest: a value is not allowed.
        """
        subject, now = self.subject(caller), self._now()
        if name not in COMMANDS:
            raise NotFound("no such command")
        comment = access_request.text("comment", comment, required=False)
        if not 1 <= days <= MAX_GRANT_DAYS:
            raise InvalidRequest(f"days: {days} given; 1 to {MAX_GRANT_DAYS} are allowed")
        with Session(writing(self._engine)) as session, session.begin():
            row, grant, role = self._find(session, request, subject, lock=True)
            access_request.check(name, role, access_request.state(row, grant, now))
            if name in ("return", "reject"):
                access_request.text("comment", comment, required=True)
            if name in ("submit", "approve"):
                self._committee_of(row.dataset)
            if name == "approve":
                grant = _new_grant(row, now, now + days * DAY)
                session.add(grant)
            elif grant is not None:
                grant.revoked_at = now
            _change(row, name, comment, now)
            self._record(session, row, subject, name, now)
            return access_request.view(row, grant, role, now)

    def get(self, caller: Caller, request: str) -> View:
        """One request.

        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        """
        subject = self.subject(caller)
        with Session(self._engine) as session:
            row, grant, role = self._find(session, request, subject, lock=False)
            return access_request.view(row, grant, role, self._now())

    def list(
        self, caller: Caller, *, dataset: str | None = None, state: str | None = None, skip: int = 0, limit: int = 100
    ) -> list[View]:
        """The caller's own requests and those of the caller's committees, newest first.

        :param skip: requests left out from the start.
        :param limit: requests returned at most, 1 to 500.
        """
        subject, now = self.subject(caller), self._now()
        mine = select(CommitteeMember.committee).where(CommitteeMember.subject == subject)
        to_decide = and_(AccessRequest.committee.in_(mine), AccessRequest.submitted_at.is_not(None))
        query = select(AccessRequest, Grant).outerjoin(Grant, Grant.request == AccessRequest.id)
        query = query.where(or_(AccessRequest.applicant == subject, to_decide))
        if dataset is not None:
            query = query.where(AccessRequest.dataset == dataset)
        if state is not None:
            ended = and_(AccessRequest.state == "approved", Grant.expires_at <= now)
            query = query.where(case((ended, "expired"), else_=AccessRequest.state) == state)
        query = query.order_by(AccessRequest.created_at.desc(), AccessRequest.id)
        with Session(self._engine) as session:
            rows = session.execute(query.offset(max(0, skip)).limit(min(max(1, limit), MAX_PAGE))).all()
            return [
                access_request.view(row, grant, "applicant" if row.applicant == subject else "committee", now)
                for row, grant in rows
            ]

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
            func.count(Grant.jti),
            func.sum(AccessRequest.decided_at - AccessRequest.submitted_at),
        )
        joined = query.outerjoin(Grant, Grant.request == AccessRequest.id).where(AccessRequest.dataset == dataset)
        with Session(self._engine) as session:
            received, processed, approved, seconds = session.execute(joined).one()
        return rule.tier, Workload(received, processed, approved, int(seconds or 0))

    def expire(self) -> int:
        """Write down which grants have ended by time; returns how many. They are out of force without this."""
        now = self._now()
        due = select(AccessRequest).join(Grant, Grant.request == AccessRequest.id)
        due = due.where(AccessRequest.state == "approved", Grant.expires_at <= now).order_by(AccessRequest.id)
        with Session(writing(self._engine)) as session, session.begin():
            rows = session.scalars(due.limit(MAX_PAGE).with_for_update(of=AccessRequest)).all()
            for row in rows:
                row.state, row.updated_at = "expired", now
                self._record(session, row, "clock", "expire", now)
            return len(rows)

    def subject(self, caller: Caller) -> str:
        """The subject that acts here.

        :raises Unauthenticated: anonymous, expired, or of another broker, whose subjects may be called the same.
        """
        if caller.subject is None or caller.issuer != self._broker:
            raise Unauthenticated("sign in first")
        if caller.expires is None or caller.expires <= self._now():
            raise Unauthenticated("the sign-in has expired")
        return caller.subject

    def _committee_of(self, dataset: str) -> str:
        rule = self._dataset_rule(dataset)
        if rule is None:
            raise NotFound("no such data set")
        if rule.tier != "controlled":
            raise Conflict(f"{dataset} is {rule.tier}: it needs no request")
        if rule.dac is None:
            raise Conflict(f"{dataset} has no committee; ask the archive")
        return rule.dac

    def _find(
        self, session: Session, request: str, subject: str, *, lock: bool
    ) -> tuple[AccessRequest, Grant | None, Role]:
        row = session.get(AccessRequest, request, with_for_update=True if lock else None)
        role = None if row is None else _role(session, row, subject)
        if row is None or role is None:
            raise NotFound("no such request")
        return row, session.scalars(select(Grant).where(Grant.request == row.id)).one_or_none(), role

    def _record(self, session: Session, row: AccessRequest, actor: str, action: str, now: int) -> None:
        """The audit event, and a mail to the other side."""
        details = {"dataset": row.dataset, "committee": row.committee, "state": row.state}
        audit.append(session, at=now, actor=actor, action=action, target=row.id, details=details)
        subject = f"{row.dataset}: access request {row.state}"
        body = (
            f"The request {row.id} for the data set {row.dataset} is now {row.state}.\n\n"
            f"Open it at {self._public_url}/dac/requests/{row.id}\n"
        )
        for recipient, mail in _recipients(session, row, action).items():
            outbox.put(session, recipient=recipient, address=mail, subject=subject, body=body, now=now)


def _role(session: Session, row: AccessRequest, subject: str) -> Role | None:
    """Role of ``subject`` towards a request; None: for this person it does not exist.

    The applicant is never committee, so that nobody decides on their own request. What was never submitted is the
    applicant's alone.
    """
    if row.applicant == subject:
        return "applicant"
    if row.submitted_at is None or session.get(CommitteeMember, (row.committee, subject)) is None:
        return None
    return "committee"


def _new_grant(row: AccessRequest, now: int, expires_at: int) -> Grant:
    return Grant(
        jti=secrets.token_hex(16),
        request=row.id,
        dataset=row.dataset,
        committee=row.committee,
        subject=row.applicant,
        granted_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )


def _change(row: AccessRequest, name: str, comment: str, now: int) -> None:
    row.state, row.updated_at = COMMANDS[name].becomes, now
    if COMMANDS[name].role == "committee":
        row.comment = comment
    if name == "submit":
        row.submitted_at = now
    if name in ("approve", "reject"):
        row.decided_at = now


def _recipients(session: Session, row: AccessRequest, action: str) -> Mapping[str, str]:
    """Address by subject: decisions are told to the applicant, what the applicant does to the committee."""
    if action == "create" or row.submitted_at is None:
        return {}
    if action not in COMMANDS or COMMANDS[action].role == "committee":
        return {row.applicant: row.applicant_mail}
    members = select(CommitteeMember).where(CommitteeMember.committee == row.committee)
    return {member.subject: member.mail for member in session.scalars(members) if member.subject != row.applicant}
