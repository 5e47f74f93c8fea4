"""Objects of one transaction become arrivals: what is known of all of them is asked at once, and written at once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Executable, bindparam, insert, select, update
from sqlalchemy.orm import Session

from adapters.catalog.models import Dataset, File, Individual
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.images.quarantine import STORE, Taken
from adapters.jobs.clock import now
from adapters.jobs.states import STEPS, FileState, JobState, Kind
from adapters.jobs.tables import Arrival, Job, JobEvent
from adapters.registration.accessions import last_number
from adapters.registration.tables import RememberedPatient

if TYPE_CHECKING:
    from adapters.images.intake import Reception

ALIVE: Final = (FileState.CHECKING, FileState.QUARANTINED, FileState.ARCHIVED)
CHUNK: Final = 500
TWIN: Final = "another object with this SOP Instance UID, but other bytes, was received before"

# Statements are made once: to make one takes longer than to run it.
SOME: Final[Any] = bindparam("some", expanding=True)
COLLECTION: Final = select(Dataset.withdrawn_at).where(Dataset.accession == bindparam("dataset"))
ARRIVALS: Final = select(Arrival.instance, Arrival.key, Arrival.store, Arrival.state, Arrival.job).where(
    Arrival.instance.in_(SOME), Arrival.state.in_(ALIVE)
)
FILES: Final = select(File.instance).where(File.instance.in_(SOME))
PEOPLE: Final = (
    select(RememberedPatient.patient, RememberedPatient.individual, Individual.withdrawn_at)
    .outerjoin(Individual, Individual.accession == RememberedPatient.individual)
    .where(RememberedPatient.dataset == bindparam("dataset"), RememberedPatient.patient.in_(SOME))
)
JOBS: Final = (
    select(Job.study, Job.id)
    .where(
        Job.study.in_(SOME),
        Job.dataset == bindparam("dataset"),
        Job.state == JobState.WAITING,
        Job.step == STEPS[Kind.IMAGES][0],
        Job.attempts == 0,
        Job.started_at.is_(None),
    )
    .order_by(Job.id.desc())
    .with_for_update()
)
NEW_PATIENT: Final = insert(RememberedPatient)
NEW_JOB: Final = insert(Job).returning(Job.id)
NEW_EVENT: Final = insert(JobEvent)
NEW_ARRIVALS: Final = insert(Arrival)
GROWN: Final = (
    update(Job)
    .where(Job.id == bindparam("job"))
    .values(total_bytes=Job.total_bytes + bindparam("more"), not_before=bindparam("until"))
)


class NoCollection(Exception):
    """The collection is not registered, or was withdrawn."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An original in quarantine, and what it says of itself."""

    taken: Taken
    facts: Facts


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an object.

    :ivar job: the job that it is part of.
    :ivar again: it was received before; ``archived``: and has been archived since.
    :ivar refused: why it was not received.
    """

    job: int = 0
    again: bool = False
    archived: bool = False
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """An object of the transaction, with the names that it will have."""

    reception: Reception
    seen: Seen
    instance: str
    study: str
    patient: str

    @classmethod
    def of(cls, reception: Reception, seen: Seen) -> Object:
        """What a reception has looked at."""
        keyed, facts = reception.keyed, seen.facts
        return cls(
            reception,
            seen,
            keyed.uid(facts["sop_instance"]),
            keyed.uid(facts["study"]),
            keyed.patient(facts["patient"]),
        )


def expect_registered(session: Session, collection: str) -> None:
    """See that a collection is there.

    :raises NoCollection: if it is not registered, or was withdrawn.
    """
    found = session.connection().execute(COLLECTION, {"dataset": collection}).one_or_none()
    if found is None or found.withdrawn_at is not None:
        raise NoCollection(f"collection {collection!r} is not registered")


class Receiving:
    """Receives objects of one collection.

    :raises NoCollection: if there is no such collection.
    """

    def __init__(self, session: Session, objects: Sequence[Object]) -> None:
        self._session = session
        self._connection = session.connection()
        self._objects = objects
        self._collection = objects[0].reception
        self._dataset = self._collection.dataset
        expect_registered(session, self._dataset)
        instances = [one.instance for one in objects]
        self._before = {str(row.instance): row for row in self._asked(ARRIVALS, instances)}
        self._files = {str(row.instance) for row in self._asked(FILES, instances)}
        self._people = {row.patient: row for row in self._asked(PEOPLE, [one.patient for one in objects])}
        self._jobs = {str(row.study): int(row.id) for row in self._asked(JOBS, [one.study for one in objects])}
        self._more: defaultdict[int, int] = defaultdict(int)
        self._arrivals: dict[str, dict[str, Any]] = {}
        self._patients: dict[str, str] = {}

    def _asked(self, statement: Executable, some: Sequence[str]) -> Iterator[Any]:
        values = list(dict.fromkeys(some))
        for start in range(0, len(values), CHUNK):
            given = {"some": values[start : start + CHUNK], "dataset": self._dataset}
            yield from self._connection.execute(statement, given)

    def receive(self) -> list[Received]:
        """Make the objects part of the jobs of their studies, unless they are known or refused."""
        received = [self._receive(one) for one in self._objects]
        if self._arrivals:
            self._connection.execute(NEW_ARRIVALS, list(self._arrivals.values()))
            until = self._at + self._collection.settle
            self._connection.execute(
                GROWN, [{"job": job, "more": more, "until": until} for job, more in self._more.items()]
            )
        return received

    @cached_property
    def _at(self) -> dt.datetime:
        return now(self._session)

    def _receive(self, one: Object) -> Received:
        taken, intake = one.seen.taken, one.reception.intake
        path = intake.quarantine.path(taken.key)
        if not path.exists():  # an equal one had its last state just then
            return Received(refused=Refused(Reason.DAMAGED, "was removed while it came in; send it again"))
        if known := self._again(one):
            return known
        try:
            if one.instance in self._before or one.instance in self._arrivals or one.instance in self._files:
                raise Refused(Reason.DUPLICATE, TWIN)
            individual = self._individual(one)
        except Refused as refused:
            intake.drop_unheld(self._session, taken.key)
            return Received(refused=refused)
        job = self._job(one)
        self._more[job] += taken.size
        self._arrivals[one.instance] = self._arrival(one, job, individual)
        return Received(job)

    def _again(self, one: Object) -> Received | None:
        """What is said of an object that was received before."""
        key = one.seen.taken.key
        if (now_too := self._arrivals.get(one.instance)) and now_too["key"] == key:
            return Received(now_too["job"], again=True)
        before = self._before.get(one.instance)
        if before is None or before.key != key:
            return None
        if before.store != STORE:
            one.reception.intake.quarantine.path(key).unlink(missing_ok=True)
        return Received(before.job, again=True, archived=before.state == FileState.ARCHIVED)

    def _job(self, one: Object) -> int:
        """The job of a study that nobody has begun; otherwise a new one."""
        if one.study not in self._jobs:
            values = {
                "kind": Kind.IMAGES,
                "dataset": self._dataset,
                "study": one.study,
                "title": f"study {one.study}",
                "state": JobState.WAITING,
                "step": STEPS[Kind.IMAGES][0],
                "not_before": self._at,
                "created_at": self._at,
            }
            job = int(self._connection.execute(NEW_JOB, values).scalar_one())
            event = {"job": job, "at": self._at, "what": "received", "detail": f"from {one.reception.by}"}
            self._connection.execute(NEW_EVENT, event)
            self._jobs[one.study] = job
        return self._jobs[one.study]

    def _arrival(self, one: Object, job: int, individual: str) -> dict[str, Any]:
        return {
            "job": job,
            "dataset": self._dataset,
            "store": STORE,
            "key": one.seen.taken.key,
            "instance": one.instance,
            "size": one.seen.taken.size,
            "declared": {"individual": individual, "by": one.reception.by},
            "state": FileState.CHECKING,
            "created_at": self._at,
            "updated_at": self._at,
        }

    def _individual(self, one: Object) -> str:
        """The accession that the patient has in this collection, or the next one.

        :raises Refused: if the person has withdrawn, or only patients who are known are taken.
        """
        if (known := self._people.get(one.patient)) is not None:
            if known.withdrawn_at is not None:
                raise Refused(Reason.WITHDRAWN, "its person has withdrawn from the archive")
            return str(known.individual)
        if one.patient not in self._patients:
            if not one.reception.numbering:
                raise Refused(Reason.UNKNOWN_PATIENT, "its patient id is not in the mapping")
            number = self._last_number + len(self._patients) + 1
            accession = one.reception.accessions.numbered("individual", number)
            values = {"dataset": self._dataset, "patient": one.patient, "individual": accession}
            self._connection.execute(NEW_PATIENT, values)
            self._patients[one.patient] = accession
        return self._patients[one.patient]

    @cached_property
    def _last_number(self) -> int:
        """The highest number of an individual when the transaction began."""
        prefix = self._collection.accessions.prefix("individual") or ""
        columns = (Individual.accession, RememberedPatient.individual)
        return max(last_number(self._session, column, prefix) for column in columns)
