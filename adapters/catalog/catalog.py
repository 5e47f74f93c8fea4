"""Questions that every face of a member asks of the catalog. Only what exists for the world is ever returned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    Engine,
    Row,
    Select,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from adapters.catalog.kept import Kept
from adapters.catalog.models import Checksum, Cohort, Dataset, File, Location
from adapters.catalog.visibility import dataset_exists, file_exists

# SQLite allows 32,766 parameters in a statement, PostgreSQL 65,535; ids are asked for in blocks well below both.
BLOCK = 5000
CHECKSUM, LOCATION, INDEX = range(3)


def _among(column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    return column.in_(bindparam(name, expanding=True))


# Statements of the path of every single file are put together once: that costs more than running them.
FILES = (
    select(File)
    .join(Dataset, Dataset.accession == File.dataset)
    .where(file_exists(bindparam("today", type_=Date())), _among(File.id, "ids"))
)
SETS = select(Dataset).where(_among(Dataset.accession, "accessions"))
DETAILS: CompoundSelect[int, str, str, str] = union_all(
    select(literal(CHECKSUM), Checksum.file, Checksum.type, Checksum.value).where(_among(Checksum.file, "ids")),
    select(literal(LOCATION), Location.file, Location.store, Location.key).where(_among(Location.file, "ids")),
    select(literal(INDEX), File.index_of, literal(""), File.id).where(_among(File.index_of, "ids")),
)


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A data set that exists: the unit of access."""

    accession: str
    title: str
    description: str
    tier: str
    records: str
    dac: str | None
    bioproject: str | None
    data_type: str
    duo: dict[str, Any]
    release_date: dt.date
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class CohortRecord:
    """A cohort of a data set that exists; ``record`` is the Beacon cohort without id, name and type."""

    id: str
    dataset: str
    name: str
    type: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that exists. ``size`` in bytes; ``index`` is the id of its index file; times are UTC."""

    id: str
    dataset: DatasetRecord
    name: str
    title: str
    format: str
    mime_type: str
    size: int
    assembly: str | None
    created_at: dt.datetime
    available: bool
    run: str | None
    series: str | None
    instance: str | None
    index_of: str | None
    index: str | None
    checksums: dict[str, str]
    locations: tuple[tuple[str, str], ...]


def today() -> dt.date:
    """Today in UTC, the calendar of release dates."""
    return dt.datetime.now(dt.UTC).date()


class Catalog:
    """Read side of a member's catalog.

    :param engine: the member's database.
    :param clock: today's date in UTC.
    :param kept: shared with what else asks the same database.
    """

    def __init__(self, engine: Engine, clock: Callable[[], dt.date] = today, kept: Kept | None = None) -> None:
        self.engine = engine
        self._clock = clock
        self._kept = kept or Kept(engine)

    def today(self) -> dt.date:
        """The day (UTC) that decides what exists."""
        return self._clock()

    def dataset(self, accession: str) -> DatasetRecord | None:
        """The data set, or None if it does not exist (any more, or yet)."""
        return next(iter(self.datasets([accession])), None)

    def datasets(self, accessions: Sequence[str] | None = None) -> list[DatasetRecord]:
        """All data sets that exist, or those of ``accessions``, by accession."""
        day, wanted = self._clock(), None if accessions is None else tuple(accessions)
        return list(self._kept.get(("datasets", day, wanted), partial(_datasets, day, wanted)))

    def cohorts(self) -> list[CohortRecord]:
        """All cohorts of data sets that exist, by id."""
        question = select(Cohort).join(Dataset, Dataset.accession == Cohort.dataset).order_by(Cohort.id)
        with self.engine.connect() as connection:
            rows = connection.execute(question.where(dataset_exists(self._clock())))
            return [CohortRecord(row.id, row.dataset, row.name, row.type, row.record) for row in rows]

    def file(self, id: str) -> FileRecord | None:
        """The file, or None if it does not exist."""
        return self.files([id]).get(id)

    def files(self, ids: Iterable[str]) -> dict[str, FileRecord]:
        """The files of ``ids`` that exist, by id: a handful of statements for any number."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, FileRecord] = {}
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), BLOCK):
                block = wanted[start : start + BLOCK]
                found.update(self._read(connection, FILES, ids=block, today=self._clock()))
        return found

    def dataset_files(self, accession: str) -> list[FileRecord]:
        """The files of a data set, by id."""
        question = self._existing().where(File.dataset == accession).order_by(File.id)
        with self.engine.connect() as connection:
            return list(self._read(connection, question).values())

    def files_where(self, column: InstrumentedAttribute[Any], values: Sequence[str]) -> Iterator[FileRecord]:
        """The files that exist and have one of ``values`` in ``column`` of ``File``, by id within a block of values."""
        with self.engine.connect() as connection:
            for start in range(0, len(values), BLOCK):
                question = self._existing().where(column.in_(values[start : start + BLOCK])).order_by(File.id)
                yield from self._read(connection, question).values()

    def totals(self) -> tuple[int, int]:
        """Number of files that exist and the sum of their sizes in bytes."""
        question = select(func.count(), func.coalesce(func.sum(File.size), 0)).select_from(File)
        question = question.join(Dataset, Dataset.accession == File.dataset).where(file_exists(self._clock()))
        with self.engine.connect() as connection:
            count, size = connection.execute(question).one()
        return int(count), int(size)

    def _existing(self) -> Select[File]:
        question = select(File).join(Dataset, Dataset.accession == File.dataset)
        return question.where(file_exists(self._clock()))

    def _read(self, connection: Connection, question: Select[File], **given: Any) -> dict[str, FileRecord]:
        """The files that ``question`` selects, by id in its order: three statements for each block of files."""
        rows = {row.id: row for row in connection.execute(question, given)}
        ids = list(rows)
        sets: dict[str, DatasetRecord] = {}
        details: dict[str, _Details] = {id: _Details() for id in ids}
        for start in range(0, len(ids), BLOCK):
            block = ids[start : start + BLOCK]
            accessions = list({rows[id].dataset for id in block} - sets.keys())
            for row in connection.execute(SETS, {"accessions": accessions}):
                sets[row.accession] = _dataset(row)
            for kind, id, name, value in connection.execute(DETAILS, {"ids": block}):
                details[id].add(kind, name, value)
        return {id: _file(row, sets[row.dataset], details[id]) for id, row in rows.items()}


class _Details:
    """What other tables say of one file."""

    __slots__ = ("checksums", "index", "locations")

    def __init__(self) -> None:
        self.checksums: dict[str, str] = {}
        self.locations: list[tuple[str, str]] = []
        self.index: str | None = None

    def add(self, kind: int, name: str, value: str) -> None:
        """Note a row of ``DETAILS``."""
        if kind == CHECKSUM:
            self.checksums[name] = value
        elif kind == LOCATION:
            self.locations.append((name, value))
        else:
            self.index = value


def _datasets(day: dt.date, accessions: Sequence[str] | None, connection: Connection) -> list[DatasetRecord]:
    question = select(Dataset).where(dataset_exists(day)).order_by(Dataset.accession)
    if accessions is not None:
        question = question.where(Dataset.accession.in_(accessions))
    return [_dataset(row) for row in connection.execute(question)]


def _dataset(row: Row[Any]) -> DatasetRecord:
    return DatasetRecord(
        row.accession,
        row.title,
        row.description,
        row.tier,
        row.records,
        row.dac,
        row.bioproject,
        row.data_type,
        row.duo,
        row.release_date,
        _utc(row.created_at),
        _utc(row.updated_at),
    )


def _file(row: Row[Any], dataset: DatasetRecord, details: _Details) -> FileRecord:
    return FileRecord(
        row.id,
        dataset,
        row.name,
        row.title,
        row.format,
        row.mime_type,
        row.size,
        row.assembly,
        _utc(row.created_at),
        row.available,
        row.run,
        row.series,
        row.instance,
        row.index_of,
        details.index,
        details.checksums,
        tuple(sorted(details.locations)),
    )


def _utc(moment: dt.datetime) -> dt.datetime:
    """SQLite forgets the zone; every moment of the catalog is UTC."""
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
