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
from adapters.catalog.images import Level
from adapters.catalog.models import File, ImagingInstance, ImagingSeries
from adapters.catalog.single import Single, single

Place = tuple[str, str | None, str | None]  # UIDs of a study, or of what is in it
FEW = 32  # objects that are read in the thread of the event loop, 20 µs each
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


ORDER = (ImagingSeries.number, ImagingSeries.uid, ImagingInstance.number, File.instance)


def _question(*, series: bool, instance: bool) -> Select[str, str]:
    question = (
        select(File.id, func.coalesce(ImagingInstance.syntax, ""))
        .select_from(File)
        .join(ImagingSeries, ImagingSeries.uid == File.series)
        .join(ImagingInstance, ImagingInstance.uid == File.instance, isouter=True)
        .where(ImagingSeries.study == bindparam("study"))
    )
    if series:
        question = question.where(ImagingSeries.uid == bindparam("series"))
    return question.where(File.instance == bindparam("instance")) if instance else question


def _first(question: Select[str, str]) -> Statement:
    """What the question finds if that is no more than :data:`FEW`, and one more than that otherwise."""
    found = question.add_columns(*ORDER).limit(FEW + 1).subquery()
    id, syntax, *order = found.c
    return Statement(select(id, syntax).order_by(*order))


# Put together once: that costs more than running them.
QUESTIONS: Mapping[Level, Select[str, str]] = {
    "study": _question(series=False, instance=False),
    "series": _question(series=True, instance=False),
    "instance": _question(series=True, instance=True),
}
ALL = {level: question.order_by(*ORDER) for level, question in QUESTIONS.items()}
FIRST = {level: _first(question) for level, question in QUESTIONS.items()}


def _level(place: Place) -> Level:
    return "instance" if place[2] else "series" if place[1] else "study"


class Holding(Protocol):
    """Finds objects, for the askers of one event loop."""

    async def find(self, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
        """Those that exist, in the order of their numbers; to be left as they are."""


def holding(catalog: Catalog) -> Holding:
    """The way that suits the database."""
    return InPlace(catalog, single(catalog)) if catalog.engine.dialect.name == "sqlite" else Threaded(catalog)


def held(catalog: Catalog, study: str, series: str | None = None, instance: str | None = None) -> Sequence[Held]:
    """The objects, read from the database: to be called from a thread."""
    place = (study, series, instance)
    with catalog.engine.connect() as connection:
        rows = connection.execute(ALL[_level(place)], _given(place))
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
    """Reads few objects in the thread of the event loop, many in another; see :mod:`adapters.catalog.beside`."""

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
            rows = self._beside.rows(FIRST[_level(place)], _given(place))
        except sqlite3.OperationalError:
            return await self._otherwise.find(*place)
        many = len(rows) > FEW
        found = await self._otherwise.find(*place) if many else await self._described(study, rows)
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
