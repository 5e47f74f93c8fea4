"""The GSA workbook: sheets Sample, Experiment and Run, as the archive gives them out (columns are data)."""

from __future__ import annotations

import csv
import datetime as dt
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from adapters.catalog.models import BioProject, BioSample, Experiment, Run, Sample
from adapters.registration.dates import is_collection_date
from adapters.registration.manifest import checked_md5
from adapters.registration.plan import Claim, Origin, Plan, ProblemKind, Row, Table
from adapters.registration.registration import Reading

SHEETS = ("Sample", "Experiment", "Run")
FILES = ("read_1", "read_2", "index_1", "index_2", "reference")
NAME_AND_SIZE = re.compile(r"(?P<name>.*?)\s*\((?P<size>\d+) bytes\)")
# What reading a damaged workbook ends in: its container, its XML, and openpyxl's objects made of it.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    RuntimeError,  # encrypted
    lzma.LZMAError,
    struct.error,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    ValueError,
)
LAYOUT = "{dataset}/{run}/{file}"
Cells = dict[str, str]  # by the field of the column or, where it has none, by the column


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet; ``field`` is what it means to the catalog, empty if it is kept as an attribute."""

    name: str
    field: str
    required: bool


@cache
def columns(sheet: str) -> Mapping[str, Column]:
    """The columns of a sheet by their normalised names."""
    text = files("config.registration").joinpath("gsa_workbook.tsv").read_text("utf-8")
    rows = [row for row in csv.DictReader(text.splitlines(), delimiter="\t") if row["sheet"] == sheet]
    return {_normal(r["column"]): Column(r["column"], r["field"], r["required"] == "yes") for r in rows}


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook in ``path``; its files are in ``store``, keyed by ``layout`` of data set, run and file."""

    path: Path
    store: str
    layout: str = LAYOUT

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        sheets = sheets_of(self.path, reading.plan)
        for sheet in SHEETS if sheets else ():
            if sheet not in sheets:
                reading.plan.problem(Origin(self.path.name, sheet), ProblemKind.MISSING_COLUMN, "this sheet is missing")
        for sheet, rows in sheets.items():
            if sheet not in SHEETS:
                message = f"this sheet is not known; allowed: {', '.join(SHEETS)}"
                reading.plan.problem(Origin(self.path.name, sheet), ProblemKind.UNKNOWN_COLUMN, message)
                continue
            for origin, cells in _cells(Origin(self.path.name, sheet), rows, reading.plan):
                SheetReader(reading, origin, cells, self).read()


def sheets_of(path: Path, plan: Plan) -> dict[str, list[list[Any]]]:
    """The values of all sheets of a workbook, row by row; none (and a problem) if it cannot be read."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with path.open("rb") as file, closing(load_workbook(file, read_only=True, data_only=True)) as book:
            return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    except (*DAMAGED, InvalidFileException) as error:
        message = f"is no xlsx workbook, or is cut off: {error}"
    plan.problem(Origin(path.name), ProblemKind.UNREADABLE, message)
    return {}


def _cells(origin: Origin, rows: list[list[Any]], plan: Plan) -> Iterator[tuple[Origin, Cells]]:
    """The rows below the header that are not empty; row 1 is the header."""
    written = [_text(value) for value in rows[0]] if rows else []
    header = [_normal(name) for name in written]
    known = columns(origin.sheet)
    here = Origin(origin.source, origin.sheet, 1)
    for column in dict.fromkeys(name for name in written if name):
        if _normal(column) not in known:
            plan.problem(here.at(column), ProblemKind.UNKNOWN_COLUMN, f"column {column!r} is not known in this sheet")
        if header.count(_normal(column)) > 1:
            plan.problem(
                here.at(column),
                ProblemKind.DUPLICATE,
                f"column {column!r} occurs {header.count(_normal(column))} times",
            )
    missing = [c.name for key, c in known.items() if c.required and key not in header]
    for name in missing:
        plan.problem(here.at(name), ProblemKind.MISSING_COLUMN, f"column {name!r} is missing")
    for number, values in enumerate(rows[1:], 2):
        texts = [_text(value) for value in values]
        if any(texts) and not missing:
            named = {key: value for key, value in zip(header, texts, strict=False) if key in known}
            yield (
                Origin(origin.source, origin.sheet, number),
                {known[k].field or known[k].name: v for k, v in named.items()},
            )


@dataclass(slots=True)
class SheetReader:
    """Plans what one row of a sheet says."""

    reading: Reading
    origin: Origin
    cells: Cells
    workbook: Workbook

    def read(self) -> None:
        """Plan the row; mistakes are problems of the plan."""
        required = [c for c in columns(self.origin.sheet).values() if c.required]
        for column in required:
            if not self.cells.get(column.field or column.name):
                self._problem(column.name, ProblemKind.MISSING_VALUE, f"{column.name!r} is empty")
        if self.cells.get("accession"):
            {"Sample": self._sample, "Experiment": self._experiment, "Run": self._run}[self.origin.sheet]()

    def _sample(self) -> None:
        collected = self.cells.get("collection_date", "")
        if not is_collection_date(collected):
            self._problem("Collection date", ProblemKind.BAD_DATE, f"{collected!r} is no date; allowed: YYYY[-MM[-DD]]")
        if self.reading.archive.accessions.matches("biosample", self.cells["accession"]):
            self._biosample()
        elif self._accession(Sample, "sample", "Accession", "accession"):
            self._add(
                Sample,
                individual=None,
                biosample=None,
                name=self.cells.get("name", ""),
                title=self.cells.get("title", ""),
                attributes=self._attributes("organism", "collection_date", "bioproject"),
            )
        else:
            self.reading.plan.refuse(BioSample, self.cells["accession"])

    def _biosample(self) -> None:
        values = {
            "accession": self.cells["accession"],
            "bioproject": self._project("Project accession"),
            "organism": self.cells.get("organism", ""),
            "title": self.cells.get("title", ""),
            "attributes": self._attributes("name", "collection_date"),
        }
        self.reading.plan.add(Row(BioSample, values, self.origin))

    def _experiment(self) -> None:
        self._project("BioProject accession")
        parent = self.cells.get("biosample", "")
        is_sample = not self.reading.archive.accessions.matches("biosample", parent)
        if is_sample and parent and not self.reading.archive.accessions.matches("sample", parent):
            self._accession(BioSample, "biosample", "BioSample accession", "biosample")
            parent = ""
        if self._accession(Experiment, "experiment", "Accession", "accession"):
            self._add(
                Experiment,
                sample=parent or None if is_sample else None,
                biosample=None if is_sample else parent,
                title=self.cells.get("title", ""),
                **{key: self.cells.get(key, "") for key in ("platform", "strategy", "source", "selection", "layout")},
                attributes=self._attributes(),
            )

    def _run(self) -> None:
        self._project("BioProject accession")
        run = self._accession(Run, "run", "Accession", "accession")
        experiment = self._accession(Experiment, "experiment", "Experiment accession", "experiment")
        if run and experiment:
            self._add(
                Run,
                experiment=experiment,
                title=self.cells.get("title", ""),
                run_date=None,
                file_type=self.cells.get("file_type", ""),
                attributes=self._attributes("assembly"),
            )
        elif run:
            self.reading.plan.refuse(Run, run)
        for kind in FILES:
            if self.cells.get(kind):
                self._file(kind, run)

    def _file(self, kind: str, run: str | None) -> None:
        name, size = _name_and_size(self.cells[kind])
        indexed = self.cells.get(kind.replace("index", "read"), "") if kind.startswith("index") else ""
        column = next(c.name for c in columns("Run").values() if c.field == kind)
        md5_column = next((c.name for c in columns("Run").values() if c.field == f"{kind}_md5"), column)
        md5 = self.cells.get(f"{kind}_md5", "")
        checked = checked_md5(md5, self.origin.at(md5_column), self.reading.plan) if md5 or kind != "read_1" else None
        self.reading.plan.claims.append(
            Claim(
                key=self._key(name),
                origin=self.origin.at(column),
                store=self.workbook.store,
                dataset=self.reading.dataset,
                name=name,
                title=self.cells.get("title", ""),
                format=_file_type(self.cells.get("file_type", "")) if kind.startswith("read") else "",
                md5=checked,
                size=size,
                run=run,
                assembly=self.cells.get("assembly") or None,
                index_of=self._key(_name_and_size(indexed)[0]) if indexed else None,
                outside=self.cells.get(f"{kind}_url") or None,
                broken=run is None,
            )
        )

    def _key(self, name: str) -> str:
        return self.workbook.layout.format(dataset=self.reading.dataset, run=self.cells["accession"], file=name)

    def _project(self, column: str) -> str | None:
        project = (
            self._accession(BioProject, "bioproject", column, "bioproject") if self.cells.get("bioproject") else None
        )
        if project is not None:
            self.reading.plan.add(Row(BioProject, {"accession": project}, self.origin, shared=True))
        return project

    def _accession(self, table: Table, entity: str, column: str, field: str) -> str | None:
        value = self.cells.get(field, "")
        objection = self.reading.archive.accessions.objection(entity, value) if value else None
        if objection:
            self._problem(column, ProblemKind.BAD_ACCESSION, objection)
            self.reading.plan.refuse(table, value)
        return value if value and not objection else None

    def _attributes(self, *fields: str) -> dict[str, str]:
        """Columns without a meaning of their own, and ``fields``, as far as they are filled."""
        plain = {c.name for c in columns(self.origin.sheet).values() if not c.field}
        return {key: value for key, value in self.cells.items() if value and (key in plain or key in fields)}

    def _add(self, table: Table, **values: Any) -> None:
        identity = {"accession": self.cells["accession"], "dataset": self.reading.dataset}
        self.reading.plan.add(Row(table, identity | values, self.origin))

    def _problem(self, column: str, kind: ProblemKind, message: str) -> None:
        self.reading.plan.problem(self.origin.at(column), kind, message)


def _name_and_size(cell: str) -> tuple[str, int | None]:
    """``x.fq.gz (100 bytes)`` as name and size; the size is optional."""
    found = NAME_AND_SIZE.fullmatch(cell)
    return (found["name"], int(found["size"])) if found else (cell, None)


def _file_type(text: str) -> str:
    return {"FQ": "FASTQ"}.get(text.upper(), text.upper())


def _normal(column: str) -> str:
    return " ".join(column.split()).casefold()


def _text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return (value.date() if value.time() == dt.time() else value).isoformat()
    return "" if value is None else str(value).strip()
