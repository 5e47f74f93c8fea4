"""What a DICOMweb service keeps, and where it reads, change no answer: not of what is gone, not of other bytes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Engine, update
from starlette.types import Message

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset, File, Individual
from adapters.store.local import OpenFile
from adapters.store.protocol import WouldWait
from node.dicomweb.parts import Streamed
from tests.node.dicomweb_node import BASE, GRANT, PACKAGED, Node, packaged, parts, path_of
from tests.node.test_dicomweb import EVERY_PATH, GRANTED, HIDDEN, OCTETS, RAW
from tests.support import running, served

WAS_OPEN = "1.2.3.4"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ENDINGS = {
    "withdrawn": (update(Dataset).values(withdrawn_at=NOW), 404),
    "embargo": (update(Dataset).values(release_date=dt.date(2026, 1, 2)), 404),
    "person withdrawn": (update(Individual).values(withdrawn_at=NOW), 404),
    "quarantined": (update(File).values(state="quarantined"), 404),
    "controlled": (update(Dataset).values(tier="controlled", dac="IDAC000001"), 401),
    "on tape": (update(File).values(available=False), 503),
}


@pytest.mark.parametrize(("change", "status"), ENDINGS.values(), ids=ENDINGS.keys())
async def test_what_ended_is_not_served_at_the_next_request(
    engine: Engine, tmp_path: Path, change: Any, status: int
) -> None:
    """On both databases, on every path, though each was answered a moment ago."""
    node = Node(engine, tmp_path / "archive")
    async with running(node.application()) as client:
        for path in EVERY_PATH:
            assert (await client.get(BASE + path.format(WAS_OPEN))).status_code == 200
        with writing(engine).begin() as connection:
            connection.execute(change)
        for path in EVERY_PATH:
            answer = await client.get(BASE + path.format(WAS_OPEN))
            searched = path.endswith(("/series", "/instances"))  # says what there is, and where to ask for it later
            assert answer.status_code == (200 if searched and status == 503 else status), (path, answer.text)


async def test_a_grant_is_asked_for_at_every_request_on_every_path(sqlite_engine: Engine, tmp_path: Path) -> None:
    node = Node(sqlite_engine, tmp_path / "archive")
    async with running(node.application()) as client:
        for allowed in (200, 403, 200, 403):
            for path in EVERY_PATH:
                answer = await client.get(BASE + path.format(HIDDEN), headers=GRANTED)
                assert answer.status_code == allowed, path
            node.in_force ^= {GRANT}


async def test_other_bytes_in_a_files_place_are_read_anew(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Of the same size, so that nothing but the store tells; then of another, which is refused."""
    node = Node(sqlite_engine, tmp_path / "archive")
    path, file = path_of("CT_small.dcm"), node.root / "open/CT_small.dcm"
    before = file.read_bytes()
    assert before.count(b"GE MEDICAL SYSTEMS") == 1
    pixels = packaged("CT_small.dcm").PixelData
    after = before.replace(b"GE MEDICAL SYSTEMS", b"GE MEDICAL ANOTHER").replace(pixels, pixels[::-1])
    assert len(after) == len(before)
    async with running(node.application()) as client:

        async def shown() -> tuple[str, bytes, bytes]:
            (document,) = (await client.get(f"{path}/metadata")).json()
            ((_, frame),) = parts(await client.get(f"{path}/frames/1", headers=OCTETS))
            ((_, whole),) = parts(await client.get(path, headers=RAW))
            return document["00080070"]["Value"][0], frame, whole

        assert await shown() == await shown() == ("GE MEDICAL SYSTEMS", pixels, before)
        other = file.with_name("other")
        other.write_bytes(after)
        other.replace(file)
        assert await shown() == ("GE MEDICAL ANOTHER", pixels[::-1], after)
        file.write_bytes(after + b"\0")
        for below in ("", "/metadata", "/frames/1", "/rendered", "/bulkdata/7FE00010"):
            answer = await client.get(path + below)
            assert answer.status_code == 500, below
            assert "not those registered" in answer.json()["message"]
        file.unlink()
        for below in ("", "/metadata", "/frames/1", "/rendered", "/bulkdata/7FE00010"):
            answer = await client.get(path + below)
            assert answer.status_code == 500, below
            assert "has lost the bytes" in answer.json()["message"]


ASKED = [
    *((path_of(name), RAW) for name in PACKAGED),
    *((path_of(name), {"Accept": "application/dicom; transfer-syntax=*"}) for name in PACKAGED),
    *((f"{path_of(name)}/metadata", {}) for name in PACKAGED),
    (f"{BASE}/studies/{WAS_OPEN}", RAW),
    (f"{BASE}/studies/{WAS_OPEN}", {"Accept": "application/zip"}),
    (f"{BASE}/studies/{WAS_OPEN}/metadata", {}),
    (f"{path_of('rtdose.dcm')}/frames/1,15,2", OCTETS),
    (f"{path_of('examples_ybr_color.dcm')}/frames/3,1", {}),
    (f"{path_of('CT_small.dcm')}/bulkdata/7FE00010", {}),
]


async def answers(node: Node) -> list[bytes]:
    """Bodies, without the boundary that each answer makes for itself and the moments of a ZIP."""
    found = []
    async with running(node.application()) as client:
        for path, headers in ASKED:
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 200, (path, answer.text)
            boundary = answer.headers["content-type"].partition("boundary=")[2]
            found.append(answer.content.replace(boundary.encode(), b"") if boundary else answer.content)
            assert answer.headers.get("content-length", str(len(answer.content))) == str(len(answer.content))
    return found


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Node:
    folder = tmp_path_factory.mktemp("kept")
    return Node(connect(f"sqlite:///{folder}/catalog.db"), folder / "archive")


async def test_answers_are_the_same_wherever_they_are_read(still: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once; in threads, as across a network; of a disk that must turn first; and in small pieces each way."""
    expected = await answers(still)

    def waits(*_given: Any) -> None:
        raise WouldWait

    for at_once in (1 << 20, 1000):
        monkeypatch.setattr("node.dicomweb.content.AT_ONCE", at_once)
        monkeypatch.setattr("node.dicomweb.parts.JOINED", at_once)
        assert await answers(still) == expected
        with monkeypatch.context() as patched:
            patched.setattr(still.stores["disk"], "prompt", False)
            assert await answers(still) == expected
        with monkeypatch.context() as patched:
            patched.setattr(OpenFile, "read_at_once", waits)
            assert await answers(still) == expected


def test_a_file_that_is_lost_under_way_breaks_the_answer(still: Node, tmp_path: Path) -> None:
    """It is not filled up, and not ended as if it were whole."""
    lost = still.root / "gone" / "3.dcm"
    away = lost.rename(tmp_path / "3.dcm")
    try:
        with served(still.application()) as url, pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{url}{BASE}/studies/{WAS_OPEN}", headers=RAW, timeout=60)
    finally:
        away.rename(lost)


class Pieces:
    """An answer without an end, which notes whether it was ended."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = False

    async def make(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                self.made += 1
                yield b"x"
        finally:
            self.closed = True


async def _sent(pieces: Pieces, receive: Any, send: Any) -> None:
    await Streamed(b"first", pieces.make(), {"Content-Type": "x/y"})({"type": "http"}, receive, send)


async def test_nothing_more_is_made_for_a_client_that_went_away() -> None:
    pieces, gone = Pieces(), anyio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        if pieces.made == 5:
            gone.set()
        await anyio.sleep(0)  # as a server that waits for its socket

    with anyio.fail_after(30):
        await _sent(pieces, receive, send)
    assert pieces.closed
    assert pieces.made < 20


async def test_a_client_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.dicomweb.parts.STALL_SECONDS", 0.05)
    pieces, sent = Pieces(), []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 4:
            await anyio.sleep_forever()

    with anyio.fail_after(30):
        await _sent(pieces, anyio.sleep_forever, send)
    assert pieces.closed
    assert len(sent) == 4
    assert sent[-1]["more_body"]  # not ended, so that the server breaks the connection off


def test_metadata_of_many_are_one_document(still: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent in pieces of any size."""
    monkeypatch.setattr("node.dicomweb.handler.TOGETHER", 1)

    async def ask() -> bytes:
        async with running(still.application()) as client:
            return (await client.get(f"{BASE}/studies/{WAS_OPEN}/metadata")).content

    numbers = [one["00200013"]["Value"] for one in json.loads(anyio.run(ask))]
    assert numbers == [[1], [2], [3]]
