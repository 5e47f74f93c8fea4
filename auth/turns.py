"""Turns of threads and processes that write to one embedded database.

SQLite lets who finds the database locked sleep, up to 100 ms at a time, and whoever comes by when it is free goes
first. Fifty short writes at once then take seconds. A lock of the operating system wakes the next one at once. It is a
courtesy: what is right does not depend on it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

MEMORY = (None, "", ":memory:")
_threads: dict[str, threading.Lock] = {}
"""Of this process, by file: a lock of the operating system is held by the whole process."""


class Turns:
    """The turns at the database of ``engine``, taken at a file beside it; a database server sees to them itself."""

    def __init__(self, engine: Engine) -> None:
        embedded = engine.dialect.name == "sqlite" and engine.url.database not in MEMORY
        self._path = f"{engine.url.database}-turn" if embedded else None
        self._mine = _threads.setdefault(self._path or "", threading.Lock())
        self._file: int | None = None
        self._opening = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within it, nobody else has the turn; whoever has it must not take it again."""
        file = self._opened()
        if file is None:
            yield
            return
        with self._mine:
            fcntl.lockf(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(file, fcntl.LOCK_UN)

    def _opened(self) -> int | None:
        with self._opening:
            if self._file is None and self._path is not None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                weakref.finalize(self, os.close, self._file)
            return self._file
