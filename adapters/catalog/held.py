"""The objects of a study, a series or of one instance: what nearly every request for images asks.

An answer is never older than its question: what is kept holds until anything in the database changes. Only what is open
is kept: whoever asks for the rest asks the database too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio.to_thread
from sqlalchemy import Select, bindparam, func, select

from adapters.catalog.beside import Beside, Statement, Unchanged
from adapters.catalog.catalog import Catalog, FileRecord
from adapters.catalog.models import File, ImagingInstance, ImagingSeries
from adapters.catalog.single import Single, single

Place = tuple[str, str | None, str | None]  # UIDs of a study, or of what is in it
LARGEST = 1000  # objects of a study or series that are kept


@dataclass(frozen=True, slots=True)
class Held:
    """An object of the archive.

    :ivar syntax: its transfer syntax; empty where the catalog does not know.
    """

    file: FileRecord
    study: str
    syntax: str

    @property
    def path(self) -> str:
        """Its place below the URL of a DICOMweb service."""
        return f"studies/{self.study}/series/{self.file.series}/instances/{self.file.instance}"


def _question(*, series: bool, instance: bool) -> Select[str, str]:
    question = (
        select(File.id, func.coalesce(ImagingInstance.syntax, ""))
        .select_from(File)
        .join(ImagingSeries, ImagingSeries.uid == File.series)
        .join(ImagingInstance, ImagingInstance.uid == File.instance, isouter=True)
        .where(ImagingSeries.study == bindparam("study"))
        .order_by(ImagingSeries.number, ImagingSeries.uid, ImagingInstance.number, File.instance)
    )
    if series:
        question = question.where(ImagingSeries.uid == bindparam("series"))
    return question.where(File.instance == bindparam("instance")) if instance else question


# Put together once: that costs more than running them.
STUDY = _question(series=False, instance=False)
SERIES = _question(series=True, instance=False)
INSTANCE = _question(series=True, instance=True)
INSTANCE_BESIDE = Statement(INSTANCE)


class Holding(Protocol):
    """Finds objects, for the askers of one event loop."""

    async def find(self, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
        """Those that exist, in the order of their numbers; to be left as they are."""


def holding(catalog: Catalog) -> Holding:
    """The way that suits the database."""
    return InPlace(catalog, single(catalog)) if catalog.engine.dialect.name == "sqlite" else Threaded(catalog)


def held(catalog: Catalog, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
    """The objects, read from the database: to be called from a thread."""
    question = INSTANCE if instance else SERIES if series else STUDY
    with catalog.engine.connect() as connection:
        rows = connection.execute(question, {"study": study, "series": series, "instance": instance})
        syntaxes = {str(id): str(syntax) for id, syntax in rows}
    files = catalog.files(syntaxes)
    return [Held(files[id], study, syntax) for id, syntax in syntaxes.items() if id in files]


class Threaded:
    """Reads in threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def find(self, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
        """See :class:`Holding`."""
        return await anyio.to_thread.run_sync(held, self._catalog, study, series, instance)


class InPlace:
    """Reads one instance in the thread of the event loop, several in another; see :mod:`adapters.catalog.beside`."""

    def __init__(self, catalog: Catalog, files: Single) -> None:
        self._files = files
        self._beside = Beside(catalog.engine, catalog.today)
        self._otherwise = Threaded(catalog)

    async def find(self, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
        """See :class:`Holding`."""
        place = (study, series, instance)
        try:
            unchanged = self._beside.unchanged()
            kept: Sequence[Held] | None = unchanged.records.get(place)
            if kept is not None:
                return kept
            rows = self._beside.rows(INSTANCE_BESIDE, _given(place)) if instance else None
        except sqlite3.OperationalError:
            return await self._otherwise.find(*place)
        found = await self._otherwise.find(*place) if rows is None else await self._described(study, rows)
        _keep(unchanged, place, found)
        return found

    async def _described(self, study: str, rows: Sequence[tuple[str, str]]) -> Sequence[Held]:
        files = [(await self._files.file(id), syntax) for id, syntax in rows]
        return [Held(file, study, syntax) for file, syntax in files if file is not None]


def _given(place: Place) -> Mapping[str, str | None]:
    return dict(zip(("study", "series", "instance"), place, strict=True))


def _keep(unchanged: Unchanged, place: Place, found: Sequence[Held]) -> None:
    """Keep what was read after ``unchanged`` was asked for; should something be committed since, it is given up."""
    if 0 < len(found) <= LARGEST and all(one.file.dataset.tier == "open" for one in found):
        unchanged.keep(place, found, len(found))
