"""Originals become arrivals: those of one study are one job, as long as nobody works on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import UID
from adapters.deid.identity import Keyed
from adapters.deid.meta import read_meta
from adapters.deid.objects import Reader
from adapters.deid.rules import Profile
from adapters.deid.source import Source
from adapters.dicom.reading import header
from adapters.images.quarantine import STORE, Quarantine, Taken
from adapters.images.receiving import Received, Receiving, Seen
from adapters.jobs.clock import now
from adapters.jobs.states import JobState
from adapters.jobs.tables import Arrival, Job
from adapters.registration.accessions import Accessions
from adapters.registration.tables import RememberedPatient
from adapters.registration.write import take_turn
from adapters.store.local import LocalStore
from adapters.store.source import ByteSource


class NoCollection(Exception):
    """The collection is not registered, or was withdrawn."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes images into one collection.

    :param by: who submits, for the record.
    :param settle: a job begins when its study has been silent so long.
    :param quota: bytes that may lie in quarantine for the collection.
    :param numbering: patients who are not known get the next accession; otherwise their images are refused.
    """

    engine: Engine
    quarantine: Quarantine
    accessions: Accessions
    profile: Profile
    keyed: Keyed
    by: str
    settle: dt.timedelta
    numbering: bool = True
    quota: int = 1 << 62

    @property
    def dataset(self) -> str:
        """Accession of the collection."""
        return self.keyed.collection

    def room(self) -> int:
        """Bytes that the quarantine still takes for the collection."""
        held = select(func.sum(Arrival.size)).where(Arrival.store == STORE, Arrival.dataset == self.dataset)
        with Session(self.engine) as session:
            return self.quota - int(session.scalar(held) or 0)

    def look(self, taken: Taken, reader: Reader | None = None) -> Seen:
        """Look at an original.

        :raises Refused: if it cannot be passed on; it is not kept then.
        """
        path = self.quarantine.path(taken.key)
        try:
            facts = (reader or Reader(self.profile)).read(path).facts
            if facts.pixels is None and facts["rows"] and not _has_floats(path):
                raise Refused(Reason.INCOMPLETE, "it has rows, but no pixel data: it was cut off")
            return Seen(taken, facts)
        except Refused:
            self.drop(taken.key)
            raise

    def receive(self, seen: Sequence[Seen]) -> list[Received]:
        """Make the objects part of the jobs of their studies, in one transaction; what was received before stays.

        :raises NoCollection: if there is no such collection.
        """
        self.quarantine.settle()
        with Session(writing(self.engine)) as session, session.begin():
            take_turn(session)
            registered(session, self.dataset)
            receiving = Receiving(session, self, seen)
            return [receiving.receive(one) for one in seen]

    def begin(self, jobs: Sequence[int]) -> None:
        """Let jobs begin now: no more objects of their studies are coming."""
        with Session(writing(self.engine)) as session, session.begin():
            for job in jobs:
                found = session.get(Job, job, with_for_update=True)
                if found is not None and found.state == JobState.WAITING and not found.attempts:
                    found.not_before = now(session)

    def drop(self, key: str) -> None:
        """Remove an original that is not received after all."""
        with Session(self.engine) as session:
            self.drop_unheld(session, key)

    def know(self, individuals: Mapping[str, str]) -> None:
        """Remember the accessions of patients, by patient id.

        :raises ValueError: if a patient has another one already.
        """
        with Session(writing(self.engine)) as session, session.begin():
            take_turn(session)
            for patient, accession in individuals.items():
                pseudonym = self.keyed.patient(patient)
                known = session.get(RememberedPatient, (self.dataset, pseudonym))
                if known is not None and known.individual != accession:
                    raise ValueError(f"a patient is {known.individual} already, not {accession}")
                if known is None:
                    session.add(RememberedPatient(dataset=self.dataset, patient=pseudonym, individual=accession))

    def drop_unheld(self, session: Session, key: str) -> None:
        """Remove an original that is not taken in, unless it is somebody else's too."""
        held = select(Arrival.id).where(Arrival.store == STORE, Arrival.key == key).limit(1)
        if session.scalar(held) is None:
            self.quarantine.path(key).unlink(missing_ok=True)


def registered(session: Session, collection: str) -> None:
    """See that a collection is there.

    :raises NoCollection: if it is not registered, or was withdrawn.
    """
    dataset = session.get(Dataset, collection)
    if dataset is None or dataset.withdrawn_at is not None:
        raise NoCollection(f"collection {collection!r} is not registered")


def sop_of(path: Path) -> tuple[str, str] | None:
    """SOP class and instance as the file meta information names them; None if it cannot be read."""
    with path.open("rb") as file:
        try:
            meta, _ = read_meta(Source(file.fileno(), path.stat().st_size))
        except Refused:
            return None
    found = [meta.get(tag, b"").decode("latin-1").strip(" \0") for tag in (0x0002, 0x0003)]
    return (found[0], found[1]) if all(UID.fullmatch(uid) for uid in found) else None


def _has_floats(path: Path) -> bool:
    """Whether pixel data are there that are no whole numbers (parametric maps)."""
    with ByteSource(LocalStore(STORE, path.parent), path.name) as source:
        return header(source).pixels is not None
