"""The steps of a job, in its child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect
from adapters.catalog.models import BioSample, Experiment, Location, Run, Sample
from adapters.jobs.checks import Check, check_set
from adapters.jobs.intake import claimed
from adapters.jobs.ledger import Verdict
from adapters.jobs.screen import Screen
from adapters.jobs.turn import turn
from adapters.registration.accessions import Accessions
from adapters.registration.digests import Digests
from adapters.registration.plan import Claim, ProblemKind
from adapters.registration.registration import Archive, Described, Reading, register
from adapters.registration.write import Refused
from adapters.store import ArchiveStore, NoSuchObject, StoreUnavailable, open_stores

Verdicts = dict[int, Verdict]
CHECKED_SHARE: Final = 0.5
"""Of the bytes that a job counts, how many are behind it when checksums are made; the rest is the check."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A file of the job; ``id`` is that of its arrival."""

    id: int
    claim: Claim
    size: int


@dataclass(frozen=True)
class Work:
    """The files of one job, and what is needed to judge them. ``progress`` is told bytes of all steps together."""

    engine: Engine
    stores: Mapping[str, ArchiveStore]
    archive: Mapping[str, Any]
    dataset: str
    files: tuple[Submitted, ...]
    folder: Path
    memory: int
    progress: Callable[[int], None]
    _local: dict[int, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Mapping[str, Any], progress: Callable[[int], None]) -> Work:
        """The work of a request (see :mod:`adapters.jobs.runner`)."""
        archive = request["archive"]
        files = tuple(Submitted(one["id"], claimed(one["declared"]), one["size"]) for one in request["files"])
        return cls(
            engine=connect(archive["database"]),
            stores=open_stores(archive["stores"]),
            archive=archive,
            dataset=request["dataset"],
            files=files,
            folder=Path(request["folder"]),
            memory=request["memory"],
            progress=progress,
        )

    @cached_property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def checksum(self) -> Verdicts:
        """Every file has the MD5 (and the size) that its submitter gave."""
        digests = Digests(self.engine, lambda done, _: self.progress(int(done * CHECKED_SHARE)), self.total)
        verdicts = {file.id: self._sum(file.claim, digests) for file in self.files}
        digests.flush()
        return verdicts

    def _sum(self, claim: Claim, digests: Digests) -> Verdict:
        store = self.stores[claim.store]
        try:
            stat = store.head(claim.key)
            found = digests.of(claim.store, store, claim.key, stat)
        except NoSuchObject as error:
            return Verdict((str(error),))
        if claim.size not in (None, stat.size):
            return Verdict((f"has {stat.size:,} bytes, the submitter says {claim.size:,}",))
        if claim.md5 not in (None, found.md5):
            return Verdict((f"has MD5 {found.md5}, the submitter says {claim.md5}",))
        return Verdict()

    def check(self) -> Verdicts:
        """Every file of reads or variants is without findings, alone and with its mates."""
        before = int(self.total * CHECKED_SHARE)
        checked = Check(
            paths={file.id: self._path(file) for file in self.files},
            keys={file.id: file.claim.key for file in self.files},
            declared={file.id: file.claim.format for file in self.files},
            folder=self.folder,
            memory=self.memory,
            progress=lambda done: self.progress(before + int(done * (1 - CHECKED_SHARE))),
            sets=Path(self.archive["taxonomy"]) if self.archive["taxonomy"] else None,
            organism=self._organism(),
        )
        return check_set(checked)

    def _organism(self) -> str:
        """The organism that the submitter names: beside the file, or of the sample behind its run."""
        claim = self.files[0].claim
        if claim.organism or claim.run is None:
            return claim.organism or ""
        with Session(self.engine) as session:
            run = session.get(Run, claim.run)
            experiment = session.get(Experiment, run.experiment) if run else None
            sample = session.get(Sample, experiment.sample) if experiment and experiment.sample else None
            biosample = (experiment.biosample if experiment else None) or (sample.biosample if sample else None)
            found = session.get(BioSample, biosample) if biosample else None
            return found.organism if found else ""

    def screen(self) -> Verdicts:
        """Where human reads are refused and there is a program to find them, there are not too many."""
        given = self.archive["screen"]
        reads = [file for file in self.files if file.claim.format.upper() in ("FASTQ", "") and given]
        if not reads:
            return {}
        found = Screen(**given).objection([self._path(file) for file in reads], self.folder)
        return {file.id: Verdict((found,)) for file in reads} if found else {}

    def archived(self) -> Verdicts:
        """Ids of those files that the catalog has."""
        with Session(self.engine) as session:
            found = {}
            for file in self.files:
                at = select(Location.file).where(Location.store == file.claim.store, Location.key == file.claim.key)
                found[file.id] = Verdict(file=session.scalar(at))
            return found

    def archive_files(self) -> Verdicts:
        """The files are registered where they are; doing it again changes nothing.

        :raises StoreUnavailable: if they could not be read just now.
        """
        described = Described({"accession": self.dataset})
        accessions = Accessions(self.archive["accessions"])
        archive = Archive(self.engine, self.stores, accessions, self.archive["tiers"])
        try:
            with turn(self.engine):
                register(archive, described, _Files([file.claim for file in self.files]))
        except Refused as refused:
            if all(problem.kind is ProblemKind.UNREADABLE for problem in refused.problems):
                raise StoreUnavailable(refused.problems[0].message) from refused
            reasons = tuple(problem.message for problem in refused.problems)
            return {file.id: Verdict(reasons) for file in self.files}
        return self.archived()

    def _path(self, file: Submitted) -> Path:
        """The file on this machine; fetched once if it is elsewhere."""
        store = self.stores[file.claim.store]
        if (path := store.path(file.claim.key)) is not None:
            return path
        if file.id not in self._local:
            # Mates are known by their names beside each other, so that files of one folder are in one folder here too.
            parents = sorted({str(PurePosixPath(one.claim.key).parent) for one in self.files})
            place = self.folder / f"files-{parents.index(str(PurePosixPath(file.claim.key).parent))}"
            place.mkdir(exist_ok=True)
            path = place / PurePosixPath(file.claim.key).name
            with path.open("wb") as into:
                into.writelines(store.stream(file.claim.key))
            self._local[file.id] = path
        return self._local[file.id]


@dataclass(frozen=True, slots=True)
class _Files:
    """Claims as a source of registration."""

    claims: list[Claim]

    def read(self, reading: Reading) -> None:
        """See :class:`adapters.registration.registration.Source`."""
        reading.plan.claims += self.claims
