"""The steps of a job of images, in its child process. Each may be repeated: what is done already is found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect
from adapters.catalog.models import Checksum, File, ImagingStudy, Location
from adapters.deid.errors import Reason, Refused
from adapters.deid.identity import Keyed
from adapters.deid.known import Known
from adapters.deid.objects import Order, Reader, Writer, Written
from adapters.deid.output import Digest, Output
from adapters.deid.redaction import Box
from adapters.deid.rules import load
from adapters.deid.text import Cleaner
from adapters.deid.values import Subject
from adapters.durable import make_folder, sync
from adapters.images.looking import Looking, decoded
from adapters.images.quality import Checked, check_object, check_series
from adapters.images.quarantine import Quarantine
from adapters.jobs.ledger import Verdict
from adapters.jobs.states import FileState
from adapters.jobs.turn import turn
from adapters.registration.accessions import Accessions
from adapters.registration.dicom import DicomFiles
from adapters.registration.plan import ProblemKind
from adapters.registration.registration import Archive, Described, register
from adapters.registration.write import Refused as NotRegistered
from adapters.store import ArchiveStore, StoreUnavailable, open_stores
from adapters.store.local import LocalStore
from adapters.terms.indexing import index_individuals

Verdicts = dict[int, Verdict]
LOOKED_AT = frozenset({Reason.PIXELS_NOT_LOOKED_AT, Reason.TEXT_IN_PIXELS})
"""Refusals that a person may lift."""
CHUNK = 500
FOLDER = "images"
"""Where archived images lie in their store."""


@dataclass(frozen=True, slots=True)
class Original:
    """An original of the job; ``id`` is that of its arrival.

    :ivar reviewed: boxes that a person wants blanked who has looked at it; None if nobody has.
    """

    id: int
    key: str
    size: int
    individual: str
    reviewed: tuple[Box, ...] | None


@dataclass(frozen=True)
class Work:
    """The originals of one study, and what is needed to judge them. ``progress`` is told bytes.

    :ivar written: what was made of the originals that have passed every step so far, by id.
    """

    engine: Engine
    stores: Mapping[str, ArchiveStore]
    archive: Mapping[str, Any]
    settings: Mapping[str, Any]
    dataset: str
    job: int
    files: tuple[Original, ...]
    written: dict[int, Written]
    progress: Callable[[int], None]

    @classmethod
    def of(cls, request: Mapping[str, Any], progress: Callable[[int], None]) -> Work:
        """The work of a request (see :mod:`adapters.jobs.runner`)."""
        archive = request["archive"]
        return cls(
            engine=connect(archive["database"]),
            stores=open_stores(archive["stores"]),
            archive=archive,
            settings=archive["images"],
            dataset=request["dataset"],
            job=request["job"],
            files=tuple(_original(one) for one in request["files"]),
            written={
                one["id"]: _written(one["report"]) for one in request["files"] if "written" in (one["report"] or {})
            },
            progress=progress,
        )

    @property
    def total(self) -> int:
        """Bytes of all originals."""
        return sum(file.size for file in self.files)

    @property
    def quarantine(self) -> Quarantine:
        """Where the originals are."""
        return Quarantine(Path(self.settings["quarantine"]))

    def deidentify(self) -> Verdicts:
        """Every original is read for what identifies its study, then rewritten into the folder of the job."""
        quarantine = self.quarantine
        quarantine.clear(self.job)
        self.written.clear()
        keyed = Keyed(bytes.fromhex(self.settings["key"]), self.dataset)
        known, study, verdicts = self._read(quarantine)
        if refusal := self._whose(keyed.uid(study)):
            return {file.id: _refused(refusal) for file in self.files}
        subject = Subject(load(), keyed, self.files[0].individual, Cleaner(known))
        output = Output(quarantine.staged(self.job))
        looking = Looking(self.settings["pixels"])
        writer = Writer(Order(output, self._claim, looking), subject, known)
        done = 0
        for file in self.files:
            if file.id not in verdicts:
                looking.reviewed, looking.found = file.reviewed, ()
                verdicts[file.id] = self._write(writer, file, looking)
                if verdicts[file.id].state is FileState.QUARANTINED:
                    _keep(quarantine.beside(file.key), known)
            done += file.size
            self.progress(done // 2)
        if output.folder.is_dir():
            output.settle()
            sync(output.folder)
        return verdicts

    def _read(self, quarantine: Quarantine) -> tuple[Known, str, Verdicts]:
        """What identifies the study, its UID, and the originals that cannot be read."""
        reader, known, study = Reader(load()), Known(), ""
        verdicts: Verdicts = {}
        for file in self.files:
            try:
                found = reader.read(quarantine.path(file.key))
            except Refused as refused:
                verdicts[file.id] = _refused(refused)
                continue
            known.update(found.known)
            if (kept := quarantine.beside(file.key)).exists():
                known.update(Known.of(json.loads(kept.read_bytes())))
            study = found.facts["study"]
        return known, study, verdicts

    def _whose(self, study: str) -> Refused | None:
        """Why the study cannot be said to be one person's; None if it can."""
        people = {file.individual for file in self.files}
        with Session(self.engine) as session:
            registered = session.get(ImagingStudy, study)
            if registered is not None:
                people.add(registered.individual)
                if registered.dataset != self.dataset:
                    return Refused(Reason.DUPLICATE, f"its study is one of {registered.dataset} already")
        if len(people) > 1:
            return Refused(Reason.TWO_PATIENTS, f"the objects of its study are of {len(people)} patients")
        return None

    def _claim(self, instance: str, sha256: Digest) -> None:
        query = select(File.id, Checksum.value).join(Checksum, Checksum.file == File.id)
        with Session(self.engine) as session:
            found = session.execute(query.where(File.instance == instance, Checksum.type == "sha-256")).one_or_none()
        if found is None:
            return
        same = "it is archived" if found[1] == sha256() else "another object with its SOP Instance UID is archived"
        raise Refused(Reason.DUPLICATE, f"{same} already, as {found[0]}")

    def _write(self, writer: Writer, file: Original, looking: Looking) -> Verdict:
        path = self.quarantine.path(file.key)
        native = self.quarantine.staged(self.job) / "native"
        try:
            written = writer.write(decoded(path, native) if file.reviewed else path)
        except Refused as refused:
            return _refused(refused, looking.found)
        finally:
            native.unlink(missing_ok=True)
        self.written[file.id] = written
        return Verdict(report=_report(written))

    def check(self) -> Verdicts:
        """Every object can be read and decoded, and every series makes sense."""
        store = LocalStore(FOLDER, self.quarantine.staged(self.job))
        series: dict[str, list[Checked]] = {}
        done = 0
        for file, written in self._passed():
            found = check_object(file.id, store, written.path)
            series.setdefault(found.series, []).append(found)
            done += file.size
            self.progress(done // 2 + self.total // 2)
        verdicts: Verdicts = {}
        for objects in series.values():
            check_series(objects)
            for one in objects:
                reasons = tuple(remark.message for remark in one.remarks if remark.refuses)
                notes = [f"{remark.kind}: {remark.message}" for remark in one.remarks if not remark.refuses]
                verdicts[one.id] = Verdict(reasons, _report(self.written[one.id]) | {"notes": notes})
        for id, verdict in verdicts.items():
            if verdict.reasons:
                del self.written[id]
        return verdicts

    def archive_files(self) -> Verdicts:
        """The objects are moved into their store and registered; doing it again changes nothing.

        :raises StoreUnavailable: if that is not possible just now.
        """
        places = {f"{FOLDER}/{self.dataset}/{written.path}": file for file, written in self._passed()}
        for key, (_, written) in zip(places, self._passed(), strict=True):
            self._move(self.quarantine.staged(self.job) / written.path, key)
        accessions = Accessions(self.archive["accessions"])
        archive = Archive(self.engine, self.stores, accessions, self.archive["tiers"])
        source = DicomFiles(self.settings["store"], {key: file.individual for key, file in places.items()})
        try:
            with turn(self.engine):
                register(archive, Described({"accession": self.dataset}), source, hooks=[index_individuals])
        except NotRegistered as refused:
            if all(problem.kind is ProblemKind.UNREADABLE for problem in refused.problems):
                raise StoreUnavailable(refused.problems[0].message) from refused
            reasons = tuple(dict.fromkeys(problem.message for problem in refused.problems))
            self._take_out(places)
            return {file.id: Verdict(reasons) for file in places.values()}
        self.quarantine.clear(self.job)
        return self._archived(places)

    def _move(self, staged: Path, key: str) -> None:
        """Move an object into the store, whole or not at all."""
        store = self.stores[self.settings["store"]]
        if not staged.exists():
            store.head(key)  # it was moved before; otherwise that is said
            return
        target = store.path(key)
        if target is not None:
            make_folder(target.parent)
            with suppress(OSError):  # on another file system it is copied
                staged.replace(target)
                sync(target.parent)
                return
        with staged.open("rb") as content:
            store.put(key, content)
        staged.unlink()

    def _take_out(self, keys: Iterable[str]) -> None:
        """Remove what was moved into the store and is not registered."""
        for key in keys:
            if (path := self.stores[self.settings["store"]].path(key)) is not None:
                path.unlink(missing_ok=True)

    def _archived(self, places: Mapping[str, Original]) -> Verdicts:
        at = select(Location.key, Location.file).where(Location.store == self.settings["store"])
        keys, found = list(places), dict[str, str]()
        with Session(self.engine) as session:
            for start in range(0, len(keys), CHUNK):
                some = session.execute(at.where(Location.key.in_(keys[start : start + CHUNK])))
                found.update({str(key): str(id) for key, id in some})
        return {file.id: Verdict(file=found[key]) for key, file in places.items()}

    def _passed(self) -> Iterator[tuple[Original, Written]]:
        for file in self.files:
            if file.id in self.written:
                yield file, self.written[file.id]


def _original(given: Mapping[str, Any]) -> Original:
    review = given["declared"].get("review")
    boxes = tuple(Box(*box) for box in review["boxes"]) if review else None
    return Original(given["id"], given["key"], given["size"], given["declared"]["individual"], boxes)


def _written(report: Mapping[str, Any]) -> Written:
    return Written(report["written"], report["sha256"], report["instance"])


def _report(written: Written) -> dict[str, Any]:
    return {"written": written.path, "sha256": written.sha256, "instance": written.instance}


def _refused(refused: Refused, boxes: Sequence[Box] = ()) -> Verdict:
    reasons = (f"{refused.reason.value}: {refused.detail}",)
    if refused.reason not in LOOKED_AT:
        return Verdict(reasons)
    return Verdict(reasons, {"boxes": [list(box) for box in boxes]}, state=FileState.QUARANTINED)


def _keep(path: Path, known: Known) -> None:
    """Keep what identifies a study beside an original of it that waits: the others are let go of."""
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(known.document()))
    sync(part)
    part.replace(path)
    sync(path.parent)
