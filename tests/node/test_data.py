"""The bytes of files over real sockets: ranges, entity tags, digests, X-Accel-Redirect, clients that stop reading."""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from sqlalchemy import Engine, update
from starlette.types import Message

from adapters.catalog.engine import writing
from adapters.catalog.models import File
from adapters.store.local import OpenFile
from adapters.store.protocol import WouldWait
from auth.signed import Capability, Signer
from node import delivery
from node.delivery import Accel
from tests.node.drs_node import DRS, Grants, application
from tests.node.family import CONTENT, PUBLIC_URL, Holders, build
from tests.support import running, served

ID = "HRR000001-01"
BYTES = CONTENT[ID]
DIGEST = hashlib.sha256(BYTES).digest()
ETAG = f'"{DIGEST.hex()}"'


@pytest.fixture
def root(sqlite_engine: Engine, tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    build(sqlite_engine, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
async def client(sqlite_engine: Engine, root: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running(application(sqlite_engine, root, Grants(), Holders()), PUBLIC_URL) as opened:
        yield opened


def path(first: int | None = None, last: int | None = None, id: str = ID) -> str:
    """A signed URL of the file, or of a part of it."""
    token = Signer(b"k" * 32).sign(Capability(id, "GET", int(time.time()) + 600, first=first, last=last))
    return f"/data/{token}/x.txt"


RANGES = ["bytes=0-0", "bytes=5-14", "bytes=100-", "bytes=-7", "bytes=0-99999999", f"bytes={len(BYTES) - 1}-"]


def cut(content: bytes, wanted: str) -> bytes:
    """What a range means, by the letter of RFC 9110 section 14.1.2."""
    first, last = wanted.removeprefix("bytes=").split("-")
    if not first:
        return content[-int(last) :]
    return content[int(first) : int(last) + 1 if last else None]


@pytest.mark.parametrize("part", [None, (10, 5000)])
@pytest.mark.parametrize("wanted", RANGES)
async def test_a_range_of_the_file_or_of_a_part(
    client: httpx.AsyncClient, wanted: str, part: tuple[int, int] | None
) -> None:
    whole = BYTES if part is None else BYTES[part[0] : part[1] + 1]
    url = path(*part) if part else path()
    if int(wanted.removeprefix("bytes=").split("-")[0] or 0) >= len(whole):
        assert (await client.get(url, headers={"Range": wanted})).status_code == 416
        return
    for method in ("GET", "HEAD"):
        answer = await client.request(method, url, headers={"Range": wanted})
        assert answer.status_code == 206
        assert answer.content == (cut(whole, wanted) if method == "GET" else b"")
        assert int(answer.headers["content-length"]) == len(cut(whole, wanted))
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
        assert "content-digest" not in answer.headers


async def test_several_ranges(client: httpx.AsyncClient) -> None:
    answer = await client.get(path(), headers={"Range": "bytes=0-4,100-104"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert BYTES[0:5] in answer.content
    assert BYTES[100:105] in answer.content
    part = await client.get(path(10, 500), headers={"Range": "bytes=0-4,100-104"})
    assert (part.status_code, part.content) == (200, BYTES[10:501])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_entity_tag_and_digests_are_those_of_the_catalog(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, path())
    shown = f"sha-256=:{base64.b64encode(DIGEST).decode()}:"
    assert answer.headers["etag"] == ETAG
    assert answer.headers["repr-digest"] == shown
    assert answer.headers.get("content-digest") == (shown if method == "GET" else None)
    assert answer.headers["accept-ranges"] == "bytes"
    assert int(answer.headers["content-length"]) == len(BYTES)


async def test_entity_tags_are_stable_and_differ_by_part(client: httpx.AsyncClient, root: Path) -> None:
    before = (await client.head(path())).headers["etag"]
    content = (root / f"{ID}.txt").read_bytes()
    (root / f"{ID}.txt").write_bytes(content)  # another time of change, the same bytes
    assert (await client.head(path())).headers["etag"] == before
    tags = {(await client.head(path(*part))).headers["etag"] for part in ((0, 10), (0, 11), (1, 10))}
    assert len(tags | {before}) == 4


@pytest.mark.parametrize("part", [(), (10, 5000)])
async def test_if_range(client: httpx.AsyncClient, part: tuple[int, ...]) -> None:
    url = path(*part)
    whole = (await client.get(url)).content
    etag = (await client.head(url)).headers["etag"]
    for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        answer = await client.get(url, headers={"Range": "bytes=5-9", "If-Range": condition})
        assert (answer.status_code, answer.content) == (status, whole[5:10] if status == 206 else whole)


@pytest.mark.parametrize("part", [(), (10, 5000), (0, 0)])
async def test_answers_are_the_same_at_once_and_in_pieces(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, part: tuple[int, ...]
) -> None:
    url = path(*part)
    known = (await client.head(url)).headers
    changed = [{"If-Range": known[name]} for name in ("etag", "last-modified") if name in known]
    conditions: list[dict[str, str]] = [{}, *changed, {"If-Range": '"other"'}]
    asked = [{"Range": wanted, **condition} for wanted in RANGES for condition in conditions]
    answers = []
    for at_once, piece in ((len(BYTES), len(BYTES)), (len(BYTES), 1), (7, 1), (-1, 7)):
        monkeypatch.setattr(delivery, "AT_ONCE", at_once)
        monkeypatch.setattr(delivery, "PIECE", piece)
        answers.append([await shown(client, url, method, some) for method in ("GET", "HEAD") for some in [{}, *asked]])
    assert all(some == answers[0] for some in answers)
    assert {status for status, _, _ in answers[0]} >= {200, 206}


async def shown(
    client: httpx.AsyncClient, url: str, method: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    answer = await client.request(method, url, headers=headers)
    return answer.status_code, {name: value for name, value in answer.headers.items() if name != "date"}, answer.content


async def test_what_is_not_in_memory_is_read_in_pieces(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(*_given: object) -> None:
        raise WouldWait

    monkeypatch.setattr(OpenFile, "read_at_once", waits)
    for url, whole in ((path(), BYTES), (path(10, 5000), BYTES[10:5001])):
        assert (await client.get(url)).content == whole
        assert (await client.get(url, headers={"Range": "bytes=3-8"})).content == whole[3:9]


@pytest.mark.parametrize("wanted", ["bytes=9-5", "items=0-5", "bytes=x-y", "bytes=", "bytes=1-2-3"])
async def test_what_is_no_range_opens_nothing(client: httpx.AsyncClient, wanted: str) -> None:
    for url in (path(), path(10, 5000)):
        answer = await client.get(url, headers={"Range": wanted})
        assert answer.status_code in (200, 400, 416)
        assert BYTES.endswith(b"\n")


async def test_a_part_never_gives_what_lies_outside(client: httpx.AsyncClient) -> None:
    url = path(10, 19)
    for wanted in ("bytes=0-99", "bytes=-99", "bytes=5-", ""):
        answer = await client.get(url, headers={"Range": wanted} if wanted else {})
        assert answer.content in BYTES[10:20]
        assert len(answer.content) <= 10


async def test_behind_nginx_the_answer_names_the_file(sqlite_engine: Engine, root: Path) -> None:
    behind = application(sqlite_engine, root, Grants(), Holders(), accel=Accel("/archive"))
    async with running(behind, PUBLIC_URL) as client:
        answer = await client.get(path(), headers={"Range": "bytes=0-4"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-accel-redirect"] == f"/archive/archive/{ID}.txt"
        part = await client.get(path(10, 19))
        assert (part.content, "x-accel-redirect" in part.headers) == (BYTES[10:20], False)
        (root / f"{ID}.txt").rename(root / "a b%.txt")
        (root / f"{ID}.txt").symlink_to(root / "a b%.txt")
        assert (await client.get(path())).headers["x-accel-redirect"] == "/archive/archive/a%20b%25.txt"
        assert (await client.get(path(id="HRR000005-01"))).status_code == 404


def test_clients_that_stop_reading_tie_nothing_up_and_are_let_go(
    sqlite_engine: Engine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = 64 << 20
    with (root / f"{ID}.txt").open("wb") as file:
        file.truncate(large)
    with writing(sqlite_engine).begin() as connection:
        connection.execute(update(File).where(File.id == ID).values(size=large))
    monkeypatch.setattr(delivery, "STALL_SECONDS", stall := 4.0)
    with served(application(sqlite_engine, root, Grants(), Holders())) as url:
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        stalled = []
        for _ in range(60):  # more than there are threads to read files
            peer = socket.create_connection((address.hostname, address.port))
            peer.sendall(f"GET {path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert peer.recv(16).startswith(b"HTTP/1.1 200")
            stalled.append(peer)
        started = time.monotonic()
        answer = httpx.get(f"{url}{path(id='HRR000002-01')}", timeout=30)
        assert answer.content == CONTENT["HRR000002-01"]
        assert time.monotonic() - started < stall
        stalled[0].settimeout(10)
        received = 0
        time.sleep(stall + 0.5)
        while piece := stalled[0].recv(1 << 20):
            received += len(piece)
        assert received < large  # the connection was closed by the node, not by the end of the file
        for peer in stalled:
            peer.close()


async def test_who_does_not_take_a_piece_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "STALL_SECONDS", 0.05)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        if len(sent) == 2:  # as a server whose socket takes no more
            await anyio.sleep_forever()
        sent.append(message)

    scope = {"type": "http", "method": "GET"}
    with anyio.fail_after(30):
        await delivery.Delivered(delivery.AtOnce(memoryview(BYTES)))(scope, anyio.sleep_forever, send)
    assert [message.get("body", b"") for message in sent] == [b"", BYTES]
    assert sent[-1]["more_body"]  # not ended, so that the server breaks the connection off


def _renamed_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(reversed(path.read_bytes())))
    other.replace(path)


REPLACED = {
    "rewritten": lambda path: path.write_bytes(bytes(reversed(path.read_bytes()))),
    "renamed over": _renamed_over,
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED.keys())
@pytest.mark.parametrize("accel", [None, Accel("/archive")], ids=["alone", "behind nginx"])
async def test_DRS_24_bytes_put_in_place_of_others_are_not_served_under_their_url(
    sqlite_engine: Engine, root: Path, replace: Callable[[Path], object], accel: Accel | None
) -> None:
    behind = application(sqlite_engine, root, Grants(), Holders(), accel=accel)
    async with running(behind, PUBLIC_URL) as client:
        signed = (await client.get(f"{DRS}/objects/{ID}/access/https")).json()["url"]
        assert (await client.get(signed)).status_code == 200
        replace(root / f"{ID}.txt")  # as many bytes as before, others
        for wanted in ({}, {"Range": "bytes=0-9"}):
            answer = await client.get(signed, headers=wanted)
            assert answer.status_code == 410
            assert "replaced" in answer.json()["detail"]
            assert "x-accel-redirect" not in answer.headers
        assert (await client.get(path(id="HRR000002-01"))).status_code == 200


async def test_no_url_is_made_for_bytes_that_the_archive_does_not_hold(client: httpx.AsyncClient, root: Path) -> None:
    (root / f"{ID}.txt").write_bytes(BYTES[1:])
    assert (await client.get(f"{DRS}/objects/{ID}/access/https")).status_code == 500
    (root / f"{ID}.txt").unlink()
    assert (await client.get(f"{DRS}/objects/{ID}/access/https")).status_code == 500
    wanted = {"bulk_object_access_ids": [{"bulk_object_id": ID, "bulk_access_ids": ["https"]}]}
    answer = (await client.post(f"{DRS}/objects/access", json=wanted)).json()
    assert answer["unresolved_drs_objects"] == [{"error_code": 500, "object_ids": [ID]}]
