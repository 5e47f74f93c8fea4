"""A DAC at work for tests: two committees, and requests brought into any state by commands alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from auth.access_request import View
from auth.caller import Caller
from auth.committees import register_committee
from auth.dac import DAY, Dac
from auth.database import writing
from auth.errors import AuthError
from auth.keys import KeyRing
from auth.policy import DatasetRule
from auth.tables import Attachment, Base, Grant
from auth.visas import VisaIssuer
from tests.auth.world import BROKER, MEMBER, NOW, Clock, person

RULES = {
    "HRA000001": DatasetRule("HRA000001", "controlled", "public", "DAC1"),
    "HRA000002": DatasetRule("HRA000002", "open", "public", None),
    "HRA000003": DatasetRule("HRA000003", "controlled", "public", None),
    "HRA000004": DatasetRule("HRA000004", "controlled", "public", "DAC9"),
    "HRA000005": DatasetRule("HRA000005", "controlled", "public", "DAC2"),
}
ALICE, BOB, DORA, DAVE, EVE, MALLORY = (person(name) for name in ("alice", "bob", "dora", "dave", "eve", "mallory"))
PATHS = {
    "draft": [],
    "submitted": ["submit"],
    "returned": ["submit", "return"],
    "approved": ["submit", "approve"],
    "rejected": ["submit", "reject"],
    "revoked": ["submit", "approve", "revoke"],
    "closed": ["submit", "close"],
    "expired": ["submit", "approve"],
}
PDF = b"%PDF-1.7 a plan"


class Desk:
    """dora (chair) and dave decide in DAC1, eve in DAC2.

    :param quorum: of DAC1.
    :param made: the committees are in the database already.
    """

    def __init__(
        self, engine: Engine, clock: Clock, *, quorum: int = 1, one_click: bool = False, made: bool = False
    ) -> None:
        self.engine, self.clock = engine, clock
        self.rules = dict(RULES)
        self.terms: list[dict[str, object]] = []
        if not made:
            members = {"dora": "dora@dac.example", "dave": "", "alice2": "x@y.example"}
            register_committee(engine, "DAC1", "First", members, NOW, quorum=quorum)
            register_committee(engine, "DAC2", "Second", {"eve": ""}, NOW)
        self.dac = Dac(
            engine,
            BROKER,
            lambda accession: self.rules.get(accession),
            MEMBER,
            clock,
            terms=lambda _: self.terms,
            one_click=one_click,
        )
        self.visas = VisaIssuer(MEMBER, engine, KeyRing(engine, clock), clock)

    def request(self, state: str, applicant: Caller = ALICE, member: Caller | None = None) -> View:
        """A request brought into ``state``, with ``member`` as co-member if one is given."""
        made = self.dac.create(applicant, "HRA000001", "to learn")
        if member is not None:
            self.dac.co_members.join(member, self.invite(made.id, applicant))
        return self.bring(made.id, state, applicant)

    def bring(self, request: str, state: str, applicant: Caller = ALICE) -> View:
        """Bring a draft into ``state``."""
        made = self.dac.get(applicant, request)
        for name in PATHS[state]:
            who = applicant if name in ("submit", "close") else DAVE
            made = self.dac.command(who, request, name, comment="so", days=1)
        if state == "expired":
            self.clock.seconds += DAY
        return made

    def invite(self, request: str, applicant: Caller = ALICE, mail: str = "") -> str:
        """The secret of a new invitation."""
        return self.dac.co_members.invite(applicant, request, mail).rpartition("/")[2]

    def count(self, table: type[Base]) -> int:
        """Rows of a table."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def grants(self, request: str | None = None) -> list[Grant]:
        """All grants, or those of a request, by subject."""
        question = select(Grant).order_by(Grant.subject)
        with Session(self.engine) as session:
            return list(session.scalars(question if request is None else question.where(Grant.request == request)))

    def holders(self) -> list[str]:
        """Subjects that hold a grant in force, by :class:`VisaIssuer`."""
        people = {grant.subject for grant in self.grants()}
        return sorted(subject for subject in people if self.visas.for_subject(subject))

    def commands(self, request: str) -> dict[str, Callable[[Caller], object]]:
        """Every command as a function of who does it, each with values that are in order."""
        dac = self.dac
        plain = ("submit", "close", "return", "approve", "reject", "revoke")
        return {
            **{name: partial(self._plain, request, name) for name in plain},
            "edit": lambda who: dac.edit(who, request, purpose="to learn more"),
            "invite": lambda who: dac.co_members.invite(who, request),
            "remove": lambda who: dac.co_members.remove(who, request, "bob"),
            "leave": lambda who: dac.co_members.leave(who, request),
            "attach": lambda who: dac.papers.attach(who, request, "plan.pdf", PDF),
            "detach": lambda who: dac.papers.detach(who, request, self.attachment(request)),
            "comment": lambda who: dac.papers.comment(who, request, "hello"),
            "note": lambda who: dac.papers.comment(who, request, "hello", internal=True),
            "renew": lambda who: dac.renew(who, request),
        }

    def attachment(self, request: str) -> str:
        """Id of the first attachment of a request, put there if there is none."""
        with Session(writing(self.engine)) as session, session.begin():
            found = session.scalars(select(Attachment.id).where(Attachment.request == request)).first()
            if found is None:
                found = f"a{request}"
                row = Attachment(
                    id=found,
                    request=request,
                    name="plan.pdf",
                    kind="pdf",
                    size=len(PDF),
                    sha256="00",
                    content=PDF,
                    added_by="alice",
                    at=NOW,
                )
                session.add(row)
        return found

    def _plain(self, request: str, name: str, who: Caller) -> View:
        return self.dac.command(who, request, name, comment="why")


def later(caller: Caller, clock: Clock) -> Caller:
    """The same person signed in anew after time has passed."""
    return person(caller.subject or "", expires=clock() + 900)


def race(*actions: Callable[[], object]) -> list[object]:
    """Run ``actions`` at the same moment; what each returned or raised."""
    barrier, outcomes = threading.Barrier(len(actions)), [None] * len(actions)

    def run(place: int, action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            outcomes[place] = action()  # type: ignore[call-overload]
        except AuthError as error:
            outcomes[place] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return list(outcomes)
