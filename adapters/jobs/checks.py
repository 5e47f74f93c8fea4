"""The check of sequence files as a step of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.jobs.ledger import Verdict
from adapters.qc.checking import READABLE, Options, check, detect
from adapters.qc.detection import claimed, open_regular
from adapters.qc.documents import document
from adapters.qc.errors import ChangedWhileRead, SpoolFailed
from adapters.qc.findings import Finding
from adapters.qc.outcome import Limits
from adapters.qc.report import FileReport, SetReport

NAMES_SHARE: Final = 8
"""Of the memory of an attempt, the part that the check of names takes: one in so many."""
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Check:
    """Files of one set by id, their keys in the store, and what their submitter calls them; ``progress`` is told bytes
    read.

    ``sets`` is a folder of reference sets for a taxonomic profile, ``organism`` the declared one.
    """

    paths: Mapping[int, Path]
    keys: Mapping[int, str]
    declared: Mapping[int, str]
    folder: Path
    memory: int
    progress: Callable[[int], None]
    sets: Path | None = None
    organism: str = ""


def check_set(given: Check) -> dict[int, Verdict]:
    """Check the files that are of a kind that can be checked.

    :raises CannotCheck: if a file changes meanwhile or the disk is full: another attempt may do better.
    """
    chosen = {id: path for id, path in given.paths.items() if _is_checked(path, given.declared[id])}
    done = 0

    def progress(_path: Path, read: int) -> None:
        nonlocal done
        done += read
        given.progress(done)

    limits = Limits(given.folder, given.memory // NAMES_SHARE, threads=1)
    options = Options(limits=limits, sets=given.sets, organism=given.organism)
    made = check(list(chosen.values()), options, progress)
    ids = {path: id for id, path in chosen.items()}
    of = {ids[file.path]: (file, one) for one in made.sets for file in one.files}
    for id, (file, _) in of.items():
        file.path = Path(given.keys[id])  # where this machine had it is no matter of the submitter's
    return {id: _verdict(file, one, document(made)) for id, (file, one) in of.items()}


def _is_checked(path: Path, declared: str) -> bool:
    """Whether submitter, name or content say that the file is of a kind that is checked."""
    if {declared.upper(), (claimed(path.name)[1] or "").upper()} & READABLE:
        return True
    with open_regular(path) as file:
        return detect(file).format.upper() in READABLE


def _verdict(file: FileReport, one: SetReport, report: dict[str, Any]) -> Verdict:
    if isinstance(file.error, ChangedWhileRead | SpoolFailed):
        raise file.error
    reasons = [file.reason] if file.reason else []
    reasons += [_sentence(finding) for finding in [*file.findings, *one.findings]]
    return Verdict(tuple(reasons), report)


def _sentence(finding: Finding) -> str:
    places = [
        f"line {place.line:,}" if place.line else f"byte {place.byte:,}" if place.byte is not None else place.detail
        for place in finding.places[:SHOWN]
    ]
    where = f" (first at {', '.join(places)})" if any(places) else ""
    return f"{finding.kind}: {finding.count:,} {finding.unit}: {finding.message}{where}"
