"""The one transaction that changes the catalog."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, insert, select, text, update
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset, File, Individual, Organism
from adapters.registration.comparison import ORDER, Changes, compare
from adapters.registration.plan import Plan, Problem, Table, key_columns

Hook = Callable[[Session, Sequence[str]], None]
LOCK = 0x6773616E  # one registration writes at a time (PostgreSQL advisory lock)
BATCH = 1000


class Refused(Exception):
    """The input has problems; nothing was written."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problems, nothing was written; the first: {self.problems[0].message}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of rows by table name; ``notes`` are remarks for the operator."""

    inserted: Mapping[str, int]
    updated: Mapping[str, int]
    unchanged: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated)


def write(engine: Engine, plan: Plan, *, update: bool = False, hooks: Sequence[Hook] = ()) -> Outcome:
    """Write the plan, whole or not at all. Individuals get the next free ordinals.

    Each hook is called in the same transaction with the accessions of all individuals inserted or updated.
    :raises Refused: if the plan has problems, alone or against the catalog as it is now.
    """
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        changes = compare(session, plan, update=update)
        if plan.problems:
            raise Refused(plan.sorted_problems())
        _complete(session, changes)
        for table in ORDER:
            _insert(session, table, changes)
            _update(session, table, changes)
        touched = [row["accession"] for part in (changes.inserts, changes.updates) for row in part.get(Individual, [])]
        if touched:
            for hook in hooks:
                hook(session, touched)
    return _outcome(changes, plan)


def take_turn(session: Session) -> None:
    """Wait until no other registration writes: numbers are given out once. SQLite's write lock does it by itself."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _complete(session: Session, changes: Changes) -> None:
    """Fill in what only the writer can know: times and ordinals."""
    now = dt.datetime.now(dt.UTC)
    for row in changes.inserts.get(Dataset, []):
        row |= {"created_at": now, "updated_at": now}
    for row in changes.updates.get(Dataset, []):
        row["updated_at"] = now
    for row in changes.inserts.get(File, []):
        row["created_at"] = now
    highest = session.scalar(select(func.max(Individual.ordinal)))
    first = 0 if highest is None else highest + 1
    for ordinal, row in enumerate(changes.inserts.get(Individual, []), first):
        row["ordinal"] = ordinal


def _insert(session: Session, table: Table, changes: Changes) -> None:
    rows = changes.inserts.get(table, [])
    if table is File:
        rows = sorted(_with_organisms(session, rows), key=lambda row: row["index_of"] is not None)
    for start in range(0, len(rows), BATCH):
        session.execute(insert(table), rows[start : start + BATCH])


def _update(session: Session, table: Table, changes: Changes) -> None:
    rows = changes.updates.get(table, [])
    if table is File:
        rows = _with_organisms(session, rows)
    keys = key_columns(table)
    for row in rows:
        same = [getattr(table, key) == row[key] for key in keys]
        session.execute(update(table).where(*same).values({k: v for k, v in row.items() if k not in keys}))


def _with_organisms(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with numbers of organisms in place of their names."""
    datasets = {row["dataset"] for row in rows if row["organism"] is not None}
    query = select(Organism.dataset, Organism.name, Organism.id).where(Organism.dataset.in_(datasets))
    numbers = {(dataset, name): number for dataset, name, number in session.execute(query)} if datasets else {}
    return [{**row, "organism": numbers.get((row["dataset"], row["organism"]))} for row in rows]


def _outcome(changes: Changes, plan: Plan) -> Outcome:
    def counts(rows: Mapping[Table, list[dict[str, Any]]]) -> dict[str, int]:
        return {table.__tablename__: len(found) for table, found in rows.items()}

    unchanged = {table.__tablename__: count for table, count in changes.unchanged.items()}
    return Outcome(counts(changes.inserts), counts(changes.updates), unchanged, tuple(plan.notes))
