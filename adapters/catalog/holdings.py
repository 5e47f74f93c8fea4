"""Which files hold what an entry is about: a person, a sample, a run, an analysis, a series, the variants of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Select, select

from adapters.catalog.catalog import Catalog, FileRecord
from adapters.catalog.models import Analysis, Dataset, Experiment, File, FilePerson, ImagingSeries, Run
from adapters.catalog.visibility import file_exists

VARIANT_FORMATS = ("VCF", "BCF")


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
