"""The local tree: the protocol, and what only a file system can do wrong."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from adapters.store import (
    ArchiveStore,
    ChangedObject,
    KeyOutsideRoot,
    NoSuchObject,
    Resident,
    StoreUnavailable,
    WouldWait,
    open_stores,
)
from tests.adapters.store.suite import StoreSuite


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


@pytest.fixture
def store(root: Path) -> ArchiveStore:
    return open_stores({"disk": {"kind": "local", "root": str(root)}})["disk"]


class TestLocalStore(StoreSuite):
    """The suite over a tree."""


def test_gives_paths_and_no_urls(store: ArchiveStore, root: Path) -> None:
    store.put("a/b", io.BytesIO(b"x"))
    assert store.path("a/b") == root / "a/b"
    assert store.url("a/b", 60) is None


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_file_that_is_looked_at_is_opened_when_it_is_read(store: ArchiveStore, root: Path) -> None:
    store.put("a", io.BytesIO(b"first"))
    descriptors = open_files()
    looked_at, read = store.open("a"), store.open("a")
    assert open_files() == descriptors
    assert read.read(0, 9) == b"first"
    assert open_files() == descriptors + 1
    store.put("a", io.BytesIO(b"other"))
    assert read.read(0, 9) == b"first"
    with pytest.raises(ChangedObject):
        looked_at.read(0, 9)
    for opened in (looked_at, read):
        opened.close()
    assert open_files() == descriptors


def test_what_is_in_memory_is_read_at_once_and_what_is_not_would_wait(
    store: ArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 1000
    store.put("a", io.BytesIO(content))
    with Resident(store, "a", 1 << 20) as source:
        assert source.read(1000, 100_000) == content[1000:101_000]  # it was just written
        assert source.read(len(content) - 5, 100) == content[-5:]
        assert source.read(len(content), 5) == b""

    def short(_descriptor: int, buffers: list[bytearray], _offset: int, _flags: int) -> int:
        return len(buffers[0]) - 1

    def absent(*_given: object) -> int:
        raise BlockingIOError

    for answer in (short, absent):
        with Resident(store, "a", 1 << 20) as source:
            monkeypatch.setattr(os, "preadv", answer)
            with pytest.raises(WouldWait):
                source.read(0, 10)
            monkeypatch.undo()


def test_what_became_a_link_or_a_pipe_is_not_read(store: ArchiveStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    for become in (lambda path: path.symlink_to(tmp_path / "secret"), os.mkfifo):
        store.put("a", io.BytesIO(b"first"))
        opened = store.open("a")
        (root / "a").unlink()
        become(root / "a")
        with pytest.raises((ChangedObject, StoreUnavailable)):
            opened.read(0, 9)
        opened.close()
        (root / "a").unlink()


def test_links_inside_the_root_are_followed_and_listed(store: ArchiveStore, root: Path) -> None:
    store.put("real/file", io.BytesIO(b"bytes"))
    (root / "link").symlink_to(root / "real/file")
    (root / "folder").symlink_to(root / "real")
    (root / "circle").symlink_to(root)
    assert store.read("link", 0, 9) == b"bytes"
    assert store.read("folder/file", 0, 9) == b"bytes"
    assert store.path("link") == root / "real/file"
    assert list(store.list()) == ["link", "real/file"]


def test_links_that_leave_the_root_are_refused_and_not_listed(store: ArchiveStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "file").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "relative").symlink_to("../secret")
    (root / "dangling").symlink_to(root / "absent")
    for key in ("file", "folder/secret", "relative"):
        for act in (store.head, store.path, store.stream, lambda k: store.put(k, [b"x"])):
            with pytest.raises(KeyOutsideRoot):
                act(key)
    assert list(store.list()) == []
    with pytest.raises(NoSuchObject):
        store.head("dangling")
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_sibling_whose_name_begins_like_the_root(store: ArchiveStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "archive2").mkdir()
    (tmp_path / "archive2/x").write_bytes(b"x")
    (root / "sibling").symlink_to(tmp_path / "archive2/x")
    with pytest.raises(KeyOutsideRoot):
        store.head("sibling")


def test_pipes_circles_and_long_names_are_no_objects(store: ArchiveStore, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "one").symlink_to(root / "two")
    (root / "two").symlink_to(root / "one")
    for key in ("pipe", "one", "n" * 300):
        with pytest.raises(NoSuchObject):
            store.read(key, 0, 1)
    assert list(store.list()) == []


def test_a_stream_keeps_the_content_it_began_with(store: ArchiveStore) -> None:
    store.put("x", io.BytesIO(b"a" * 100))
    stream = store.stream("x", 0, None, 10)
    assert next(stream) == b"a" * 10
    store.put("x", io.BytesIO(b"b" * 100))
    assert b"".join(stream) == b"a" * 90


def test_a_file_cut_off_while_read_is_reported(store: ArchiveStore, root: Path) -> None:
    store.put("x", io.BytesIO(b"a" * 100))
    stream = store.stream("x", 0, None, 10)
    next(stream)
    os.truncate(root / "x", 15)
    with pytest.raises(ChangedObject, match="byte 15"):
        list(stream)
