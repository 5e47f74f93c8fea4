"""Objects of one transaction become arrivals: what is known of all of them is asked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.catalog.models import File, Individual
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import Facts
from adapters.images.quarantine import STORE, Taken
from adapters.jobs.clock import now
from adapters.jobs.ledger import note
from adapters.jobs.states import STEPS, FileState, JobState, Kind
from adapters.jobs.tables import Arrival, Job
from adapters.registration.accessions import last_number
from adapters.registration.tables import RememberedPatient

if TYPE_CHECKING:
    from adapters.images.intake import Reception

ALIVE: Final = (FileState.CHECKING, FileState.QUARANTINED, FileState.ARCHIVED)
CHUNK: Final = 500
TWIN: Final = "another object with this SOP Instance UID, but other bytes, was received before"


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


class Receiving:
    """Receives the objects of one transaction.

    :param seen: all of them.
    """

    def __init__(self, session: Session, reception: Reception, seen: Sequence[Seen]) -> None:
        self._session = session
        self._reception = reception
        instances = [reception.keyed.uid(one.facts["sop_instance"]) for one in seen]
        self._arrivals = {str(one.instance): one for one in self._alive(instances)}
        self._files = set(self._archived(instances))
        self._jobs: dict[str, Job] = {}
        self._people: dict[str, str] = {}

    def _alive(self, instances: Sequence[str]) -> Iterator[Arrival]:
        for start in range(0, len(instances), CHUNK):
            some = Arrival.instance.in_(instances[start : start + CHUNK])
            yield from self._session.scalars(select(Arrival).where(some, Arrival.state.in_(ALIVE)))

    def _archived(self, instances: Sequence[str]) -> Iterator[str]:
        for start in range(0, len(instances), CHUNK):
            some = File.instance.in_(instances[start : start + CHUNK])
            yield from (str(uid) for uid in self._session.scalars(select(File.instance).where(some)))

    def receive(self, seen: Seen) -> Received:
        """Make an object part of the job of its study, unless it is known or refused."""
        path = self._reception.quarantine.path(seen.taken.key)
        if not path.exists():  # an equal one had its last state just then
            return Received(refused=Refused(Reason.DAMAGED, "was removed while it came in; send it again"))
        instance = self._reception.keyed.uid(seen.facts["sop_instance"])
        before = self._arrivals.get(instance)
        if before is not None and before.key == seen.taken.key:
            if before.store != STORE:
                path.unlink(missing_ok=True)
            return Received(before.job, again=True, archived=before.state == FileState.ARCHIVED)
        try:
            if before is not None or instance in self._files:
                raise Refused(Reason.DUPLICATE, TWIN)
            individual = self._individual(seen.facts["patient"])
        except Refused as refused:
            self._reception.drop_unheld(self._session, seen.taken.key)
            return Received(refused=refused)
        job = self._job(self._reception.keyed.uid(seen.facts["study"]))
        job.total_bytes += seen.taken.size
        self._arrivals[instance] = self._arrival(job, seen, instance, individual)
        self._session.add(self._arrivals[instance])
        return Received(job.id)

    def _job(self, study: str) -> Job:
        """The job of a study that nobody has begun; otherwise a new one."""
        if study in self._jobs:
            return self._jobs[study]
        at = now(self._session)
        fresh = select(Job).where(
            Job.study == study,
            Job.dataset == self._reception.dataset,
            Job.state == JobState.WAITING,
            Job.step == STEPS[Kind.IMAGES][0],
            Job.attempts == 0,
            Job.started_at.is_(None),
        )
        job = self._session.scalar(fresh.order_by(Job.id).limit(1).with_for_update())
        if job is None:
            job = Job(
                kind=Kind.IMAGES,
                dataset=self._reception.dataset,
                study=study,
                title=f"study {study}",
                state=JobState.WAITING,
                step=STEPS[Kind.IMAGES][0],
                total_bytes=0,
                not_before=at,
                created_at=at,
            )
            self._session.add(job)
            self._session.flush()
            note(self._session, job.id, "received", f"from {self._reception.by}")
        job.not_before = at + self._reception.settle
        self._jobs[study] = job
        return job

    def _arrival(self, job: Job, seen: Seen, instance: str, individual: str) -> Arrival:
        at = job.not_before - self._reception.settle
        return Arrival(
            job=job.id,
            dataset=self._reception.dataset,
            store=STORE,
            key=seen.taken.key,
            instance=instance,
            size=seen.taken.size,
            declared={"individual": individual, "by": self._reception.by},
            state=FileState.CHECKING,
            created_at=at,
            updated_at=at,
        )

    def _individual(self, patient: str) -> str:
        if patient not in self._people:
            self._people[patient] = self._known(patient) or self._new(patient)
        return self._people[patient]

    def _known(self, patient: str) -> str | None:
        """The accession that the patient has in this collection.

        :raises Refused: if the person has withdrawn.
        """
        reception = self._reception
        known = self._session.get(RememberedPatient, (reception.dataset, reception.keyed.patient(patient)))
        if known is None:
            return None
        person = self._session.get(Individual, known.individual)
        if person is not None and person.withdrawn_at is not None:
            raise Refused(Reason.WITHDRAWN, "its person has withdrawn from the archive")
        return known.individual

    def _new(self, patient: str) -> str:
        """The next accession.

        :raises Refused: if only patients who are known are taken.
        """
        reception = self._reception
        if not reception.numbering:
            raise Refused(Reason.UNKNOWN_PATIENT, "its patient id is not in the mapping")
        prefix = reception.accessions.prefix("individual") or ""
        columns = (Individual.accession, RememberedPatient.individual)
        number = 1 + max(last_number(self._session, column, prefix) for column in columns)
        accession = reception.accessions.numbered("individual", number)
        pseudonym = reception.keyed.patient(patient)
        self._session.add(RememberedPatient(dataset=reception.dataset, patient=pseudonym, individual=accession))
        self._session.flush()
        return accession
