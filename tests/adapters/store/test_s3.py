"""An S3 bucket of an in-process protocol server. It accepts any signature: authorisation is tested over Swift."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import pytest

from adapters.store import ArchiveStore, ChangedObject, NoSuchObject, StoreUnavailable, open_stores
from tests.adapters.store.bucket import KEYS, served
from tests.adapters.store.suite import SignedUrls, StoreSuite
from tests.support import free_port


@pytest.fixture(scope="module")
def bucket() -> Iterator[Mapping[str, str]]:
    with served("archive") as settings:
        yield settings


@pytest.fixture
def store(bucket: Mapping[str, str]) -> ArchiveStore:
    return open_stores({"cloud": bucket})["cloud"]


class TestS3Store(StoreSuite, SignedUrls):
    """The suite over a bucket."""


def test_has_no_paths(store: ArchiveStore) -> None:
    assert store.path("a") is None


def test_an_object_replaced_while_streamed_is_reported(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.store.s3.WINDOW", 10)
    store.put("swap", io.BytesIO(b"a" * 100))
    stream = store.stream("swap", 0, None, 10)
    assert next(stream) == b"a" * 10
    store.put("swap", io.BytesIO(b"b" * 100))
    with pytest.raises(ChangedObject, match="replaced"):
        list(stream)


def test_a_large_object_goes_up_in_parts(store: ArchiveStore) -> None:
    part = bytes(range(256)) * 4096
    assert store.put("large", (part for _ in range(12))).size == 12 << 20
    assert b"".join(store.stream("large", (6 << 20) - 5, 10)) == (part * 2)[(1 << 20) - 5 : (1 << 20) + 5]


def test_no_bucket_and_no_server(bucket: Mapping[str, str]) -> None:
    stores = open_stores({"empty": {**bucket, "bucket": "none"}})
    with pytest.raises(NoSuchObject):
        stores["empty"].head("x")


def test_an_unreachable_server_is_named_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"kind": "s3", "bucket": "b", "endpoint": f"http://127.0.0.1:{free_port()}", **KEYS}
    store = open_stores({"away": {**settings, "secret_key": "hush"}})["away"]
    with pytest.raises(StoreUnavailable, match="away") as caught:
        store.head("x")
    assert "hush" not in str(caught.value)
