"""Filters over imaging: all filters of one question hold on the same series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, not_, or_, select

from adapters.catalog.models import ImagingSeries, ImagingStudy, Individual
from adapters.terms.durations import days
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter, Filters
from adapters.terms.vocabulary import STUDY, Vocabulary, vocabulary

COLUMNS: dict[str, Any] = {
    "modality": ImagingSeries.modality,
    "bodyPart": ImagingSeries.body_part,
    "manufacturer": ImagingSeries.manufacturer,
    "age": ImagingStudy.age,
}
NOTHING = ImagingSeries.uid.is_(None)


@dataclass(frozen=True, slots=True)
class Owned:
    """A study or series: its UID, its data set and the ordinal of its owner."""

    uid: str
    dataset: str
    owner: int


class Imaging:
    """Answers imaging filters over the studies and series of a member.

    :param filters: reads ontologies; decides what a filter is about.
    """

    def __init__(self, engine: Engine, filters: Filters, words: Vocabulary | None = None) -> None:
        self._engine = engine
        self._filters = filters
        self._vocabulary = words or vocabulary()

    def owners(self, filters: Sequence[Filter], visible: dict[str, BitMap]) -> dict[str, BitMap]:
        """Data set → its visible people with a series in it for which all ``filters`` hold.

        :raises UnknownFilter: as :meth:`Filters.individuals`.
        :raises InvalidFilter: as :meth:`Filters.individuals`.
        """
        found = {dataset: BitMap() for dataset in visible}
        with self._engine.connect() as connection:
            condition = self._condition(connection, filters)
            question = _joined(select(ImagingStudy.dataset, Individual.ordinal).distinct(), visible)
            for dataset, ordinal in connection.execute(question.where(condition)):
                found[dataset].add(ordinal)
        return {dataset: people & visible[dataset] for dataset, people in found.items()}

    def entries(
        self, entry_type: str, filters: Sequence[Filter], people: dict[str, BitMap], study: str | None = None
    ) -> Iterator[Owned]:
        """The studies (with at least one such series) or series for which all ``filters`` hold, in order of UID.

        :param people: data set → owners that count.
        :param study: UID of the one study whose entries are meant.
        """
        column = ImagingStudy.uid if entry_type == STUDY else ImagingSeries.uid
        with self._engine.connect() as connection:
            condition = self._condition(connection, filters)
            if study is not None:
                condition = and_(condition, ImagingStudy.uid == study)
            question = _joined(select(column, ImagingStudy.dataset, Individual.ordinal).distinct(), people)
            for uid, dataset, ordinal in connection.execute(question.where(condition).order_by(column)):
                if ordinal in people[dataset]:
                    yield Owned(uid, dataset, ordinal)

    def studies(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The records of studies by UID; ages are ISO 8601 durations at the time of the study."""
        series = self._series(ImagingSeries.study, uids)
        question = select(ImagingStudy).where(ImagingStudy.uid.in_(uids))
        with self._engine.connect() as connection:
            return {row.uid: _study(row, series.get(row.uid, [])) for row in connection.execute(question)}

    def series(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The records of series by UID."""
        return {uid: record for records in self._series(ImagingSeries.uid, uids).values() for uid, record in
                ((record["id"], record) for record in records)}  # fmt: skip

    def _series(self, column: Any, values: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Series records by study."""
        found: dict[str, list[dict[str, Any]]] = {}
        owner = (ImagingStudy.individual, ImagingStudy.age)
        question = select(ImagingSeries, *owner).join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
        question = question.where(column.in_(values)).order_by(ImagingSeries.number, ImagingSeries.uid)
        with self._engine.connect() as connection:
            for row in connection.execute(question.with_only_columns(*ImagingSeries.__table__.columns, *owner)):
                found.setdefault(row.study, []).append(self._record(row))
        return found

    def _record(self, row: Any) -> dict[str, Any]:
        record = {
            "id": row.uid,
            "imagingStudyId": row.study,
            "individualId": row.individual,
            "modality": self._term("modality", row.modality),
            "bodyPart": self._term("bodyPart", row.body_part),
            "manufacturer": row.manufacturer or None,
            "seriesNumber": row.number,
            "ageAtImaging": {"iso8601duration": row.age} if row.age else None,
        }
        return {key: value for key, value in record.items() if value is not None}

    def _term(self, field: str, value: str) -> dict[str, str] | None:
        """A DICOM value as an ontology term where it has one."""
        if not value:
            return None
        terms = self._vocabulary.imaging_terms.get(field, {}).get(value.upper())
        id = terms[0] if terms else f"DICOM:{value.upper().replace(' ', '_')}"
        return {"id": id, "label": self._vocabulary.imaging_labels.get(id, value)}

    def _condition(self, connection: Connection, filters: Sequence[Filter]) -> ColumnElement[bool]:
        conditions = [self._of(connection, filter) for filter in filters]
        return and_(ImagingSeries.uid.is_not(None), *conditions)

    def _of(self, connection: Connection, filter: Filter) -> ColumnElement[bool]:
        field = self._vocabulary.imaging_fields.get(filter.id)
        if field is None:
            return self._by_term(connection, filter)
        if filter.operator is None or filter.value is None:
            raise InvalidFilter(f"filter {filter.id!r}: needs an operator and a value")
        column = COLUMNS[filter.id]
        if field.kind == "age":
            return _of_age(connection, filter, column)
        return _of_text(filter, column)

    def _by_term(self, connection: Connection, filter: Filter) -> ColumnElement[bool]:
        if filter.operator is not None:
            raise InvalidFilter(f"filter {filter.id!r}: a term takes no operator and value")
        custom = self._vocabulary.custom.get(filter.id)
        terms = custom.any_of if custom else (filter.id,)
        closed = self._filters.closed(connection, terms) if filter.descendants else frozenset(terms)
        values = self._vocabulary.imaging_values(closed)
        if not values and not custom:
            self._filters.require_known(connection, filter, filter.id, BitMap())
        same = [func.upper(COLUMNS[field]).in_(matching) for field, matching in values.items()]
        return or_(*same) if same else NOTHING


def _joined(question: Any, datasets: dict[str, BitMap]) -> Any:
    return (
        question.select_from(ImagingSeries)
        .join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
        .join(Individual, Individual.accession == ImagingStudy.individual)
        .where(ImagingStudy.dataset.in_(list(datasets)))
    )


def _of_text(filter: Filter, column: Any) -> ColumnElement[bool]:
    """``=`` and ``!`` without regard to case, ``%`` standing for any text; an empty value is no value."""
    if filter.operator not in ("=", "!"):
        raise InvalidFilter(f"filter {filter.id!r}: operator {filter.operator!r} on a text; allowed: = !")
    wanted = str(filter.value).upper()
    equal: ColumnElement[bool] = func.upper(column) == wanted
    if "%" in wanted:
        pattern = wanted.replace("\\", "\\\\").replace("_", "\\_")
        equal = func.upper(column).like(pattern, escape="\\")
    return and_(column != "", equal if filter.operator == "=" else not_(equal))


def _of_age(connection: Connection, filter: Filter, column: Any) -> ColumnElement[bool]:
    """Few ages are distinct, so they are compared here and asked for by name: texts do not sort as durations do."""
    wanted = days(str(filter.value))
    if wanted is None:
        allowed = "an ISO 8601 duration such as P45Y or P2Y6M"
        raise InvalidFilter(f"filter {filter.id!r}: value {filter.value!r} is not an age; allowed: {allowed}")
    texts = connection.scalars(select(column).where(column.is_not(None)).distinct())
    ages = {text: length for text in texts if (length := days(text)) is not None}
    return column.in_([text for text, length in ages.items() if _holds(length, str(filter.operator), wanted)])  # type: ignore[no-any-return]


def _holds(left: float, operator: str, right: float) -> bool:
    return {
        "=": left == right,
        "!": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _study(row: Any, series: list[dict[str, Any]]) -> dict[str, Any]:
    record = {
        "id": row.uid,
        "individualId": row.individual,
        "studyDate": row.study_date.isoformat() if row.study_date else None,
        "ageAtImaging": {"iso8601duration": row.age} if row.age else None,
        "numberOfSeries": len(series),
        "modalities": _distinct(series, "modality"),
        "bodyParts": _distinct(series, "bodyPart"),
    }
    return {key: value for key, value in record.items() if value is not None}


def _distinct(series: list[dict[str, Any]], key: str) -> list[dict[str, str]]:
    """The different terms of a study's series, by id."""
    terms = {record[key]["id"]: record[key] for record in series if key in record}
    return [terms[id] for id in sorted(terms)]
