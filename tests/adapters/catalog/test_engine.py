from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from adapters.catalog.engine import InvalidDatabaseUrl, connect, writing
from adapters.catalog.models import Base, BioProject, BioSample


@pytest.mark.parametrize("url", ["mysql://h/x", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_unusable_urls_are_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl):
        connect(url)


def test_foreign_keys_hold(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with pytest.raises(IntegrityError), writing(engine).begin() as connection:
        connection.execute(insert(BioSample).values(accession="SAMC000001", bioproject="PRJCA000001", attributes={}))


def test_two_writers_wait_for_each_other_instead_of_failing(engine: Engine) -> None:
    """Read-modify-write from two threads: without the early lock SQLite fails with 'database is locked'."""
    Base.metadata.create_all(engine)
    with writing(engine).begin() as connection:
        connection.execute(insert(BioProject).values(accession="PRJCA000001", title="0"))
    failures: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(20):
                with writing(engine).begin() as connection:
                    row = select(BioProject.title).where(BioProject.accession == "PRJCA000001").with_for_update()
                    now = int(connection.execute(row).scalar_one())
                    connection.execute(update(BioProject).values(title=str(now + 1)))
        except BaseException as error:  # noqa: BLE001 - carried to the asserting thread
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with engine.connect() as connection:
        assert connection.execute(select(BioProject.title)).scalar_one() == "80"


def test_sqlite_is_durable_and_in_wal_mode(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
