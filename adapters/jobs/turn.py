"""One at a time: file ids are given out by one job after the other, so that no two want the same."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

LOCK: Final = 0x67736174


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Wait for the turn; it ends with the process, however that ends."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        return
    assert engine.url.database
    with Path(f"{engine.url.database}-archiving").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
