"""The two questions that nearly all are, asked of the database driver itself: alleles at a start, and in a range.

SQLAlchemy takes 150 µs to ask what SQLite answers in 10. The statements are the same for every question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects import sqlite

from adapters.variants.reach import SHORT
from adapters.variants.tables import VariantRow


class Carried(NamedTuple):
    """The columns of an allele that say where it is and who carries it."""

    start: int
    span: int
    ref: str
    alt: str
    anchor: str | None
    length: int
    carrier_count: int | None
    carriers: bytes | None


_COLUMNS = select(*(getattr(VariantRow, name) for name in Carried._fields))
_SELECT = str(_COLUMNS.compile(dialect=sqlite.dialect()))
HERE = f'{_SELECT} WHERE "release" = ? AND contig = ? AND start = ?'
BETWEEN = f'{_SELECT} WHERE "release" = ? AND contig = ? AND start BETWEEN ? AND ? ORDER BY start'
# An insertion (span 0) lies between two bases and overlaps both of them.
OVERLAPPING = (
    f"SELECT carriers FROM {VariantRow.__tablename__} "
    'WHERE "release" = ? AND contig = ? AND start BETWEEN ? AND ? '
    "AND (span > 0 AND start < ? AND start + span > ? OR span = 0 AND start >= ?) ORDER BY start"
)


def starting(connection: Connection, release: int, contig: str, starts: list[int]) -> Iterator[Carried]:
    """The alleles that start at one of ``starts``, which ascend."""
    statement = HERE if connection.dialect.name == "sqlite" else HERE.replace("?", "%s")
    for start in starts:
        yield from _fetched(connection, statement, (release, contig, start))


def streams(connection: Connection) -> bool:
    """Whether the driver hands rows on as it finds them; others would fetch all of a range first."""
    return connection.dialect.name == "sqlite"


def between(connection: Connection, release: int, contig: str, first: int, last: int) -> Iterator[Carried]:
    """The alleles that start from ``first`` to ``last``, in order."""
    return _fetched(connection, BETWEEN, (release, contig, first, last))


def overlapping(connection: Connection, release: int, contig: str, window: tuple[int, int]) -> Iterator[bytes]:
    """Who carries each allele that overlaps a range (0-based, half-open) and is no longer than ``SHORT``."""
    first, last = window
    given = (release, contig, max(0, first - SHORT), last, last, first, first)
    for (carriers,) in _cursor(connection, OVERLAPPING, given):
        if carriers is not None:
            yield carriers


def _fetched(connection: Connection, statement: str, given: tuple[Any, ...]) -> Iterator[Carried]:
    yield from map(Carried._make, _cursor(connection, statement, given))


def _cursor(connection: Connection, statement: str, given: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, given)
        yield from cursor
    finally:
        cursor.close()
