"""The profile of one file, and whether it contradicts what the submitter says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adapters.qc.report import FileReport
from adapters.qc.taxonomy.profile import contradiction, document, profile
from adapters.qc.taxonomy.sets import ReferenceSet, open_sets


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The folder of reference sets, the declared organism (empty if none), and the share that contradicts it."""

    folder: Path
    organism: str
    least: float


def add_profile(report: FileReport, sequences: Iterable[str], given: Taxonomy) -> None:
    """Add the profile of some sequences to the report of their file.

    :raises adapters.qc.taxonomy.sets.BadSet: if a reference set cannot be read.
    """
    sets = _sets(given.folder)
    matches = profile(sequences, sets)
    report.taxonomy = document(matches, sets) | {"declared": given.organism}
    report.findings += contradiction(matches, given.organism, given.least)


@lru_cache(maxsize=1)
def _sets(folder: Path) -> list[ReferenceSet]:
    return open_sets(folder)
