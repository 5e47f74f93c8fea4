"""The archive store over a real OpenStack Swift: the same protocol suite, and who may use a signed URL."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from adapters.store import ArchiveStore, StoreUnavailable, open_stores
from tests.adapters.store.suite import BYTES, SignedUrls, StoreSuite, fetch, with_parameter
from tests.interop.swift import Swift, running

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    with running(tmp_path_factory.mktemp("swift")) as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name=server.region,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
        )
        client.create_bucket(Bucket="archive")
        client.close()
        yield server


def settings(swift: Swift, **changed: str) -> dict[str, str]:
    return {
        "kind": "s3",
        "endpoint": swift.endpoint,
        "bucket": "archive",
        "region": swift.region,
        "access_key": swift.access_key,
        "secret_key": swift.secret_key,
        **changed,
    }


@pytest.fixture
def store(swift: Swift) -> ArchiveStore:
    return open_stores({"swift": settings(swift)})["swift"]


class TestSwiftStore(StoreSuite, SignedUrls):
    """The suites over a real server."""


@pytest.fixture
def url(store: ArchiveStore) -> str:
    store.put("granted", io.BytesIO(BYTES))
    store.put("refused", io.BytesIO(b"secret"))
    signed = store.url("granted", 300)
    assert signed is not None
    assert fetch(signed) == (200, BYTES)
    return signed


def test_a_changed_signature_is_refused(url: str) -> None:
    signature = parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]
    for position in (0, 31, 63):
        other = "0" if signature[position] != "0" else "1"
        forged = signature[:position] + other + signature[position + 1 :]
        status, body = fetch(url.replace(signature, forged))
        assert status == 403
        assert BYTES[:20] not in body


def test_a_changed_expiry_is_refused(url: str) -> None:
    status, body = fetch(url.replace("X-Amz-Expires=300", "X-Amz-Expires=604800"))
    assert url.count("X-Amz-Expires=300") == 1
    assert status == 403
    assert BYTES[:20] not in body


def test_a_changed_key_is_refused(url: str) -> None:
    status, body = fetch(url.replace("/granted?", "/refused?"))
    assert status == 403
    assert b"secret" not in body


def test_a_changed_date_and_credential_are_refused(url: str) -> None:
    query = parse_qs(urlsplit(url).query)
    when = query["X-Amz-Date"][0]
    other = when[:-3] + ("58Z" if when.endswith("59Z") else "59Z")
    assert fetch(with_parameter(url, "X-Amz-Date", other))[0] == 403
    credential = query["X-Amz-Credential"][0]
    assert fetch(with_parameter(url, "X-Amz-Credential", credential.replace("us-east-1", "us-east-2")))[0] in (400, 403)


def test_another_method_is_refused(url: str, store: ArchiveStore) -> None:
    assert fetch(url, "DELETE")[0] == 403
    assert fetch(url, "PUT")[0] == 403
    assert store.read("granted", 0, 10) == BYTES[:10]


def test_an_expired_url_is_refused(store: ArchiveStore) -> None:
    store.put("short", io.BytesIO(BYTES))
    url = store.url("short", 1)
    assert url is not None
    until = time.monotonic() + 20
    while fetch(url)[0] == 200 and time.monotonic() < until:
        time.sleep(0.5)  # the server's clock is what decides
    assert fetch(url)[0] == 403


def test_nobody_reads_without_a_signature(url: str) -> None:
    assert fetch(url.split("?", 1)[0])[0] in (400, 401, 403)


def test_wrong_keys_are_an_unavailable_store(swift: Swift) -> None:
    for changed in ({"secret_key": "guess"}, {"access_key": "test:nobody"}):
        store = open_stores({"swift": settings(swift, **changed)})["swift"]
        with pytest.raises(StoreUnavailable, match="swift"):
            store.head("granted")
        with pytest.raises(StoreUnavailable, match="swift"):
            store.put("x", io.BytesIO(b"x"))
