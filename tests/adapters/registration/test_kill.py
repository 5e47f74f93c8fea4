"""``kill -9`` at any instant of a registration: the catalog has all of it or nothing, and the next run goes on."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect
from adapters.catalog.models import File, Individual
from adapters.registration import digests
from adapters.registration.manifest import Manifest
from adapters.registration.registration import Archive
from adapters.registration.tables import RememberedDigest
from adapters.store import ArchiveStore, open_stores
from tests.adapters.registration.members import OPEN, Member, accessions, member, write_table
from tests.adapters.registration.test_individuals import lists, source

SET = {"accession": "HRA000001", **OPEN}
FILES = {"accession": "OMIX006457", **OPEN}
ROUNDS = 8
FORK = multiprocessing.get_context("fork")


def in_child(act: Callable[[], object], delay: float | None = None) -> int | None:
    """Run ``act`` in a child of its own, kill it after ``delay`` seconds if that is given; its exit code."""
    started, told = FORK.Pipe(duplex=False)

    def run() -> None:
        told.send(True)
        act()

    child = FORK.Process(target=run)
    child.start()
    started.recv()
    if delay is not None:
        time.sleep(delay)  # the instant is what is tested
        child.kill()
    child.join(60)
    return child.exitcode


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/killed.db"


def fresh(database: str, name: str, folder: Path) -> Member:
    """An empty member whose engine is closed: children open their own."""
    engine = connect(database)
    made = member(name, engine, folder)
    engine.dispose()
    return made


def reopened(database: str, made: Member, name: str) -> Member:
    stores = open_stores({"disk": {"kind": "local", "root": str(made.root)}})
    return Member(Archive(connect(database), stores, accessions(name)), made.root)


def test_random_instants(database: str, tmp_path: Path) -> None:
    human = fresh(database, "gsa-human", tmp_path)
    people = source(tmp_path, lists(300))

    def register() -> None:
        reopened(database, human, "gsa-human").register(people, SET)

    spare = tmp_path / "spare"
    spare.mkdir()
    whole = fresh(f"sqlite:///{spare}/c.db", "gsa-human", spare)
    began = time.monotonic()
    assert in_child(lambda: reopened(f"sqlite:///{spare}/c.db", whole, "gsa-human").register(people, SET)) == 0
    duration = time.monotonic() - began
    expected = reopened(f"sqlite:///{spare}/c.db", whole, "gsa-human").rows(Individual)

    chance = random.Random(1)
    for _ in range(ROUNDS):
        in_child(register, chance.random() * duration)
        found = reopened(database, human, "gsa-human").rows(Individual)
        assert found in ([], expected)
    assert in_child(register) == 0
    assert reopened(database, human, "gsa-human").rows(Individual) == expected
    assert not reopened(database, human, "gsa-human").register(people, SET).changed


def test_inside_the_transaction(database: str, tmp_path: Path) -> None:
    human = fresh(database, "gsa-human", tmp_path)
    people = source(tmp_path, lists(50))
    before = reopened(database, human, "gsa-human").content()

    def die(session: Session, told: Any) -> None:
        assert session.get(Individual, told[-1]) is not None  # everything is written, nothing committed
        os.kill(os.getpid(), signal.SIGKILL)

    assert (
        in_child(lambda: reopened(database, human, "gsa-human").register(people, SET, hooks=[die])) == -signal.SIGKILL
    )
    again = reopened(database, human, "gsa-human")
    assert again.content() == before
    assert again.register(people, SET).inserted["individual"] == 50


class Counting:
    """A store that counts the bytes streamed from it."""

    def __init__(self, store: ArchiveStore) -> None:
        self.store = store
        self.streamed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def stream(self, *args: Any, **options: Any) -> Iterator[bytes]:
        for piece in self.store.stream(*args, **options):
            self.streamed += len(piece)
            yield piece


def test_no_file_is_read_again_whose_digests_were_known(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "FLUSH_SECONDS", 0.0)
    omix = fresh(database, "omix", tmp_path)
    size = 10_000
    rows = [(f"{n}.txt", omix.file(f"{n}.txt", bytes([n]) * size), "t", "TXT") for n in range(20)]
    files = Manifest(write_table(tmp_path / "m.tsv", ("path", "md5", "title", "type"), rows), "disk")

    def die(done: int, total: int) -> None:
        assert total == 20 * size
        if done >= 15 * size:
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(lambda: reopened(database, omix, "omix").register(files, FILES, progress=die)) == -signal.SIGKILL
    again = reopened(database, omix, "omix")
    assert again.rows(File) == []
    with Session(again.archive.engine) as session:
        remembered = session.query(RememberedDigest).count()
    assert remembered == 14
    store = Counting(again.archive.stores["disk"])
    archive = Archive(again.archive.engine, {"disk": store}, accessions("omix"))  # type: ignore[dict-item]
    assert Member(archive, again.root).register(files, FILES).inserted["file"] == 20
    assert store.streamed == (20 - remembered) * size
    assert not Member(archive, again.root).register(files, FILES).changed
    assert store.streamed == (20 - remembered) * size


def test_a_file_that_was_touched_is_read_again(database: str, tmp_path: Path) -> None:
    omix = fresh(database, "omix", tmp_path)
    again = reopened(database, omix, "omix")
    rows = [("x.txt", omix.file("x.txt", b"one\n"), "t", "TXT")]
    files = Manifest(write_table(tmp_path / "m.tsv", ("path", "md5", "title", "type"), rows), "disk")
    again.register(files, FILES)
    (omix.root / "x.txt").write_bytes(b"two\n")
    assert ("checksum mismatch", "m.tsv", 2, "") in again.problems(files, FILES)
