"""Engines: SQLite (WAL) embedded, PostgreSQL by changing one URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

# A writer that waits for its turn holds a connection; readers must find one beside them.
CONNECTIONS = 64

DRIVERS = {"postgresql": "postgresql+psycopg"}


class InvalidDatabaseUrl(ValueError):
    """The database URL is not one that a node can use."""


def connect(url: str) -> Engine:
    """Open an engine for ``url``.

    :param url: ``sqlite:///FILE`` or ``postgresql://…`` (psycopg 3 is used whatever driver the URL names).
    :raises InvalidDatabaseUrl: for any other URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidDatabaseUrl(f"{url!r} is not a database URL; allowed: sqlite:///FILE, postgresql://…") from error
    family = parsed.get_backend_name()
    if family == "sqlite":
        return _sqlite(parsed.database, url)
    if family == "postgresql":
        return create_engine(parsed.set(drivername=DRIVERS[family]), pool_size=8, max_overflow=8, pool_pre_ping=True)
    raise InvalidDatabaseUrl(f"database {family!r} is not supported; allowed: sqlite:///FILE, postgresql://…")


def _sqlite(database: str | None, url: str) -> Engine:
    if not database or database == ":memory:":
        raise InvalidDatabaseUrl(f"{url!r} names no file: every acknowledged write must survive the process")
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    given = {"timeout": 30, "check_same_thread": False}
    engine = create_engine(f"sqlite:///{database}", connect_args=given, pool_size=8, max_overflow=CONNECTIONS - 8)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    """Durable WAL, real foreign keys; transactions are begun by us, because the driver begins them too late."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A transaction marked ``write`` takes the lock at once: upgrading a read lock later can only fail, never wait."""
    mode = "IMMEDIATE" if connection.get_execution_options().get("write") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


def writing(engine: Engine) -> Engine:
    """The same engine (and pool) for transactions that write."""
    return engine.execution_options(write=True)
