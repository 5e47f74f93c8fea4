"""Studies, series and instances of images that exist, searched for."""

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

from adapters.catalog.models import (
    File,
    FilePerson,
    ImagingInstance,
    ImagingSeries,
    ImagingStudy,
    Individual,
)

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
UIDS: Mapping[Level, InstrumentedAttribute[str]] = {
    "study": ImagingStudy.uid,
    "series": ImagingSeries.uid,
    "instance": ImagingInstance.uid,
}
SELECTIVE = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "PatientID", "PatientName"})
UNSELECTIVE = frozenset({"Modality", "BodyPartExamined", "SOPClassUID"})


@dataclass(frozen=True, slots=True)
class Match:
    """One condition: the attribute is one of ``texts`` (wildcards ``*`` and ``?``), a number, or within ``days``."""

    keyword: str
    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    days: tuple[dt.date | None, dt.date | None] | None = None  # first and last, both included; None: open


@dataclass(frozen=True, slots=True)
class Found:
    """One row of an answer, the counts of what lies below it, and the modalities of its study."""

    row: Mapping[str, Any]
    series: int = 0
    instances: int = 0
    modalities: tuple[str, ...] = ()


class Images:
    """Read side of the catalog for images."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(
        self,
        level: Level,
        matches: Sequence[Match],
        datasets: Collection[str],
        *,
        limit: int,
        offset: int,
    ) -> list[Found]:
        """What matches among the images of ``datasets``, which exist, by UID; counts are of what exists.

        :param matches: of attributes of the level or of those above it.
        """
        uid = UIDS[level]
        question = select(uid).where(
            *(_condition(level, match) for match in matches), _study_exists(level, datasets), _bytes_exist(level)
        )
        with self._engine.connect() as connection:
            page = connection.scalars(question.order_by(uid).limit(limit).offset(offset)).all()
            rows = connection.execute(_joined(level).where(uid.in_(page)).order_by(uid)).all()
            return list(_counted(connection, level, rows))


def _joined(level: Level) -> Select[Any]:
    shown = [column for at in LEVELS[: LEVELS.index(level) + 1] for column in SHOWN[at]]
    question = select(*shown).select_from(ImagingStudy)
    question = question.join(Individual, Individual.accession == ImagingStudy.individual)
    if level != "study":
        question = question.join(ImagingSeries, ImagingSeries.study == ImagingStudy.uid)
    if level == "instance":
        question = question.join(ImagingInstance, ImagingInstance.series == ImagingSeries.uid)
    return question


def _unindexed(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """The column where its index would mislead: few values, so that the first page is found sooner by walking along."""
    return column + ""


def _study_exists(level: Level, datasets: Collection[str]) -> ColumnElement[bool]:
    """The study is of one of ``datasets``, and its person has not withdrawn."""
    withdrawn = select(Individual.accession).where(Individual.withdrawn_at.is_not(None))
    of_one = _unindexed(ImagingStudy.dataset).in_(datasets)
    return _of_study(level, and_(of_one, ImagingStudy.individual.not_in(withdrawn)))


def _of_study(level: Level, test: ColumnElement[bool]) -> ColumnElement[bool]:
    """The test of the study that something belongs to, made for each row that is looked at."""
    if level == "study":
        return test
    study = select(1).select_from(ImagingStudy)
    if level == "series":
        return exists(study.where(ImagingStudy.uid == ImagingSeries.study, test).correlate(ImagingSeries))
    within = study.join(ImagingSeries, ImagingSeries.study == ImagingStudy.uid)
    return exists(within.where(ImagingSeries.uid == ImagingInstance.series, test).correlate(ImagingInstance))


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


def _condition(level: Level, match: Match) -> ColumnElement[bool]:
    if match.keyword == MODALITIES:
        series = select(1).select_from(ImagingSeries)
        series = series.where(ImagingSeries.study == ImagingStudy.uid, ImagingSeries.modality.in_(match.texts))
        return _of_study(level, exists(series.correlate(ImagingStudy)))
    at, column = COLUMNS[match.keyword]
    test = _tested(column, match)
    if match.keyword == "PatientSex":
        test = exists(select(1).where(Individual.accession == ImagingStudy.individual, test).correlate(ImagingStudy))
    if at == level:
        return test
    if match.keyword in SELECTIVE:
        return _below(level, at, test)
    if at == "study":
        return _of_study(level, test)
    return exists(select(1).where(ImagingSeries.uid == ImagingInstance.series, test).correlate(ImagingInstance))


def _below(level: Level, at: Level, test: ColumnElement[bool]) -> ColumnElement[bool]:
    """What lies below the few studies or series that meet the test: they are found first."""
    series = select(ImagingSeries.uid)
    if at == "study":
        studies = select(ImagingStudy.uid).where(test)
        if level == "series":
            return ImagingSeries.study.in_(studies)
        return ImagingInstance.series.in_(series.where(ImagingSeries.study.in_(studies)))
    return ImagingInstance.series.in_(series.where(test))


def _tested(column: Any, match: Match) -> ColumnElement[bool]:
    if match.days is not None:
        first, last = match.days
        bounds = [column >= first] if first else []
        return and_(column.is_not(None), *bounds, *([column <= last] if last else []))
    if match.keyword == "PatientSex":
        return _among(column, [SEX[text] for text in match.texts if text in SEX])
    if match.keyword in UNSELECTIVE:
        column = _unindexed(column)
    if match.numbers:
        return _among(column, match.numbers)
    plain = [text for text in match.texts if not set(text) & set("*?")]
    patterns = [_pattern(text) for text in match.texts if set(text) & set("*?")]
    likes = [func.lower(column).like(pattern.lower(), escape="\\") for pattern in patterns]
    return or_(false(), *([column.in_(plain)] if plain else []), *likes)


def _among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    return column.in_(values)


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
