"""Heads and bodies leave together, and a head alone as soon as nothing follows it."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from tests.support import served
from web.heads import Gathering

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


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


async def test_what_follows_a_head_at_once_is_written_with_it() -> None:
    transport: Any = Transport()
    gathering = Gathering(transport, asyncio.get_running_loop())
    gathering.write(HEAD)
    assert transport.written == []
    gathering.write(b"body")
    gathering.write(b"more")
    await asyncio.sleep(0)
    assert transport.written == [(HEAD, b"body"), b"more"]
    assert not gathering.is_closing()


async def test_a_head_that_nothing_follows_is_written_in_the_same_turn() -> None:
    transport: Any = Transport()
    gathering = Gathering(transport, asyncio.get_running_loop())
    gathering.write(HEAD)
    await asyncio.sleep(0)
    assert transport.written == [HEAD]
    gathering.write(HEAD)
    gathering.close()
    assert transport.written == [HEAD, HEAD, "closed"]
    gathering.write(HEAD + b"x" * (1 << 20))  # a body that begins like one is not held back
    assert len(transport.written) == 4


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
