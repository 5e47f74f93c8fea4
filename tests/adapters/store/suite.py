"""What every archive store must do: a backend's tests subclass ``StoreSuite`` and give the fixture ``store``."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import random
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from adapters.store import (
    ArchiveStore,
    ByteSource,
    ChangedObject,
    InvalidKey,
    KeyOutsideRoot,
    NoSuchObject,
    Resident,
    WouldWait,
)

BYTES = random.Random(7).randbytes(200_000)
STRANGE = [
    "a b.txt",
    "percent%41.txt",
    "hash#1",
    "question?x=1",
    "plus+and&",
    "ü/Überprüfung.txt",
    "样本.vcf",
    "til~de",
    "a=b",
]


def fetch(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of a request, without any credential."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method, headers=headers or {}), timeout=10
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def with_parameter(url: str, name: str, value: str) -> str:
    """``url`` with one query parameter replaced."""
    parts = urlsplit(url)
    query = [(k, value if k == name else v) for k, v in parse_qsl(parts.query)]
    assert (name, value) in query
    return urlunsplit(parts._replace(query=urlencode(query)))


class StoreSuite:
    """The protocol."""

    def test_is_an_archive_store(self, store: ArchiveStore) -> None:
        assert isinstance(store, ArchiveStore)

    def test_put_then_head(self, store: ArchiveStore) -> None:
        before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=3)
        stat = store.put("put/head.bin", io.BytesIO(BYTES))
        assert stat == store.head("put/head.bin")
        assert stat.size == len(BYTES)
        assert stat.etag
        assert before <= stat.modified <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)

    def test_put_takes_an_iterator_and_an_empty_object(self, store: ArchiveStore) -> None:
        assert store.put("put/pieces", iter([b"ab", b"", b"c"])).size == 3
        assert store.read("put/pieces", 0, 10) == b"abc"
        assert store.put("put/empty", io.BytesIO()).size == 0
        assert store.read("put/empty", 0, 5) == b""
        assert list(store.stream("put/empty")) == []

    def test_put_replaces_whole_and_changes_the_etag(self, store: ArchiveStore) -> None:
        first = store.put("put/replaced", io.BytesIO(b"one"))
        second = store.put("put/replaced", io.BytesIO(b"two"))
        assert store.read("put/replaced", 0, 3) == b"two"
        assert first.etag != second.etag

    def test_a_put_that_fails_half_way_leaves_the_former_object(self, store: ArchiveStore) -> None:
        def content() -> Iterator[bytes]:
            yield b"x" * 100
            raise EOFError("source ended")

        store.put("put/fails", io.BytesIO(b"former"))
        with pytest.raises(EOFError):
            store.put("put/fails", content())
        with pytest.raises(EOFError):
            store.put("put/never", content())
        assert store.read("put/fails", 0, 100) == b"former"
        assert list(store.list("put")).count("put/never") == 0
        assert not [k for k in store.list("put") if "partial" in k]

    def test_ranges_equal_slices(self, store: ArchiveStore) -> None:
        store.put("range.bin", io.BytesIO(BYTES))
        size, rng = len(BYTES), random.Random(3)
        cases = [
            (0, 0),
            (0, 1),
            (0, size),
            (0, size + 9),
            (size - 1, 1),
            (size - 1, 9),
            (size, 1),
            (size + 7, 3),
            (size, 0),
        ]
        cases += [(rng.randrange(size), rng.randrange(70_000)) for _ in range(8)]
        for offset, length in cases:
            expected = BYTES[offset : offset + length]
            assert store.read("range.bin", offset, length) == expected, (offset, length)
            assert b"".join(store.stream("range.bin", offset, length, 16_384)) == expected, (offset, length)

    def test_stream_gives_bounded_pieces_to_the_end(self, store: ArchiveStore) -> None:
        store.put("stream.bin", io.BytesIO(BYTES))
        found = list(store.stream("stream.bin", 5, None, 7_000))
        assert b"".join(found) == BYTES[5:]
        assert max(map(len, found)) <= 7_000
        assert all(found)

    def test_negative_ranges_are_refused(self, store: ArchiveStore) -> None:
        store.put("negative", io.BytesIO(b"abc"))
        for offset, length in ((-1, 1), (0, -1)):
            with pytest.raises(ValueError, match="negative"):
                store.read("negative", offset, length)
            with pytest.raises(ValueError, match="negative"):
                store.stream("negative", offset, length)

    def test_absent_objects(self, store: ArchiveStore) -> None:
        store.put("folder/child", io.BytesIO(b"x"))
        for key in ("absent", "folder", "folder/child/grandchild", "folder/Child2"):
            for act in (store.head, lambda k: store.read(k, 0, 1), lambda k: store.read(k, 0, 0), store.stream):
                with pytest.raises(NoSuchObject, match=key):
                    act(key)

    @pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "..", "a/.."])
    def test_keys_that_leave_the_root(self, store: ArchiveStore, key: str) -> None:
        for act in (store.head, store.path, lambda k: store.url(k, 60), lambda k: store.put(k, [b"x"]), store.list):
            with pytest.raises(KeyOutsideRoot):
                act(key)

    @pytest.mark.parametrize("key", ["", "a//b", "a/", "./a", "a/./b", "a\0b", "a\nb", "x" * 1025, "\ud800"])
    def test_impossible_keys(self, store: ArchiveStore, key: str) -> None:
        for act in (store.head, store.path, lambda k: store.url(k, 60), lambda k: store.put(k, [b"x"])):
            with pytest.raises(InvalidKey):
                act(key)

    def test_strange_names_survive(self, store: ArchiveStore) -> None:
        for key in STRANGE:
            store.put(f"strange/{key}", io.BytesIO(key.encode()))
        assert list(store.list("strange")) == sorted((f"strange/{k}" for k in STRANGE), key=str.encode)
        for key in STRANGE:
            assert store.read(f"strange/{key}", 0, 99) == key.encode()

    def test_list_is_ordered_and_bounded_by_the_folder(self, store: ArchiveStore) -> None:
        keys = ["l/a/1", "l/a/b/2", "l/a-b", "l/a.txt", "l/a0", "l/B", "l2/x", "l/z/z/z/z"]
        for key in keys:
            store.put(key, io.BytesIO(b"x"))
        inside = sorted((k for k in keys if k.startswith("l/")), key=str.encode)
        assert list(store.list("l")) == inside
        assert list(store.list("l/a")) == ["l/a/1", "l/a/b/2"]
        assert list(store.list("l/a.txt")) == []
        assert list(store.list("nothing")) == []
        assert [k for k in store.list() if k.startswith(("l/", "l2/"))] == sorted(keys, key=str.encode)

    def test_byte_source(self, store: ArchiveStore) -> None:
        store.put("source", io.BytesIO(BYTES))
        stat = store.head("source")
        with ByteSource(store, "source") as source:
            assert (source.size, source.etag, source.modified) == (len(BYTES), stat.etag, stat.modified)
            assert source.read(100, 50) == BYTES[100:150]
            assert source.read(source.size - 3, 50) == BYTES[-3:]
            assert source.read(source.size, 50) == b""
        with pytest.raises(NoSuchObject):
            ByteSource(store, "no-source")

    def test_a_byte_source_never_mixes_two_contents(self, store: ArchiveStore) -> None:
        store.put("replaced", io.BytesIO(BYTES))
        with ByteSource(store, "replaced") as source:
            assert source.read(0, 10) == BYTES[:10]
            store.put("replaced", io.BytesIO(bytes(reversed(BYTES))))
            with contextlib.suppress(ChangedObject):  # a store without former contents says so
                assert source.read(10, 10) == BYTES[10:20]
            with ByteSource(store, "replaced") as other:
                assert other.etag != source.etag

    def test_a_resident_view_gives_the_same_bytes_or_none(self, store: ArchiveStore) -> None:
        store.put("resident", io.BytesIO(BYTES))
        for offset, length in ((0, 10), (100, 70_000), (len(BYTES) - 3, 50), (len(BYTES), 50)):
            with Resident(store, "resident", 1 << 20) as source, contextlib.suppress(WouldWait):
                assert source.read(offset, length) == BYTES[offset : offset + length]
        with Resident(store, "resident", 99) as source, pytest.raises(WouldWait):
            source.read(0, 100)

    def test_byte_source_as_a_file(self, store: ArchiveStore) -> None:
        store.put("file", io.BytesIO(BYTES))
        with ByteSource(store, "file") as source, source.open() as file:
            assert file.read(10) == BYTES[:10]
            assert file.seek(-5, io.SEEK_END) == len(BYTES) - 5
            assert file.read() == BYTES[-5:]
            file.seek(1000)
            file.seek(70_000, io.SEEK_CUR)
            assert (file.read(3), file.tell()) == (BYTES[71_000:71_003], 71_003)
            file.seek(0)
            assert file.read() == BYTES


class SignedUrls:
    """Stores that give URLs: what a bearer of the URL can do with it, on any server of the S3 protocol."""

    def test_url_serves_whole_and_range(self, store: ArchiveStore) -> None:
        for key in ("signed/plain.bin", *(f"signed/{k}" for k in STRANGE)):
            store.put(key, io.BytesIO(BYTES))
            url = store.url(key, 60)
            assert url is not None
            assert fetch(url) == (200, BYTES)
            assert fetch(url, headers={"Range": "bytes=10-19"}) == (206, BYTES[10:20])

    def test_url_is_for_one_method(self, store: ArchiveStore) -> None:
        store.put("signed/head", io.BytesIO(BYTES))
        url = store.url("signed/head", 60, "HEAD")
        assert url is not None
        assert fetch(url, "HEAD") == (200, b"")
        with pytest.raises(ValueError, match="DELETE"):
            store.url("signed/head", 60, "DELETE")

    @pytest.mark.parametrize("seconds", [0, -1, 604_801])
    def test_lifetimes_that_the_signature_cannot_express(self, store: ArchiveStore, seconds: int) -> None:
        with pytest.raises(ValueError, match="604800"):
            store.url("signed/x", seconds)
