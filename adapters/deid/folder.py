"""A folder of objects: every file is read once for what identifies its study, then passed on or refused."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

from adapters.deid.errors import Reason, Refused
from adapters.deid.identity import Keyed
from adapters.deid.ledger import Entry, Ledger, Stamp
from adapters.deid.objects import Look, Order, Reader, Writer
from adapters.deid.output import Digest, Output
from adapters.deid.rewrite import Kept
from adapters.deid.rules import Profile
from adapters.deid.text import Cleaner
from adapters.deid.values import Subject
from adapters.durable import sync

REPORT = "refused.tsv"
COMMITTED = 256  # files


class Progress:
    """Told of the work; the default does nothing."""

    def found(self, files: int) -> None:
        """So many files are in the folder."""

    def done(self, phase: str) -> None:
        """One more file is done with ``phase``: ``read`` or ``written``."""


@dataclass(frozen=True)
class Run:
    """What a run needs.

    :ivar accessions: accession of an individual by patient id.
    :ivar private: folder for the ledger and the list of refused files; both name originals.
    :ivar look: see :class:`~adapters.deid.objects.Order`.
    :ivar checksums: file for the SHA-256 of every object, as ``sha256sum`` writes them; None if nobody wants them.
    """

    folder: Path
    out: Path
    private: Path
    profile: Profile
    keyed: Keyed
    accessions: Mapping[str, str]
    look: Look | None = None
    progress: Progress = field(default_factory=Progress)
    checksums: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the files: passed on (in all runs), refused by reason, private elements kept in this run."""

    passed: int
    refused: Counter[str]
    kept: Kept


def deidentify_folder(run: Run) -> Outcome:
    """De-identify the files below a folder; a run that was stopped goes on where it was.

    :raises OtherRun: if the output was begun with other settings.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    run.private.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {"collection": run.keyed.collection, "edition": str(run.profile.settings["edition"])}
    ledger = Ledger(run.private / "ledger.sqlite", settings | {"key check": run.keyed.uid("key check")})
    try:
        _read_all(run, ledger)
        kept: Kept = Counter()
        output = Output(run.out, digests=run.checksums is not None)
        for study, patients in ledger.studies():
            _study(run, ledger, output, study, patients, kept)
        output.settle()
        ledger.commit()
        _report(run, ledger)
        if run.checksums:
            _list(run.checksums, output, ledger)
        return Outcome(*ledger.counts(), kept)
    finally:
        ledger.close()


def _files(folder: Path) -> Iterator[tuple[bytes, os.DirEntry[str]]]:
    """Everything below the folder that is no folder, by its path there; links are not entered.

    Names are bytes: those of many archives are in no encoding that the system knows.
    """
    waiting = [(str(folder), "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
                else:
                    yield os.fsencode(prefix + entry.name), entry


def _read_all(run: Run, ledger: Ledger) -> None:
    run.progress.found(sum(1 for _ in _files(run.folder)))
    reader = Reader(run.profile)
    for number, (path, entry) in enumerate(_files(run.folder), 1):
        status = entry.stat(follow_symlinks=False)
        stamp = Stamp(status.st_size, status.st_mtime_ns)
        if ledger.stamp(path) != stamp:
            _read_one(reader, ledger, path, entry.path, stamp)
        run.progress.done("read")
        if number % COMMITTED == 0:
            ledger.commit()
    ledger.commit()


def _read_one(reader: Reader, ledger: Ledger, path: bytes, place: str, stamp: Stamp) -> None:
    try:
        found = reader.read(place)
    except Refused as refused:
        ledger.refused(path, stamp, refused.reason.value, refused.detail)
        return
    ledger.read(Entry(path, found.facts["study"], found.facts["patient"]), stamp, found.known)


def _study(run: Run, ledger: Ledger, output: Output, study: str, patients: list[str], kept: Kept) -> None:
    waiting = ledger.waiting(study)
    if not waiting:
        return
    refusal = _refusal(run, patients)
    if refusal:
        for path, stamp in waiting:
            ledger.refused(path, stamp, refusal.reason.value, refusal.detail)
            run.progress.done("written")
        return
    known = ledger.known(study)
    subject = Subject(run.profile, run.keyed, run.accessions[patients[0]], Cleaner(known))
    writer = Writer(Order(output, partial(_claim, ledger, output), run.look), subject, known)
    for number, (path, stamp) in enumerate(waiting, 1):
        try:
            written = writer.write(f"{run.folder}/{os.fsdecode(path)}")
            ledger.passed(path, written.path, written.instance, written.sha256)
        except Refused as refused:
            ledger.refused(path, stamp, refused.reason.value, refused.detail)
        run.progress.done("written")
        if number % COMMITTED == 0:
            output.settle()
            ledger.commit()
    kept.update(writer.kept)


def _refusal(run: Run, patients: list[str]) -> Refused | None:
    if len(patients) > 1:
        return Refused(Reason.TWO_PATIENTS, f"the files of its study name {len(patients)} patients")
    if patients[0] not in run.accessions:
        return Refused(Reason.UNKNOWN_PATIENT, "its patient id is not in the mapping")
    return None


def _claim(ledger: Ledger, output: Output, instance: str, sha256: Digest) -> None:
    before = ledger.written(instance)
    if before is None:
        return
    written, digest = before
    if (digest or output.digest(written)) != sha256():
        raise Refused(Reason.DUPLICATE, "another object of the collection has this SOP Instance UID")


def _report(run: Run, ledger: Ledger) -> None:
    with _replaced(run.private / REPORT) as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(["path", "reason", "detail"])
        table.writerows((path.decode("utf-8", "backslashreplace"), *why) for path, *why in ledger.refusals())


def _list(checksums: Path, output: Output, ledger: Ledger) -> None:
    with _replaced(checksums) as file:
        for written, digest in ledger.passed_on():
            file.write(f"{digest or output.digest(written)}  {written}\n")


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """A file to write that takes its place whole."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)
