"""Filters over imaging: all filters of one question hold on the same series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, or_, select

from adapters.catalog.models import ImagingSeries, ImagingStudy, Individual
from adapters.terms.columns import of_age, of_text
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter, Filters
from adapters.terms.owned import Named, Owned
from adapters.terms.vocabulary import SERIES, STUDY, Vocabulary, vocabulary

COLUMNS: dict[str, Any] = {
    "modality": ImagingSeries.modality,
    "bodyPart": ImagingSeries.body_part,
    "manufacturer": ImagingSeries.manufacturer,
    "age": ImagingStudy.age,
}
IDS: dict[str, Any] = {STUDY: ImagingStudy.uid, SERIES: ImagingSeries.uid}
NOTHING = ImagingSeries.uid.is_(None)


class Imaging:
    """Answers imaging filters over the studies and series of a member (:class:`adapters.terms.owned.OwnedEntries`).

    :param filters: reads ontologies; decides what a filter is about.
    """

    def __init__(self, engine: Engine, filters: Filters, words: Vocabulary | None = None) -> None:
        self._engine = engine
        self._filters = filters
        self._vocabulary = words or vocabulary()

    def owners(
        self,
        entry_type: str | None,  # noqa: ARG002 - every study has a series
        filters: Sequence[Filter],
        people: dict[str, BitMap],
        named: Sequence[Named] = (),
    ) -> dict[str, BitMap]:
        """See :class:`~adapters.terms.owned.OwnedEntries`; the filters hold together on one series."""
        found = {dataset: BitMap() for dataset in people}
        with self._engine.connect() as connection:
            conditions = [self._condition(connection, filters), *(IDS[kind] == id for kind, id in named)]
            question = _joined(select(ImagingStudy.dataset, Individual.ordinal).distinct(), people)
            for dataset, ordinal in connection.execute(question.where(*conditions)):
                found[dataset].add(ordinal)
        return {dataset: owners & people[dataset] for dataset, owners in found.items()}

    def entries(
        self, entry_type: str, filters: Sequence[Filter], people: dict[str, BitMap], named: Sequence[Named] = ()
    ) -> Iterator[Owned]:
        """See :class:`~adapters.terms.owned.OwnedEntries`; of studies those with at least one such series."""
        column = IDS[entry_type]
        with self._engine.connect() as connection:
            conditions = [self._condition(connection, filters), *(IDS[kind] == id for kind, id in named)]
            question = _joined(select(column, ImagingStudy.dataset, Individual.ordinal).distinct(), people)
            for uid, dataset, ordinal in connection.execute(question.where(*conditions).order_by(column)):
                if ordinal in people[dataset]:
                    yield Owned(uid, dataset, ordinal)

    def records(self, entry_type: str, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The records of studies or series by UID; ages are ISO 8601 durations at the time of the study."""
        return self._studies(uids) if entry_type == STUDY else self._series_records(uids)

    def _studies(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
        series = self._series(ImagingSeries.study, uids)
        question = select(ImagingStudy).where(ImagingStudy.uid.in_(uids))
        with self._engine.connect() as connection:
            return {row.uid: _study(row, series.get(row.uid, [])) for row in connection.execute(question)}

    def _series_records(self, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
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
            return of_age(connection, filter, column)
        return of_text(filter, column)

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
