"""Studies, series and instances of images that exist: searched for, and named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    distinct,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from adapters.catalog.catalog import Catalog, FileRecord
from adapters.catalog.models import (
    Dataset,
    File,
    FilePerson,
    ImagingInstance,
    ImagingSeries,
    ImagingStudy,
    Individual,
)
from adapters.catalog.visibility import dataset_exists

Level = Literal["study", "series", "instance"]
LEVELS: tuple[Level, ...] = ("study", "series", "instance")
SEX = {"F": "NCIT:C16576", "M": "NCIT:C20197", "O": "NCIT:C17998"}
MODALITIES = "ModalitiesInStudy"

# What can be searched for, by keyword: the level it belongs to and its column.
COLUMNS: Mapping[str, tuple[Level, InstrumentedAttribute[Any]]] = {
    "StudyInstanceUID": ("study", ImagingStudy.uid),
    "StudyDate": ("study", ImagingStudy.study_date),
    "StudyDescription": ("study", ImagingStudy.description),
    "PatientID": ("study", ImagingStudy.individual),
    "PatientName": ("study", ImagingStudy.individual),
    "PatientSex": ("study", Individual.sex),
    "SeriesInstanceUID": ("series", ImagingSeries.uid),
    "Modality": ("series", ImagingSeries.modality),
    "SeriesNumber": ("series", ImagingSeries.number),
    "SeriesDescription": ("series", ImagingSeries.description),
    "BodyPartExamined": ("series", ImagingSeries.body_part),
    "Manufacturer": ("series", ImagingSeries.manufacturer),
    "SOPInstanceUID": ("instance", ImagingInstance.uid),
    "SOPClassUID": ("instance", ImagingInstance.sop_class),
    "InstanceNumber": ("instance", ImagingInstance.number),
    "Rows": ("instance", ImagingInstance.rows),
    "Columns": ("instance", ImagingInstance.columns),
}
SHOWN: Mapping[Level, tuple[Any, ...]] = {
    "study": (
        ImagingStudy.uid.label("study"),
        ImagingStudy.dataset,
        ImagingStudy.individual,
        ImagingStudy.study_date,
        ImagingStudy.description.label("study_description"),
        ImagingStudy.attributes.label("study_attributes"),
        Individual.sex,
    ),
    "series": (
        ImagingSeries.uid.label("series"),
        ImagingSeries.modality,
        ImagingSeries.number.label("series_number"),
        ImagingSeries.description.label("series_description"),
        ImagingSeries.body_part,
        ImagingSeries.manufacturer,
        ImagingSeries.attributes.label("series_attributes"),
    ),
    "instance": (
        ImagingInstance.uid.label("instance"),
        ImagingInstance.sop_class,
        ImagingInstance.syntax,
        ImagingInstance.number,
        ImagingInstance.rows,
        ImagingInstance.columns,
        ImagingInstance.frames,
        ImagingInstance.bits,
    ),
}
ORDER: Mapping[Level, tuple[Any, ...]] = {
    "study": (ImagingStudy.uid,),
    "series": (ImagingSeries.uid,),
    "instance": (ImagingInstance.uid,),
}


@dataclass(frozen=True, slots=True)
class Match:
    """One condition: the attribute is one of ``texts`` (wildcards ``*`` and ``?``), a number, or within ``days``."""

    keyword: str
    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    days: tuple[dt.date | None, dt.date | None] | None = None  # first and last, both included; None: open


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


@dataclass(frozen=True, slots=True)
class Found:
    """One row of an answer, the counts of what lies below it, and the modalities of its study."""

    row: Mapping[str, Any]
    series: int = 0
    instances: int = 0
    modalities: tuple[str, ...] = ()


class Images:
    """Read side of the catalog for images.

    :param catalog: says what exists, and gives the files.
    """

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def held(self, study: str, series: str | None = None, instance: str | None = None) -> list[Held]:
        """The objects of a study, of one of its series or of one instance, in the order of their numbers."""
        question = (
            select(File.id, func.coalesce(ImagingInstance.syntax, ""))
            .select_from(File)
            .join(ImagingSeries, ImagingSeries.uid == File.series)
            .join(ImagingInstance, ImagingInstance.uid == File.instance, isouter=True)
            .where(ImagingSeries.study == study)
            .order_by(ImagingSeries.number, ImagingSeries.uid, ImagingInstance.number, File.instance)
        )
        if series is not None:
            question = question.where(ImagingSeries.uid == series)
        if instance is not None:
            question = question.where(File.instance == instance)
        with self._engine.connect() as connection:
            syntaxes = {str(id): str(syntax) for id, syntax in connection.execute(question)}
        files = self._catalog.files(syntaxes)
        return [Held(files[id], study, syntax) for id, syntax in syntaxes.items() if id in files]

    def search(
        self,
        level: Level,
        matches: Sequence[Match],
        datasets: Collection[str],
        *,
        limit: int,
        offset: int,
    ) -> list[Found]:
        """What matches among the images of ``datasets``, by UID; counts are of what exists.

        :param matches: of attributes of the level or of those above it.
        """
        with self._engine.connect() as connection:
            question = _joined(level).where(
                *(_condition(match) for match in matches),
                ImagingStudy.dataset.in_(datasets),
                Individual.withdrawn_at.is_(None),
                dataset_exists(self._catalog.today()),
                _bytes_exist(level),
            )
            rows = connection.execute(question.order_by(*ORDER[level]).limit(limit).offset(offset)).all()
            return list(_counted(connection, level, rows))


def _joined(level: Level) -> Select[Any]:
    shown = [column for at in LEVELS[: LEVELS.index(level) + 1] for column in SHOWN[at]]
    question = select(*shown)
    if level == "study":
        question = question.select_from(ImagingStudy)
    elif level == "series":
        question = question.select_from(ImagingSeries).join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
    else:
        question = question.select_from(ImagingInstance)
        question = question.join(ImagingSeries, ImagingSeries.uid == ImagingInstance.series)
        question = question.join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
    question = question.join(Individual, Individual.accession == ImagingStudy.individual)
    return question.join(Dataset, Dataset.accession == ImagingStudy.dataset)


def _archived() -> ColumnElement[bool]:
    """Condition on ``File``: archived, and nobody in it has withdrawn. Its data set is looked at with its study."""
    withdrawn = select(FilePerson.file).join(Individual, Individual.accession == FilePerson.individual)
    return and_(File.state == "archived", File.id.not_in(withdrawn.where(Individual.withdrawn_at.is_not(None))))


def _bytes_exist(level: Level) -> ColumnElement[bool]:
    """A study or series without a file that exists does not exist."""
    if level == "instance":
        return exists(select(1).where(File.instance == ImagingInstance.uid, _archived()).correlate(ImagingInstance))
    if level == "series":
        return exists(select(1).where(File.series == ImagingSeries.uid, _archived()).correlate(ImagingSeries))
    inside = select(1).select_from(ImagingSeries).join(File, File.series == ImagingSeries.uid)
    return exists(inside.where(ImagingSeries.study == ImagingStudy.uid, _archived()).correlate(ImagingStudy))


def _condition(match: Match) -> ColumnElement[bool]:
    if match.keyword == MODALITIES:
        return exists(
            select(1)
            .select_from(ImagingSeries)
            .where(ImagingSeries.study == ImagingStudy.uid, ImagingSeries.modality.in_(match.texts))
            .correlate(ImagingStudy)
        )
    return _tested(COLUMNS[match.keyword][1], match)


def _tested(column: InstrumentedAttribute[Any], match: Match) -> ColumnElement[bool]:
    if match.days is not None:
        first, last = match.days
        bounds = [column >= first] if first else []
        return and_(column.is_not(None), *bounds, *([column <= last] if last else []))
    if match.numbers:
        return column.in_(match.numbers)
    if match.keyword == "PatientSex":
        return column.in_([SEX[text] for text in match.texts if text in SEX])
    plain = [text for text in match.texts if not set(text) & set("*?")]
    patterns = [_pattern(text) for text in match.texts if set(text) & set("*?")]
    likes = [func.lower(column).like(pattern.lower(), escape="\\") for pattern in patterns]
    return or_(false(), *([column.in_(plain)] if plain else []), *likes)


def _pattern(text: str) -> str:
    """A pattern of LIKE for one of DICOM (PS3.4 C.2.2.2.4)."""
    quoted = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return quoted.replace("*", "%").replace("?", "_")


def _counted(connection: Connection, level: Level, rows: Sequence[Row[Any]]) -> Iterable[Found]:
    studies = {row.study for row in rows}
    modalities: dict[str, set[str]] = {study: set() for study in studies}
    question = select(ImagingSeries.study, ImagingSeries.modality).distinct()
    for study, modality in connection.execute(question.where(ImagingSeries.study.in_(studies))):
        modalities[study].add(modality)
    counts: dict[str, tuple[int, int]] = {}
    if level != "instance":
        column = ImagingSeries.study if level == "study" else ImagingSeries.uid
        inside = select(column, func.count(distinct(ImagingSeries.uid)), func.count()).select_from(ImagingSeries)
        inside = inside.join(File, File.series == ImagingSeries.uid)
        named = {getattr(row, level) for row in rows}
        for uid, series, instances in connection.execute(inside.where(column.in_(named), _archived()).group_by(column)):
            counts[uid] = (series, instances)
    for row in rows:
        series, instances = counts.get(getattr(row, level), (0, 0))
        yield Found(row._asdict(), series, instances, tuple(sorted(modalities[row.study])))
