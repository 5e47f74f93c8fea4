"""Which files hold what an entry is about: a person, a sample, a run, an analysis, a series, the variants of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, exists, select
from sqlalchemy.orm import aliased

from adapters.catalog.catalog import Catalog, FileRecord
from adapters.catalog.models import Analysis, Dataset, Experiment, File, FilePerson, ImagingSeries, Run
from adapters.catalog.visibility import file_exists

VARIANT_FORMATS = ("VCF", "BCF")


class Held(NamedTuple):
    """A file of a person. ``study`` is the UID of the imaging study to which it belongs, if to any."""

    individual: str
    dataset: str
    id: str
    format: str
    indexed: bool
    study: str | None


class Holdings:
    """Read side of the catalog for what belongs to entries. Index files are left out: they go with their file."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def of_individuals(self, dataset: str, accessions: Sequence[str]) -> list[FileRecord]:
        """Files of a data set that hold data of any of the people."""
        of = select(FilePerson.file).where(FilePerson.individual.in_(accessions))
        return self._files(dataset, File.id.in_(of))

    def of_samples(self, dataset: str, accessions: Sequence[str]) -> list[FileRecord]:
        """Files of the runs of samples."""
        runs = select(Run.accession).join(Experiment, Experiment.accession == Run.experiment)
        return self._files(dataset, File.run.in_(runs.where(Experiment.sample.in_(accessions))))

    def of_runs(self, dataset: str, accessions: Sequence[str]) -> list[FileRecord]:
        """Files of runs."""
        return self._files(dataset, File.run.in_(accessions))

    def of_analyses(self, dataset: str, accessions: Sequence[str]) -> list[FileRecord]:
        """Files of the runs that were analysed."""
        return self._files(dataset, File.run.in_(select(Analysis.run).where(Analysis.accession.in_(accessions))))

    def of_variants(self, dataset: str) -> list[FileRecord]:
        """Variant files of a data set."""
        return self._files(dataset, File.format.in_(VARIANT_FORMATS))

    def of_people(self, individuals: Sequence[str], datasets: Sequence[str]) -> list[Held]:
        """What the data sets hold of the people, by person and file: one statement for all of them.

        :param individuals: at most some thousands, as a statement has parameters.
        """
        index = aliased(File)
        indexed = exists(select(1).where(index.index_of == File.id)).label("indexed")
        question = (
            select(FilePerson.individual, File.dataset, File.id, File.format, indexed, ImagingSeries.study)
            .join(File, File.id == FilePerson.file)
            .join(Dataset, Dataset.accession == File.dataset)
            .outerjoin(ImagingSeries, ImagingSeries.uid == File.series)
            .where(FilePerson.individual.in_(individuals), File.dataset.in_(datasets))
            .where(File.index_of.is_(None), file_exists(self._catalog.today()))
            .order_by(FilePerson.individual, File.id)
        )
        with self._engine.connect() as connection:
            return [Held(*row) for row in connection.execute(question)]

    def series(self, dataset: str, uids: Sequence[str]) -> list[tuple[str, str]]:
        """(study, series) UIDs of those among the series, or of the series of the studies, that have a file."""
        question = (
            select(ImagingSeries.study, ImagingSeries.uid)
            .join(File, File.series == ImagingSeries.uid)
            .join(Dataset, Dataset.accession == File.dataset)
            .where(File.dataset == dataset, file_exists(self._catalog.today()))
            .where(ImagingSeries.uid.in_(uids) | ImagingSeries.study.in_(uids))
            .distinct()
            .order_by(ImagingSeries.study, ImagingSeries.uid)
        )
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(question)]

    def _files(self, dataset: str, condition: Any) -> list[FileRecord]:
        ids: Select[str] = select(File.id).where(File.dataset == dataset, File.index_of.is_(None), condition)
        with self._engine.connect() as connection:
            wanted = list(connection.scalars(ids.order_by(File.id)))
        return list(self._catalog.files(wanted).values())
