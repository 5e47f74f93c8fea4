"""What a run knows of its files: it goes on where it was stopped, and memory does not grow with their number."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from adapters.deid.known import Known

TABLES = """
create table if not exists file (
  path blob primary key, size integer not null, modified integer not null, study text, patient text,
  reason text, detail text, written text, instance text, sha256 text
) without rowid;
create index if not exists file_study on file (study);
create index if not exists file_instance on file (instance);
create table if not exists value (study text, kind text, value text, primary key (study, kind, value)) without rowid;
create table if not exists run (name text primary key, value text) without rowid;
"""
KINDS = ("names", "phrases", "numbers")


class Entry(NamedTuple):
    """One file, by its path relative to the folder."""

    path: bytes
    study: str
    patient: str


class Stamp(NamedTuple):
    """What tells that a file is still the one that was read: bytes and modification time in nanoseconds."""

    size: int
    modified: int


class OtherRun(Exception):
    """The ledger belongs to a run with other settings."""


class Ledger:
    """The ledger of one output folder. It holds identifying values: keep it as private as the originals."""

    def __init__(self, path: Path, settings: dict[str, str]) -> None:
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path)
        self._db.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + TABLES)
        self._agree(settings)

    def _agree(self, settings: dict[str, str]) -> None:
        known = dict(self._db.execute("select name, value from run"))
        for name, value in settings.items():
            if known.get(name, value) != value:
                raise OtherRun(f"was begun with another {name}: {known[name]}, now {value}")
        with self._db:
            self._db.executemany("insert or ignore into run values (?, ?)", settings.items())

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def commit(self) -> None:
        """Make what was told durable."""
        self._db.commit()

    def stamp(self, path: bytes) -> Stamp | None:
        """The stamp of a file that was read before."""
        row = self._db.execute("select size, modified from file where path = ?", (path,)).fetchone()
        return Stamp(*row) if row else None

    def read(self, entry: Entry, stamp: Stamp, known: Known) -> None:
        """A file can be read; what its study is known by."""
        self._db.execute(
            "insert or replace into file (path, size, modified, study, patient) values (?, ?, ?, ?, ?)",
            (entry.path, *stamp, entry.study, entry.patient),
        )
        rows = [(entry.study, kind, str(value)) for kind in KINDS for value in getattr(known, kind)]
        self._db.executemany("insert or ignore into value values (?, ?, ?)", rows)

    def refused(self, path: bytes, stamp: Stamp, reason: str, detail: str) -> None:
        """A file is not passed on."""
        self._db.execute(
            "insert into file (path, size, modified, reason, detail) values (?, ?, ?, ?, ?) "
            "on conflict (path) do update set reason = excluded.reason, detail = excluded.detail, written = null",
            (path, *stamp, reason, detail),
        )

    def passed(self, path: bytes, written: str, instance: str, sha256: str | None) -> None:
        """A file was passed on as ``written`` (relative to the output)."""
        query = "update file set written = ?, instance = ?, sha256 = ? where path = ?"
        self._db.execute(query, (written, instance, sha256, path))

    def written(self, instance: str) -> tuple[str, str | None] | None:
        """Where the object lies that was passed on under a SOP Instance UID, and its digest if that was taken."""
        return self._db.execute("select written, sha256 from file where instance = ?", (instance,)).fetchone()  # type: ignore[no-any-return]

    def passed_on(self) -> Iterator[tuple[str, str | None]]:
        """Every object that was passed on, in order, with its digest if that was taken."""
        yield from self._db.execute("select distinct written, sha256 from file where written is not null order by 1")

    def studies(self) -> Iterator[tuple[str, list[str]]]:
        """Studies with something to do, and the patients whose they are."""
        query = "select study, json_group_array(distinct patient) from file where study is not null group by study"
        for study, patients in self._db.execute(query).fetchall():
            yield study, json.loads(patients)

    def waiting(self, study: str) -> list[tuple[bytes, Stamp]]:
        """Files of a study that are neither passed on nor refused."""
        query = "select path, size, modified from file where study = ? and reason is null and written is null"
        return [(path, Stamp(size, modified)) for path, size, modified in self._db.execute(query, (study,))]

    def known(self, study: str) -> Known:
        """What the files of a study are known by."""
        known = Known()
        for kind, value in self._db.execute("select kind, value from value where study = ?", (study,)):
            if kind == "numbers":
                known.numbers.add(int(value))
            else:
                getattr(known, kind).add(value)
        return known

    def counts(self) -> tuple[int, Counter[str]]:
        """Files passed on, and files refused by reason."""
        passed = self._db.execute("select count(*) from file where written is not null").fetchone()[0]
        query = "select reason, count(*) from file where reason is not null group by reason"
        return passed, Counter(dict(self._db.execute(query)))

    def refusals(self) -> Iterator[tuple[bytes, str, str]]:
        """Path, reason and detail of every file that is not passed on."""
        yield from self._db.execute("select path, reason, detail from file where reason is not null order by path")
