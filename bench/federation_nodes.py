"""Simulated Beacons of a federation in one process: ``python -m bench.federation_nodes``.

The argument is JSON: ``good``, ``hung``, ``failing`` and ``dripping`` nodes by number, and ``milliseconds`` after which
a good one answers. It prints a JSON line with the ports, in that order, and serves until it is ended. They speak
HTTP/1.1 by hand: a framework would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _body(value: Any) -> bytes:
    content = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


TYPES = _body({"response": {"entryTypes": {"individual": {}}}})
TERMS = _body({"response": {"filteringTerms": [{"id": "HP:1"}], "resources": []}})
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


def _good(number: int, seconds: float) -> Talk:
    told = {"meta": {"beaconId": f"org.node{number}", "returnedGranularity": "count"}}
    answer = _body({**told, "responseSummary": {"exists": True, "numTotalResults": 40}})

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for path in _requests(reader):
            if path.endswith("/entry_types"):
                writer.write(TYPES)
            elif "/filtering_terms" in path:
                writer.write(TERMS)
            else:
                if seconds:
                    await asyncio.sleep(seconds)
                writer.write(answer)
            await writer.drain()

    return talk


async def _requests(reader: asyncio.StreamReader) -> Any:
    """Paths of the requests of a connection; bodies are read and forgotten."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next((int(line[16:]) for line in lines if line.startswith("content-length: ")), 0)
        await reader.readexactly(length)
        yield head.split(b" ", 2)[1].decode()


async def _hung(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _failing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for _ in _requests(reader):
        writer.write(FAILED)
        await writer.drain()


async def _dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


def _serving(talk: Talk) -> Talk:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return serve


async def main(asked: dict[str, Any]) -> None:
    """Serve."""
    good = [_good(number, asked["milliseconds"] / 1000) for number in range(asked["good"])]
    bad = [_hung] * asked["hung"] + [_failing] * asked["failing"] + [_dripping] * asked["dripping"]
    servers = [await asyncio.start_server(_serving(talk), "127.0.0.1", 0, backlog=512) for talk in [*good, *bad]]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
