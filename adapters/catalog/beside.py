"""Reading a database that is a file beside the process, in the thread of the event loop.

SQLite tells a connection whether another has committed since (3 µs): until one has, what was read is what it was. In
WAL mode a reader waits for no writer.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from sqlalchemy import ClauseElement, Engine
from sqlalchemy.dialects.sqlite import dialect

MOST = 8192  # records that were read since the last change
DATA_VERSION = "PRAGMA data_version"


class Unchanged:
    """What was read since something was committed last."""

    def __init__(self) -> None:
        self.records: dict[Hashable, Any] = {}
        self.count = 0

    def keep(self, key: Hashable, value: Any, records: int = 1) -> None:
        """Keep what consists of so many records."""
        self.records[key] = value
        self.count += records


class Beside:
    """A connection of its own, which only reads and never waits, and what was read.

    :param today: the day (UTC) that decides what exists.
    """

    def __init__(self, engine: Engine, today: Callable[[], dt.date]) -> None:
        self._engine = engine
        self._today = today
        self._connection: sqlite3.Connection | None = None
        self._state: object = None
        self._kept = Unchanged()

    def unchanged(self) -> Unchanged:
        """What was read and still is so. To be asked before anything is read that is kept in it.

        :raises sqlite3.OperationalError: if the database would have to be waited for, as everything here.
        """
        # What is newer than this is given up at the next question.
        state = (self._connected().execute(DATA_VERSION).fetchall(), self._today())
        if state != self._state or self._kept.count >= MOST:
            self._state, self._kept = state, Unchanged()
        return self._kept

    def rows(self, question: Statement, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows: a statement that is not read to its end would hold its snapshot."""
        return self._connected().execute(question.text, {**question.given, **given}).fetchall()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _reader(self._engine)
        return self._connection


class Statement:
    """A question in the SQL of SQLite, put together once; its parameters have names."""

    def __init__(self, question: ClauseElement) -> None:
        compiled = question.compile(dialect=dialect(paramstyle="named"))
        self.text = str(compiled)
        self.given = dict(compiled.params)


def _reader(engine: Engine) -> sqlite3.Connection:
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    for pragma in ("query_only=ON", "busy_timeout=0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection  # type: ignore[no-any-return]
