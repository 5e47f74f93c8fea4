"""What a process keeps of the catalog for as long as nothing in it has changed.

The database counts its changes itself, by triggers on the tables that answers are made of (:data:`WATCHED`): whoever
writes, in whatever way, what was kept is out of date with the same commit. A question reads the count first, in the
same state of the database or an older one than what it reads after, so that nothing old is ever kept as new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import DDL, BigInteger, Connection, Engine, PoolProxiedConnection, Table, event
from sqlalchemy.orm import Mapped, mapped_column

from adapters.catalog.footprint import footprint
from adapters.catalog.models import Base, Dataset, Individual, Membership

T = TypeVar("T")
NOTHING = object()
MOST = 64 << 20  # bytes of answers that a process keeps
ANYTHING = ""
BEGIN, COUNT = "INSERT INTO catalog_change (id, number) VALUES (1, 0)", "UPDATE catalog_change SET number = number + 1"


class CatalogChange(Base):
    """How often something has changed; one row. Without it nothing is kept."""

    __tablename__ = "catalog_change"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)


# Asked of the driver itself, for every answer: SQLAlchemy takes ten times as long to ask it.
NUMBER = f"SELECT number FROM {CatalogChange.__tablename__}"


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call]


def watched(table: str, column: str = ANYTHING) -> dict[str, list[str]]:
    """Statements, by dialect, that make the triggers of a table; of changes to ``column`` only if it is given."""
    of = f"UPDATE OF {column}" if column else "UPDATE"
    events = {"update": of} if column else {"insert": "INSERT", "update": of, "delete": "DELETE"}
    return {
        "sqlite": [
            f"CREATE TRIGGER {table}_{name}_counted AFTER {what} ON {table} BEGIN {COUNT}; END"
            for name, what in events.items()
        ],
        "postgresql": [
            f"CREATE OR REPLACE FUNCTION {table}_counted() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {COUNT}; RETURN NULL; END $$",
            f"CREATE TRIGGER {table}_counted AFTER {' OR '.join(events.values())} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_counted()",
        ],
    }


def watch(table: Any, column: str = ANYTHING) -> None:
    """Have a table make its triggers when it is made."""
    declared = cast(Table, table)
    for dialect, statements in watched(declared.name, column).items():
        for statement in statements:
            event.listen(declared, "after_create", _ddl(statement).execute_if(dialect=dialect))


event.listen(CatalogChange.__table__, "after_create", _ddl(BEGIN))
for _model in (Dataset, Individual, Membership):
    watch(_model.__table__)


class Kept:
    """Answers of a member's database that hold until it counts a change; the least used go when they take too much.

    What is kept is handed out again and again: callers must not change it.

    :param most: bytes that keys and answers may take together; what alone takes more is handed out and not kept.
    """

    def __init__(self, engine: Engine, most: int = MOST) -> None:
        self._engine = engine
        self._most = most
        self._bytes = 0
        self._lock = threading.Lock()
        self._number = -1
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._moment = threading.local()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Within it, :meth:`get` looks for changes once in this thread: all is as it was then, or later."""
        opened = self._engine.raw_connection()
        try:
            self._moment.number = _number(opened)
        finally:
            opened.close()
        try:
            yield
        finally:
            self._moment.number = None

    def get(self, key: Hashable, make: Callable[[Connection], T]) -> T:
        """What ``make`` reads from the database, kept under ``key``."""
        number: int | None = getattr(self._moment, "number", None)
        found = self._found(number, key)
        if found is not NOTHING:
            return cast(T, found)
        with self._engine.connect() as connection:
            if number is None:
                return self.within(connection, key, make)
            made = make(connection)
        self._keep(number, key, made)
        return made

    def within(self, connection: Connection, key: Hashable, make: Callable[[Connection], T]) -> T:
        """The same in a transaction that sees one state of the database: what is kept is of that very state."""
        if not connection.in_transaction():
            connection.begin()
        number = _number(connection.connection)
        found = self._found(number, key)
        if found is not NOTHING:
            return cast(T, found)
        made = make(connection)
        self._keep(number, key, made)
        return made

    def _found(self, number: int | None, key: Hashable) -> object:
        with self._lock:
            if number is None or number != self._number or key not in self._kept:
                return NOTHING
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def _keep(self, number: int | None, key: Hashable, value: object) -> None:
        size = footprint((key, value))
        with self._lock:
            if number is None or number < self._number:
                return
            if number > self._number:
                self._number, self._bytes = number, 0
                self._kept.clear()
            self._bytes += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = value, size
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def _number(connection: PoolProxiedConnection) -> int | None:
    cursor = connection.cursor()
    try:
        cursor.execute(NUMBER)
        row = cursor.fetchone()
        return None if row is None else int(row[0])
    finally:
        cursor.close()
