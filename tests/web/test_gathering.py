"""Small pieces leave with what follows them, and alone as soon as nothing does."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from tests.support import served
from web.gathering import SMALL, Gathering

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
LARGE = bytes(SMALL + 1)


class Transport:
    """Notes what is written together."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, data: tuple[bytes, ...]) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append("closed")

    def is_closing(self) -> bool:
        return False


@pytest.fixture
async def gathering() -> Gathering:
    transport: Any = Transport()
    return Gathering(transport, asyncio.get_running_loop())


def written(gathering: Gathering) -> list[Any]:
    found: list[Any] = gathering.written
    return found


async def test_what_follows_a_small_piece_at_once_is_written_with_it(gathering: Gathering) -> None:
    gathering.write(HEAD)
    assert written(gathering) == []
    gathering.write(b"body")
    gathering.write(b"head of a part")
    gathering.write(LARGE)
    gathering.write(LARGE)
    expected = [(HEAD, b"body"), (b"head of a part", LARGE), LARGE]
    assert written(gathering) == expected
    await asyncio.sleep(0)
    assert written(gathering) == expected
    assert not gathering.is_closing()


async def test_a_small_piece_that_nothing_follows_is_written_in_the_same_turn(gathering: Gathering) -> None:
    gathering.write(HEAD)
    await asyncio.sleep(0)
    assert written(gathering) == [HEAD]
    gathering.write(HEAD)
    gathering.close()
    assert written(gathering) == [HEAD, HEAD, "closed"]


def test_over_a_socket_a_head_does_not_wait_for_its_body() -> None:
    told = threading.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        if scope["path"] == "/late":
            await asyncio.to_thread(told.wait, 60)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"body"})

    with served(application) as url:
        host = urlsplit(url)
        with socket.create_connection((host.hostname or "", host.port or 0), timeout=60) as client:
            for asked, body in ((b"GET /", b"body"), (b"HEAD /", b""), (b"GET /late", b"body"), (b"GET /", b"body")):
                client.sendall(asked + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += client.recv(1000)
                if asked == b"GET /late":
                    told.set()  # only now may its body come
                while not answer.endswith(b"\r\n\r\n" + body):
                    answer += client.recv(1000)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
