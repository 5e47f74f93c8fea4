"""MD5 and SHA-256 of archived files: streamed once, remembered, so that a killed registration resumes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.registration.tables import RememberedDigest
from adapters.store import ArchiveStore, ChangedObject, Stat

Progress = Callable[[int, int], None]  # bytes done, bytes in all
FLUSH_BYTES = 256 << 20
FLUSH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Digest:
    """Lower-case hex digests of a whole object."""

    md5: str
    sha256: str


class Digests:
    """Computes digests and remembers them, a few at a time: what is lost when killed is at most a few seconds' work."""

    def __init__(self, engine: Engine, progress: Progress, total: int) -> None:
        self._engine = engine
        self._progress = progress
        self._total = total
        self._done = 0
        self._fresh: list[RememberedDigest] = []
        self._fresh_bytes = 0
        self._flushed = time.monotonic()

    def of(self, store_name: str, store: ArchiveStore, key: str, stat: Stat) -> Digest:
        """Digests of the object that has ``stat``.

        :raises ChangedObject: if it changes while being read.
        :raises StoreError: if it cannot be read.
        """
        known = self._remembered(store_name, key, stat)
        if known is not None:
            self._advance(stat.size)
            return known
        digest = self._computed(store, key, stat)
        self._fresh.append(
            RememberedDigest(
                store=store_name, key=key, size=stat.size, etag=stat.etag, md5=digest.md5, sha256=digest.sha256
            )
        )
        self._fresh_bytes += stat.size
        if self._fresh_bytes >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()
        return digest

    def flush(self) -> None:
        """Make what was computed so far durable."""
        if self._fresh:
            with Session(writing(self._engine)) as session, session.begin():
                for row in self._fresh:
                    session.merge(row)
        self._fresh, self._fresh_bytes, self._flushed = [], 0, time.monotonic()

    def _remembered(self, store: str, key: str, stat: Stat) -> Digest | None:
        with Session(self._engine) as session:
            row = session.get(RememberedDigest, (store, key))
            if row is None or (row.size, row.etag) != (stat.size, stat.etag):
                return None
            return Digest(row.md5, row.sha256)

    def _computed(self, store: ArchiveStore, key: str, stat: Stat) -> Digest:
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        for piece in store.stream(key):
            md5.update(piece)
            sha256.update(piece)
            self._advance(len(piece))
        if store.head(key) != stat:
            raise ChangedObject(f"{key!r} changed while it was being read")
        return Digest(md5.hexdigest(), sha256.hexdigest())

    def _advance(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)
