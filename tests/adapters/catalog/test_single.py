"""One file at a time: the same as the catalog says, never older than the question, and no snapshot held."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, update

from adapters.catalog.catalog import Catalog, FileRecord
from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Checksum, Dataset, File, Individual, Location
from adapters.catalog.single import InPlace, single
from adapters.catalog.together import Together
from tests.contract.drs_catalog import MORE, fill
from tests.node.family import FILES, NOW, SETS, TODAY

ID = "HRR000001-01"


class Other:
    """Where questions go that cannot be answered in place."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def file(self, id: str) -> FileRecord | None:
        self.asked.append(id)
        return None


@pytest.fixture
def catalog(sqlite_engine: Engine, tmp_path: Path) -> Catalog:
    (tmp_path / "archive").mkdir()
    fill(sqlite_engine, tmp_path / "archive")
    return Catalog(sqlite_engine, lambda: TODAY)


async def test_every_file_is_read_as_the_catalog_reads_it(catalog: Catalog) -> None:
    files = single(catalog)
    assert isinstance(files, InPlace)
    ids = [*FILES, *MORE, "none", "", "a\0b", "x" * 10_000, "'; DROP TABLE file; --"]
    read = {id: await files.file(id) for id in ids}
    assert {id: file for id, file in read.items() if file} == catalog.files(ids)
    assert sum(file is None for file in read.values()) >= 5 + 2  # strange ids, and sets withdrawn or not released


CHANGES = {
    "withdrawn data set": update(Dataset).where(Dataset.accession == "HRA000001").values(withdrawn_at=NOW),
    "later release": update(Dataset).values(release_date=TODAY + dt.timedelta(days=1)),
    "quarantined file": update(File).where(File.id == ID).values(state="quarantined"),
    "withdrawn person": update(Individual).values(withdrawn_at=NOW),
    "another tier": update(Dataset).where(Dataset.accession == "HRA000001").values(tier="controlled", dac="D"),
    "another checksum": update(Checksum).values(value="ab"),
    "another checksum type": insert(Checksum).values(file=ID, type="sha1", value="cd"),
    "another place": insert(Location).values(file=ID, store="another", key="k"),
    "no checksum": delete(Checksum),
    "on tape": update(File).values(available=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_seen_by_the_next_question(catalog: Catalog, change: object) -> None:
    files = single(catalog)
    ids = [*FILES, *MORE]
    before = {id: await files.file(id) for id in ids}
    with writing(catalog.engine).begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    after = {id: await files.file(id) for id in ids}
    assert after != before
    assert {id: file for id, file in after.items() if file} == catalog.files(ids)


async def test_release_follows_the_calendar_of_each_question(sqlite_engine: Engine, tmp_path: Path) -> None:
    fill(sqlite_engine, tmp_path)
    today = TODAY
    files = single(Catalog(sqlite_engine, lambda: today))
    later = next(id for id, file in FILES.items() if SETS[file[0]][2] > TODAY)
    assert await files.file(later) is None
    today += dt.timedelta(days=1)
    assert await files.file(later) is not None
    today -= dt.timedelta(days=1)  # a clock that was put right
    assert await files.file(later) is None


async def test_a_file_is_read_once_until_something_is_committed(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.catalog.beside.MOST", 3)
    files = InPlace(catalog, Other())
    await files.file(ID)
    assert files._beside._connection is not None
    statements: list[str] = []
    files._beside._connection.set_trace_callback(statements.append)

    async def read(id: str) -> int:
        statements.clear()
        await files.file(id)
        return sum(statement.startswith("SELECT") for statement in statements)

    assert await read(ID) == 0
    assert [await read("none"), await read("none")] == [1, 1]  # what does not exist is not kept
    writer = sqlite3.connect(catalog.engine.url.database or "", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE file SET title = 'another' WHERE id = ?", (ID,))
    assert await read(ID) == 0
    writer.execute("COMMIT")
    assert [await read(ID), await read(ID)] == [1, 0]
    found = await files.file(ID)
    assert found is not None
    assert found.title == "another"
    writer.close()
    for id in catalog.files([*FILES, *MORE]):
        await files.file(id)
        assert len(files._beside._kept.records) <= 3


async def test_no_snapshot_is_held_between_questions(catalog: Catalog) -> None:
    files = single(catalog)
    await files.file(ID)
    with writing(catalog.engine).begin() as connection:
        connection.execute(update(Dataset).values(title="new"))
    with catalog.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        connection.rollback()
        busy, written, moved = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, written, moved) == (0, 0, 0)  # a reader in the way would have kept it from ending


async def test_what_cannot_be_read_at_once_goes_the_other_way(catalog: Catalog) -> None:
    other = Other()
    files = InPlace(catalog, other)
    await files.file(ID)
    holder = sqlite3.connect(catalog.engine.url.database or "", isolation_level=None)
    catalog.engine.dispose()
    assert files._beside._connection is not None
    files._beside._connection.close()  # as long as another reads, the lock cannot be had
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    files._beside._connection = sqlite3.connect(catalog.engine.url.database or "", timeout=0, isolation_level=None)
    assert await files.file(ID) is None
    assert other.asked == [ID]
    holder.close()
    assert await files.file(ID) is not None


def test_over_a_network_files_are_read_together() -> None:
    assert isinstance(single(Catalog(connect("postgresql://nobody@127.0.0.1:1/none"))), Together)
