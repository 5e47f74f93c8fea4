"""Bundles of the catalog: a data set, a run or an imaging series as the files of it that exist (CHECKLIST 1.2).

The id of a data set or run is its accession; that of a series is ``series-`` and its UID.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, Row, Select, select

from adapters.catalog.catalog import BLOCK, Catalog, DatasetRecord, FileRecord
from adapters.catalog.models import Dataset, File, ImagingSeries, ImagingStudy, Run
from adapters.catalog.visibility import dataset_exists

SERIES = "series-"

Kind = Literal["dataset", "run", "series"]


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """A bundle that exists. ``files`` are all files in it, at any depth, by id; there is at least one."""

    id: str
    kind: Kind
    title: str
    dataset: DatasetRecord
    files: tuple[FileRecord, ...]


class Bundles:
    """Read side of the catalog for bundles.

    :param catalog: says what exists, and gives the files.
    """

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def find(self, ids: Iterable[str]) -> dict[str, BundleRecord]:
        """The bundles of ``ids`` that exist, by id: a handful of statements for any number.

        A bundle all of whose files are absent does not exist, and one never holds files of another data set.
        """
        wanted = list(dict.fromkeys(ids))
        known: dict[str, tuple[Kind, str, str]] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), BLOCK):
                known.update(self._known(connection, wanted[start : start + BLOCK]))
        found: dict[str, BundleRecord] = {}
        for kind in ("dataset", "run", "series"):
            found.update(self._filled(kind, {id: row for id, row in known.items() if row[0] == kind}))
        return found

    def _known(self, connection: Connection, ids: list[str]) -> Iterable[tuple[str, tuple[Kind, str, str]]]:
        """(id, (kind, data set, title)) of the bundles whose data set exists."""
        exists = dataset_exists(self._catalog.today())
        uids = [id.removeprefix(SERIES) for id in ids if id.startswith(SERIES)]
        questions: list[tuple[Kind, Select[str, str, str]]] = [
            ("dataset", select(Dataset.accession, Dataset.accession, Dataset.title).where(Dataset.accession.in_(ids))),
            (
                "run",
                select(Run.accession, Run.dataset, Run.title)
                .join(Dataset, Dataset.accession == Run.dataset)
                .where(Run.accession.in_(ids)),
            ),
        ]
        if uids:
            series = select(ImagingSeries.uid, ImagingStudy.dataset, ImagingSeries.description)
            series = series.join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
            series = series.join(Dataset, Dataset.accession == ImagingStudy.dataset)
            questions.append(("series", series.where(ImagingSeries.uid.in_(uids))))
        for kind, question in questions:
            for row in connection.execute(question.where(exists)):
                yield _id(kind, row), (kind, str(row[1]), str(row[2]))

    def _filled(self, kind: Kind, known: dict[str, tuple[Kind, str, str]]) -> dict[str, BundleRecord]:
        column = {"dataset": File.dataset, "run": File.run, "series": File.series}[kind]
        keys = [id.removeprefix(SERIES) if kind == "series" else id for id in known]
        gathered: dict[str, list[FileRecord]] = {id: [] for id in known}
        for file in self._catalog.files_where(column, keys):
            id = bundle_of(file, kind)
            if id is not None and file.dataset.accession == known[id][1]:
                gathered[id].append(file)
        return {
            id: BundleRecord(id, kind, known[id][2], files[0].dataset, tuple(files))
            for id, files in gathered.items()
            if files
        }


def bundle_of(file: FileRecord, kind: Kind) -> str | None:
    """Id of the bundle of that kind which holds the file, None if there is none."""
    if kind == "dataset":
        return file.dataset.accession
    if kind == "run":
        return file.run
    return None if file.series is None else SERIES + file.series


def _id(kind: Kind, row: Row[str, str, str]) -> str:
    return f"{SERIES}{row[0]}" if kind == "series" else str(row[0])
