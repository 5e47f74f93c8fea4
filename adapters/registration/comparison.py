"""A plan against the catalog: what is new, what changes, what contradicts, what hangs in the air."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from adapters.catalog.models import (
    Analysis,
    BioProject,
    BioSample,
    Checksum,
    Cohort,
    CohortMember,
    Dataset,
    Experiment,
    File,
    FilePerson,
    ImagingInstance,
    ImagingSeries,
    ImagingStudy,
    Individual,
    Location,
    Membership,
    Organism,
    Run,
    Sample,
)
from adapters.registration.plan import Key, Plan, ProblemKind, Row, Table, key_columns, name

CHUNK = 200
ORDER: tuple[Table, ...] = (  # parents before children
    BioProject,
    BioSample,
    Dataset,
    Organism,
    Individual,
    Membership,
    Sample,
    Experiment,
    Run,
    Analysis,
    Cohort,
    CohortMember,
    ImagingStudy,
    ImagingSeries,
    ImagingInstance,
    File,
    Checksum,
    Location,
    FilePerson,
)
# What no update may change: who may see a thing, and what bytes an id stands for.
NEVER: dict[Table, frozenset[str]] = {
    File: frozenset({"dataset", "size", "instance"}),
    Checksum: frozenset({"value"}),
    Sample: frozenset({"dataset"}),
    Experiment: frozenset({"dataset"}),
    Run: frozenset({"dataset"}),
    Analysis: frozenset({"dataset"}),
    Cohort: frozenset({"dataset"}),
    ImagingStudy: frozenset({"dataset"}),
}
Values = dict[str, Any]


@dataclass(slots=True)
class Changes:
    """Rows to insert and to update, by table; how many are there already."""

    inserts: dict[Table, list[Values]] = field(default_factory=dict)
    updates: dict[Table, list[Values]] = field(default_factory=dict)
    unchanged: dict[Table, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.inserts and not self.updates


def compare(session: Session, plan: Plan, *, update: bool) -> Changes:
    """What the plan would change. Contradictions and missing parents are noted as problems of the plan.

    :param update: whether metadata of registered accessions may be replaced.
    """
    changes = Changes()
    for table in ORDER:
        rows = list(plan.of(table))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            known = _known(session, table, [row.key for row in part])
            for row in part:
                _classify(row, known.get(row.key), changes, plan, update=update)
    for table in ORDER:
        _check_parents(session, table, plan)
    return changes


def _known(session: Session, table: Table, keys: Sequence[Key]) -> dict[Key, Values]:
    names = key_columns(table)
    columns = table.__table__.columns
    key = (
        columns[names[0]].in_([k[0] for k in keys])
        if len(names) == 1
        else tuple_(*(columns[n] for n in names)).in_(keys)
    )
    found = session.execute(select(table.__table__).where(key)).mappings()
    return {tuple(row[n] for n in names): dict(row) for row in found}


def _classify(row: Row, known: Values | None, changes: Changes, plan: Plan, *, update: bool) -> None:
    if known is None:
        changes.inserts.setdefault(row.table, []).append(row.values)
        return
    if known.get("withdrawn_at") is not None and not row.shared:
        plan.problem(row.origin, ProblemKind.CONFLICT, f"{name(row)} is withdrawn")
        return
    compared = row.fixed if row.shared else tuple(row.values)
    differing = [column for column in compared if known[column] != row.values[column]]
    if row.table is File and "organism" in differing:
        differing.remove("organism")  # by name here, by number there; a file's id already stands for its bytes
    if not differing:
        changes.unchanged[row.table] = changes.unchanged.get(row.table, 0) + 1
        return
    never = NEVER.get(row.table, frozenset()) if not row.shared else frozenset(row.fixed)
    if refused := [column for column in differing if column in never]:
        message = (
            f"{name(row)} is registered with another {', '.join(refused)}; this never changes: give a new accession"
        )
        plan.problem(row.origin, ProblemKind.CONFLICT, message)
    elif not update:
        message = f"{name(row)} is registered with another {', '.join(differing)}; an update must be asked for"
        plan.problem(row.origin, ProblemKind.CONFLICT, message)
    else:
        changes.updates.setdefault(row.table, []).append(row.values)


def _check_parents(session: Session, table: Table, plan: Plan) -> None:
    """Every accession that a row refers to is planned or registered, and of the same data set."""
    for column in table.__table__.columns:
        parents = [_table(target.column.table.name) for target in column.foreign_keys]
        if not parents or parents[0] is Organism:  # an organism is planned together with its file
            continue
        rows = [row for row in plan.of(table) if row.values.get(column.name) is not None]
        datasets = _datasets(session, parents[0], {row.values[column.name]: None for row in rows}, plan)
        for row in rows:
            if (parents[0], row.values[column.name]) not in plan.refused:
                _check_parent(row, column.name, datasets, plan)


def _check_parent(row: Row, column: str, datasets: Mapping[str, str | None], plan: Plan) -> None:
    value = row.values[column]
    if value not in datasets:
        message = f"{name(row)} refers to {column} {value!r}, which is neither here nor registered"
        plan.problem(row.origin, ProblemKind.MISSING_PARENT, message)
    elif datasets[value] not in (None, row.values.get("dataset", datasets[value])):
        message = f"{name(row)} refers to {column} {value!r} of another data set, {datasets[value]}"
        plan.problem(row.origin, ProblemKind.CONFLICT, message)


def _datasets(session: Session, parent: Table, wanted: Iterable[str], plan: Plan) -> dict[str, str | None]:
    """Of the wanted parents those that exist, each with the data set it belongs to (None if it belongs to none)."""
    planned = plan.rows.get(parent, {})
    found = {value: planned[(value,)].values.get("dataset") for value in wanted if (value,) in planned}
    rest = [value for value in wanted if value not in found]
    columns = parent.__table__.columns
    key = columns[key_columns(parent)[0]]
    for part in _chunks(rest):
        query = select(key, columns["dataset"]) if "dataset" in columns else select(key, key)
        for value, dataset in session.execute(query.where(key.in_(part))):
            found[value] = dataset if "dataset" in columns else None
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _table(table_name: str) -> Table:
    return next(table for table in ORDER if table.__tablename__ == table_name)
