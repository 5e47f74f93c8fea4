"""What submitters hand in: a descriptor of each data set, and documents that registration reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.demo.directory import atomic_write


@dataclass(frozen=True, slots=True)
class Document:
    """One thing to register for a data set: ``kind`` says how it is read, ``path`` is a file or folder; for images it
    is the folder's key in the store, from which what matches ``exclude`` is left out.

    ``mapping`` names the table of individuals' accessions beside it; ``store`` is where its files are, ``layout`` how
    a workbook's files are named there.
    """

    kind: str  # workbook | beacon | manifest | dicom | phenopackets
    path: Path
    mapping: Path | None = None
    store: str = "archive"
    layout: str = "{dataset}/{file}"
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variants:
    """A variant file to load: its path on this machine, its DRS id and its assembly."""

    path: Path
    file: str
    assembly: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A data set with everything that belongs to it; afterwards it or some of its people may be withdrawn."""

    member: str
    accession: str
    descriptor: dict[str, Any]
    documents: tuple[Document, ...]
    variants: tuple[Variants, ...] = ()
    withdrawn: bool = False
    withdrawn_people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a family holds before it is registered.

    :param ontologies: by member, files whose terms filters may use.
    :param tour: what the tour asks for.
    :param notes: what a person should know about the data.
    """

    submissions: tuple[Submission, ...]
    ontologies: Mapping[str, tuple[Path, ...]]
    tour: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def committees(self, member: str) -> dict[str, str]:
        """Title by id of the committees of a member."""
        own = [submission.descriptor for submission in self.submissions if submission.member == member]
        return {dataset["dac"]: f"Committee of {dataset['title']}" for dataset in reversed(own) if "dac" in dataset}


def write_mapping(folder: Path, rows: Iterable[tuple[str, str, str]]) -> Path:
    """Write ``mapping.tsv``: the submitter's identifier, the accession, and the linked GSA-Human individual."""
    columns = ("identifier", "accession", "link")
    return write_table(folder / "mapping.tsv", [dict(zip(columns, row, strict=True)) for row in rows])


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write a tab-separated table whose header is the keys of the first row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(path, out.getvalue().encode())
    return path
