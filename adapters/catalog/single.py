"""One file by its id, which is what nearly every request asks for, as fast as the database allows.

An answer is never older than its question: what is kept holds until anything in the database changes. What exists does
not depend on who asks.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from functools import lru_cache
from typing import Any, Protocol

import orjson
from sqlalchemy import Date, bindparam, func, select
from sqlalchemy.orm import aliased

from adapters.catalog.beside import Beside, Statement
from adapters.catalog.catalog import Catalog, DatasetRecord, FileRecord
from adapters.catalog.models import Checksum, Dataset, File, Location
from adapters.catalog.together import Together
from adapters.catalog.visibility import file_exists

DATASETS = 1000  # descriptions of data sets whose rows were parsed already

_Index = aliased(File)
_SET = (
    Dataset.accession,
    Dataset.title,
    Dataset.description,
    Dataset.tier,
    Dataset.records,
    Dataset.dac,
    Dataset.bioproject,
    Dataset.data_type,
    Dataset.duo,
    Dataset.release_date,
    Dataset.created_at,
    Dataset.updated_at,
)
WHOLE = Statement(
    select(
        *_SET,
        File.name,
        File.title,
        File.format,
        File.mime_type,
        File.size,
        File.assembly,
        File.created_at,
        File.available,
        File.run,
        File.series,
        File.instance,
        File.index_of,
        select(func.max(_Index.id)).where(_Index.index_of == File.id).scalar_subquery(),
        select(func.json_group_object(Checksum.type, Checksum.value)).where(Checksum.file == File.id).scalar_subquery(),
        select(func.json_group_object(Location.store, Location.key)).where(Location.file == File.id).scalar_subquery(),
    )
    .join(Dataset, Dataset.accession == File.dataset)
    .where(file_exists(bindparam("today", type_=Date())), File.id == bindparam("id"))
)


class Single(Protocol):
    """Reads files one by one, for the askers of one event loop."""

    async def file(self, id: str) -> FileRecord | None:
        """The file, or None if it does not exist; raises what reading raises."""


def single(catalog: Catalog) -> Single:
    """The way that suits the database: in place where it is a file beside the process, together over a network."""
    together = Together(catalog.files)
    return InPlace(catalog, together) if catalog.engine.dialect.name == "sqlite" else together


class InPlace:
    """Reads with one statement in the thread of the event loop: 20 µs, less than it takes to wake another thread.

    Where it would have to wait all the same (the database is being recovered), the question goes the other way.

    :param otherwise: where questions go then.
    """

    def __init__(self, catalog: Catalog, otherwise: Single) -> None:
        self._today = catalog.today
        self._otherwise = otherwise
        self._beside = Beside(catalog.engine, catalog.today)

    async def file(self, id: str) -> FileRecord | None:
        """See :class:`Single`."""
        try:
            return self._file(id)
        except sqlite3.OperationalError:
            return await self._otherwise.file(id)

    def _file(self, id: str) -> FileRecord | None:
        unchanged = self._beside.unchanged()
        kept: FileRecord | None = unchanged.records.get(id)
        if kept is None:
            for row in self._beside.rows(WHOLE, {"id": id, "today": self._today().isoformat()}):
                kept = _file(id, row)
                unchanged.keep(id, kept)
        return kept


def _file(id: str, row: tuple[Any, ...]) -> FileRecord:
    name, title, format, mime_type, size, assembly, created, available, *belonging = row[len(_SET) :]
    run, series, instance, index_of, index, sums, places = belonging
    return FileRecord(
        id=id,
        dataset=_dataset(row[: len(_SET)]),
        name=name,
        title=title,
        format=format,
        mime_type=mime_type,
        size=size,
        assembly=assembly,
        created_at=_moment(created),
        available=bool(available),
        run=run,
        series=series,
        instance=instance,
        index_of=index_of,
        index=index,
        checksums=orjson.loads(sums),
        locations=tuple(sorted(orjson.loads(places).items())),
    )


@lru_cache(DATASETS)
def _dataset(row: tuple[Any, ...]) -> DatasetRecord:
    """Of a row as it stands in the database: another row is another record, so nothing can be out of date."""
    accession, title, description, tier, records, dac, bioproject, data_type, duo, released, created, updated = row
    return DatasetRecord(
        accession,
        title,
        description,
        tier,
        records,
        dac,
        bioproject,
        data_type,
        orjson.loads(duo),
        dt.date.fromisoformat(released),
        _moment(created),
        _moment(updated),
    )


def _moment(text: str) -> dt.datetime:
    """SQLite forgets the zone; every moment of the catalog is UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
