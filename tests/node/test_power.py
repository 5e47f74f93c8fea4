"""The power fails: what was answered for is on the disk, bytes and names, before the database says that it is there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, select
from starlette.testclient import TestClient

from adapters.catalog.models import Location
from adapters.images.quarantine import STORE
from adapters.jobs.states import FileState
from adapters.jobs.tables import Arrival
from adapters.store.local import LocalStore
from tests.adapters.images.made import Archive, image, opened
from tests.node.test_stow import application, body, post
from tests.power import Disk, watched


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "m") as made:
        yield made


@contextmanager
def before_commits(archive: Archive, disk: Disk) -> Iterator[list[str]]:
    """At every commit of this process the originals that it names must be on the disk: those seen, and what is not."""
    seen: list[str] = []

    def check(connection: Connection) -> None:
        taken = select(Arrival.key).where(Arrival.store == STORE, Arrival.state == FileState.CHECKING)
        for key in connection.scalars(taken).all():
            seen.append(key)
            if not disk.has(archive.quarantine.path(key)):
                seen.append(f"{key} would be lost")

    event.listen(Engine, "commit", check)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", check)


@pytest.mark.parametrize("senders", [1, 4])
@pytest.mark.parametrize("together", [1, 3])
def test_what_is_stored_is_on_the_disk_before_its_transaction(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, senders: int, together: int
) -> None:
    files = [image(tmp_path / f"{number}.dcm", number=number).read_bytes() for number in range(12)]
    requests = [body(*files[at : at + together]) for at in range(0, len(files), together)]
    with (
        watched(tmp_path, archive.folder, monkeypatch) as disk,
        TestClient(application(archive)) as client,
        before_commits(archive, disk) as seen,
        ThreadPoolExecutor(senders) as pool,
    ):
        assert {answer.status_code for answer in pool.map(lambda content: post(client, content), requests)} == {202}
    assert [one for one in seen if "lost" in one] == []
    assert len(set(seen)) == len(files)


def test_what_is_loaded_and_archived_is_on_the_disk(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for study in (1, 2):
        for number in range(3):
            image(archive.incoming / f"{study}-{number}.dcm", study=study, number=number)
    with watched(tmp_path, archive.folder, monkeypatch) as disk, before_commits(archive, disk) as seen:
        code, outcome = archive.load()
        assert (code, outcome["states"]) == (0, {"Archived": 6})
        with archive.engine.connect() as connection:
            keys = connection.scalars(select(Location.key)).all()
        assert [key for key in keys if not disk.has(archive.store / key)] == []
    assert [one for one in seen if "lost" in one] == []
    assert len(keys) == 6
    assert len(set(seen)) == 6


def test_what_is_known_of_a_study_beside_what_waits_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "m") as archive, watched(tmp_path, archive.folder, monkeypatch) as disk:
        image(archive.incoming / "1.dcm", Modality="US", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")
        _, outcome = archive.load()
        assert outcome["states"] == {"Quarantined": 1}
        (known,) = archive.known()
        assert disk.has(known)


def test_what_a_store_is_given_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with watched(tmp_path, root, monkeypatch) as disk:
        for key in ("a", "b/c/d", "b/c/e"):
            LocalStore("disk", root).put(key, io.BytesIO(b"bytes"))
            assert disk.has(root / key)
