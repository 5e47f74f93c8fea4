"""Where images come in: originals become arrivals, those of one study one job, as long as nobody works on it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.deid.identity import Keyed
from adapters.deid.rules import Profile
from adapters.images.first_look import first_look
from adapters.images.quarantine import STORE, Quarantine, Taken
from adapters.images.receiving import NoCollection, Object, Received, Receiving, Seen, expect_registered
from adapters.jobs.clock import now
from adapters.jobs.states import JobState
from adapters.jobs.tables import Arrival, Job
from adapters.registration.accessions import Accessions
from adapters.registration.tables import RememberedPatient
from adapters.registration.write import take_turn


@dataclass(slots=True)
class _Waiting:
    """Objects of one sender that wait to be written down, and what became of them or went wrong."""

    objects: Sequence[Object]
    received: list[Received] | None = None
    error: BaseException | None = None


class Intake:
    """The quarantine and the catalog of a process that takes images in; for all threads."""

    def __init__(self, engine: Engine, quarantine: Quarantine) -> None:
        self.engine = engine
        self.quarantine = quarantine
        self._waiting: list[_Waiting] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def receive(self, objects: Sequence[Object]) -> list[Received]:
        """Write objects of one collection down, durably.

        Those of everybody who waits for the disk meanwhile are one transaction.
        :raises NoCollection: if there is no such collection.
        """
        self.quarantine.settle([one.seen.taken.key for one in objects])
        mine = _Waiting(objects)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if mine.received is None and mine.error is None:
                with self._list:
                    waiting, self._waiting = self._waiting, []
                self._write(waiting)
        if mine.error is not None:
            raise mine.error
        assert mine.received is not None
        return mine.received

    def _write(self, waiting: Sequence[_Waiting]) -> None:
        try:
            self.quarantine.settle_names(one.seen.taken.key for some in waiting for one in some.objects)
            with Session(writing(self.engine)) as session, session.begin():
                take_turn(session)
                for collection in _by_collection(waiting):
                    _receive(session, collection)
        except BaseException as error:  # noqa: BLE001 - it is raised where each of them waits
            for some in waiting:
                some.received, some.error = None, error

    def drop(self, key: str) -> None:
        """Remove an original that is not received after all."""
        with Session(writing(self.engine)) as session, session.begin():
            take_turn(session)
            self.drop_unheld(session, key)

    def drop_unheld(self, session: Session, key: str) -> None:
        """Remove an original that is not taken in, unless it is somebody else's too."""
        held = select(Arrival.id).where(Arrival.store == STORE, Arrival.key == key).limit(1)
        if session.scalar(held) is None:
            self.quarantine.path(key).unlink(missing_ok=True)


def _by_collection(waiting: Sequence[_Waiting]) -> list[list[_Waiting]]:
    found: dict[str, list[_Waiting]] = {}
    for some in waiting:
        if some.objects:
            found.setdefault(some.objects[0].reception.dataset, []).append(some)
        else:
            some.received = []
    return list(found.values())


def _receive(session: Session, waiting: Sequence[_Waiting]) -> None:
    """Receive what waits for one collection."""
    try:
        received = iter(Receiving(session, [one for some in waiting for one in some.objects]).receive())
    except NoCollection as error:
        for some in waiting:
            some.error = error
        return
    for some in waiting:
        some.received = [next(received) for _ in some.objects]


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes images into one collection.

    :param by: who submits, for the record.
    :param settle: a job begins when its study has been silent so long.
    :param quota: bytes that may lie in quarantine for the collection.
    :param numbering: patients who are not known get the next accession; otherwise their images are refused.
    """

    intake: Intake
    accessions: Accessions
    profile: Profile
    keyed: Keyed
    by: str
    settle: dt.timedelta
    numbering: bool = True
    quota: int = field(default=1 << 62)

    @property
    def dataset(self) -> str:
        """Accession of the collection."""
        return self.keyed.collection

    def room(self) -> int:
        """Bytes that the quarantine still takes for the collection."""
        held = select(func.sum(Arrival.size)).where(Arrival.store == STORE, Arrival.dataset == self.dataset)
        with Session(self.intake.engine) as session:
            return self.quota - int(session.scalar(held) or 0)

    def expect_registered(self) -> None:
        """See that the collection is there.

        :raises NoCollection: if it is not.
        """
        with Session(self.intake.engine) as session:
            expect_registered(session, self.dataset)

    def look(self, taken: Taken) -> Seen:
        """Look at an original.

        :raises Refused: if it cannot be passed on.
        """
        return Seen(taken, first_look(self.intake.quarantine.path(taken.key), self.profile))

    def receive(self, seen: Sequence[Seen]) -> list[Received]:
        """Make the objects part of the jobs of their studies, all or none; what was received before stays.

        :raises NoCollection: if there is no such collection.
        """
        return self.intake.receive([Object.of(self, one) for one in seen])

    def begin(self, jobs: Sequence[int]) -> None:
        """Let jobs begin now: no more objects of their studies are coming."""
        with Session(writing(self.intake.engine)) as session, session.begin():
            for job in jobs:
                found = session.get(Job, job, with_for_update=True)
                if found is not None and found.state == JobState.WAITING and not found.attempts:
                    found.not_before = now(session)

    def know(self, individuals: Mapping[str, str]) -> None:
        """Remember the accessions of patients, by patient id.

        :raises ValueError: if a patient has another one already.
        """
        with Session(writing(self.intake.engine)) as session, session.begin():
            take_turn(session)
            for patient, accession in individuals.items():
                pseudonym = self.keyed.patient(patient)
                known = session.get(RememberedPatient, (self.dataset, pseudonym))
                if known is not None and known.individual != accession:
                    raise ValueError(f"a patient is {known.individual} already, not {accession}")
                if known is None:
                    session.add(RememberedPatient(dataset=self.dataset, patient=pseudonym, individual=accession))
