"""Cases as those who may see them open them: under a lock, in one transaction with their events and mails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.orm import Session

from auth import access_request, audit
from auth.access_request import Role, View
from auth.announcing import Announcer
from auth.caller import Caller, signed_in
from auth.database import writing
from auth.errors import NotFound
from auth.keys import clock
from auth.standing import VISIBLE, role
from auth.tables import AccessRequest, Grant

NO_REQUEST = "no such request"
ONE = select(AccessRequest).where(AccessRequest.id == bindparam("request"), VISIBLE)
LOCKED = ONE.with_for_update(of=AccessRequest)
DATASET = select(AccessRequest.dataset).where(AccessRequest.id == bindparam("request"), VISIBLE)
GRANT = select(Grant).where(Grant.request == bindparam("request"), Grant.subject == bindparam("applicant"))


@dataclass(slots=True)
class Case:
    """A request opened by one who may see it.

    :param grant: the applicant's.
    :param name: what the broker calls the one who opened it.
    """

    session: Session
    row: AccessRequest
    grant: Grant | None
    role: Role
    subject: str
    name: str
    now: int

    @property
    def state(self) -> str:
        """The state now."""
        return access_request.state(self.row, self.grant, self.now)

    def view(self) -> View:
        """The request as the one who opened it sees it."""
        return access_request.view(self.row, self.grant, self.role, self.now)


class Docket:
    """All requests of a member.

    :param broker: the only issuer whose subjects may apply and decide.
    """

    def __init__(self, engine: Engine, broker: str, announcer: Announcer, now: Callable[[], int] = clock) -> None:
        self.engine = engine
        self.now = now
        self.announcer = announcer
        self._broker = broker

    def subject(self, caller: Caller) -> str:
        """The subject that acts here.

        :raises Unauthenticated: anonymous, expired, or of another broker, whose subjects may be called the same.
        """
        return signed_in(caller, self._broker, self.now())

    @contextmanager
    def opened(self, caller: Caller, request: str, command: str) -> Iterator[Case]:
        """A case on which ``command`` will be done: locked, and written when the block ends.

        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        :raises Forbidden: it is not the caller's to do.
        :raises Conflict: not in this state.
        """
        subject = self.subject(caller)
        with self.transaction() as session:
            case = self.case(session, caller, subject, request, lock=True)
            access_request.check(command, case.role, case.state)
            yield case

    @contextmanager
    def read(self, caller: Caller, request: str) -> Iterator[Case]:
        """A case to look at.

        :raises Unauthenticated: nobody is signed in.
        :raises NotFound: no such request, or none that the caller may see.
        """
        subject = self.subject(caller)
        with Session(self.engine) as session:
            yield self.case(session, caller, subject, request, lock=False)

    def dataset(self, caller: Caller, request: str) -> str | None:
        """The data set of a request, None if there is none that the caller may see.

        For what must be asked elsewhere before a transaction: who holds a lock must not wait for another connection.
        """
        given = {"request": request, "me": self.subject(caller), "now": self.now()}
        with Session(self.engine) as session:
            return session.scalar(DATASET, given)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose transaction writes and is committed when the block ends."""
        with Session(writing(self.engine)) as session, session.begin():
            yield session

    def case(self, session: Session, caller: Caller, subject: str, request: str, *, lock: bool) -> Case:
        """The case of ``request`` for ``subject``.

        :raises NotFound: no such request, or none that the caller may see.
        """
        now = self.now()
        given = {"request": request, "me": subject, "now": now}
        row = session.scalars(LOCKED if lock else ONE, given).one_or_none()
        standing = None if row is None else role(session, row, subject, now)
        if row is None or standing is None:
            raise NotFound(NO_REQUEST)
        grant = session.scalars(GRANT, {"request": row.id, "applicant": row.applicant}).one_or_none()
        return Case(session, row, grant, standing, subject, access_request.display_name(caller), now)

    def record(self, case: Case, action: str, **details: object) -> None:
        """The audit event of a change, and the mails that tell of it."""
        self.note(case.session, case.row, case.subject, action, case.now, **details)
        self.announcer.announce(case.session, case.row, action, case.role, case.subject, case.now)

    def note(self, session: Session, row: AccessRequest, actor: str, action: str, now: int, **details: object) -> None:
        """The audit event of a change to ``row``."""
        about = {"dataset": row.dataset, "committee": row.committee, "state": row.state, **details}
        audit.append(session, at=now, actor=actor, action=action, target=row.id, details=about)
