"""An open loop: requests leave at fixed times, whether or not earlier ones were answered.

Latency counts from the time a request should have left, so that a server which stalls is not spared the requests that
waited meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from urllib.parse import urlsplit

CONNECTIONS = 64


async def latencies(url: str, paths: Sequence[str], rate: float, seconds: float) -> list[float]:
    """Seconds from planned departure to the last byte of the answer, for ``rate`` requests a second.

    :raises RuntimeError: if an answer is no 200.
    """
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    measured: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while (item := await waiting.get()) is not None:
            planned, path = item
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            await _answer(reader)
            measured.append(loop.time() - planned)
        writer.close()

    workers = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.1)
    begun = loop.time()
    for number in range(int(rate * seconds)):
        planned = begun + number / rate
        if (ahead := planned - loop.time()) > 0:
            await asyncio.sleep(ahead)
        waiting.put_nowait((planned, paths[number % len(paths)]))
    for _ in workers:
        waiting.put_nowait(None)
    await asyncio.gather(*workers)
    return measured


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the node answered {head[:60]!r}")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
