"""What a registration is going to write, and everything that speaks against it.

A source of metadata (workbook, JSON, DICOM folder, manifest) only fills a :class:`Plan`: rows of the catalog, files
claimed to be in the archive, and problems. Nothing is written while a single problem stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import inspect

from adapters.catalog.models import Base, Organism

Table = type[Base]
Key = tuple[Any, ...]


class ProblemKind(StrEnum):
    """Classes of bad input."""

    UNREADABLE = "unreadable"
    UNKNOWN_COLUMN = "unknown column"
    MISSING_COLUMN = "missing column"
    MISSING_VALUE = "missing value"
    BAD_ACCESSION = "bad accession"
    BAD_DATE = "bad date"
    BAD_VALUE = "bad value"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    MISSING_PARENT = "missing parent"
    MISSING_FILE = "missing file"
    OUTSIDE_ROOT = "outside root"
    CHECKSUM = "checksum mismatch"


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in the input: a file, its sheet, a 1-based row (as a spreadsheet counts them) and a column or key."""

    source: str
    sheet: str = ""
    row: int | None = None
    column: str = ""

    def at(self, column: str) -> Origin:
        """The same row, at ``column``."""
        return replace(self, column=column)

    def order(self) -> tuple[str, str, int, str]:
        """Sorting key: as a reader walks through the input."""
        return (self.source, self.sheet, self.row or 0, self.column)

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        return ", ".join(part for part in (self.source, self.sheet, row, self.column) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must be mended before anything is written."""

    origin: Origin
    kind: ProblemKind
    message: str


@dataclass(slots=True)
class Row:
    """A row of the catalog. If it exists already, its given values must equal (or, on update, replace) what is there.

    Of a ``shared`` row (a project, a study that many files name) only the ``fixed`` columns must equal.
    """

    table: Table
    values: dict[str, Any]
    origin: Origin
    shared: bool = False
    fixed: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """The values of the key columns."""
        return tuple(self.values[name] for name in key_columns(self.table))


@dataclass(slots=True)
class Claim:
    """A file that the input says is in the archive, under ``key`` of a store; ``size`` in bytes.

    ``index_of`` is the key of the file that this one indexes. ``id`` is the accession given for it, if any.
    ``from_header`` asks for the persons named in the file itself (samples of a VCF, read groups of a BAM).
    """

    key: str
    origin: Origin
    store: str
    dataset: str
    id: str | None = None
    name: str = ""
    title: str = ""
    format: str = ""
    md5: str | None = None
    size: int | None = None
    run: str | None = None
    series: str | None = None
    instance: str | None = None
    organism: str | None = None
    assembly: str | None = None
    index_of: str | None = None
    individuals: tuple[str, ...] = ()
    from_header: bool = False
    outside: str | None = None
    broken: bool = False  # its line has a problem that leaves its place in the catalog open: only its bytes are checked

    @property
    def place(self) -> tuple[str, str]:
        """Store and key."""
        return (self.store, self.key)


@dataclass(slots=True)
class Plan:
    """Rows by table and key, claimed files, problems; ``notes`` are worth telling but stop nothing."""

    rows: dict[Table, dict[Key, Row]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: set[tuple[Table, str]] = field(default_factory=set)  # named in the input, but with a problem of their own

    def add(self, row: Row) -> None:
        """Take a row. The second row of one key is a problem, unless both are shared and their fixed columns agree."""
        known = self.rows.setdefault(row.table, {})
        first = known.setdefault(row.key, row)
        if first is row:
            return
        if not (first.shared and row.shared):
            self.problem(row.origin, ProblemKind.DUPLICATE, f"{name(row)} occurs before, at {first.origin}")
            return
        for column in row.fixed:
            if first.values[column] != row.values[column]:
                self.problem(
                    row.origin.at(column),
                    ProblemKind.CONFLICT,
                    f"{name(row)} has another {column} at {first.origin}",
                )

    def problem(self, origin: Origin, kind: ProblemKind, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(origin, kind, message))

    def refuse(self, table: Table, accession: str) -> None:
        """Remember that ``accession`` was given but is not planned, so that what refers to it is no second problem."""
        self.refused.add((table, accession))

    def of(self, table: Table) -> Iterator[Row]:
        """The rows of one table, in the order in which they were added."""
        return iter(self.rows.get(table, {}).values())

    def sorted_problems(self) -> list[Problem]:
        """All problems, each once, in the order of the input."""
        return sorted(dict.fromkeys(self.problems), key=lambda p: (p.origin.order(), p.kind, p.message))


def key_columns(table: Table) -> tuple[str, ...]:
    """Names of the columns that identify a row in the input: the primary key, unless that is only a number."""
    if table is Organism:
        return ("dataset", "name")
    return tuple(column.name for column in inspect(table).primary_key)


def name(row: Row) -> str:
    """A row as a person would call it: ``run HRR000128``."""
    return f"{row.table.__tablename__.replace('_', ' ')} {' '.join(str(part) for part in row.key)}"
