"""Answers of several parts (RFC 2387), and archives of several files: made while they are sent."""

from __future__ import annotations

import asyncio
import secrets
import zipfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from io import RawIOBase
from typing import Any

import anyio.to_thread
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from node.delivery import CACHE, STALL_SECONDS
from node.dicomweb.content import Content

log = structlog.get_logger(__name__)
JOINED = 1 << 18  # bytes of one part that are sent together with what stands around them
Piece = bytes | memoryview
ALWAYS = ((b"cache-control", CACHE.encode()), (b"vary", b"Accept"))


@dataclass(slots=True)
class Part:
    """One part."""

    media_type: str
    location: str
    content: Content


class Whole(Response):
    """Sent in one piece. Its headers are ready as they are sent: to make them out of text takes as long as the rest."""

    def __init__(self, content: memoryview, media_type: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [*ALWAYS, (b"content-type", media_type), (b"content-length", b"%d" % len(content))]


class Streamed(Response):
    """Sent piece by piece to a client that takes them; one that stops is let go, one that goes ends the making.

    :param first: piece, made before the answer begins, so that a failure can still be told.
    """

    def __init__(self, first: Piece, others: AsyncGenerator[Piece, None], headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        if "Content-Length" not in headers:
            del self.headers["Content-Length"]  # that of an empty body
        self._first = first
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of its protocol
        """Answer as ASGI application."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.create_task(_gone(receive))
        try:
            async with asyncio.timeout(None) as patience, aclosing(self._others) as others:
                await _patiently(send, self._first, patience)
                async for piece in others:
                    if gone.done():
                        return
                    await _patiently(send, piece, patience)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.warning("client_stalled")  # the server closes a connection whose answer was not finished
        finally:
            gone.cancel()


async def _patiently(send: Send, piece: Piece, patience: asyncio.Timeout) -> None:
    patience.reschedule(asyncio.get_running_loop().time() + STALL_SECONDS)
    await send({"type": "http.response.body", "body": piece, "more_body": True})
    patience.reschedule(None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def begun(pieces: AsyncGenerator[Piece, None], headers: dict[str, str]) -> Response:
    """The answer that has these pieces, of which there is one at least; raises what making the first raises."""
    first = await anext(pieces, b"")
    return Streamed(first, pieces, {"Cache-Control": CACHE, **headers})


async def related(parts: Sequence[Part], media_type: str) -> Response:
    """``multipart/related`` of parts of ``media_type``; raises what the first of them raises."""
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="{media_type}"; boundary={boundary}'
    heads = [_head(part, boundary) for part in parts]
    end = f"\r\n--{boundary}--\r\n".encode()
    if len(parts) == 1 and (content := _few(parts[0], heads[0], end)) is not None:
        return Whole(content, kind.encode())
    headers = {"Content-Type": kind, "Vary": "Accept"}
    sizes = [part.content.size for part in parts]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes):
        headers["Content-Length"] = str(sum(known) + sum(map(len, heads)) + 2 * len(parts) - 2 + len(end))
    return await begun(_stream(parts, heads, end), headers)


async def alone(part: Part) -> Response:
    """One part as the whole answer; raises what it raises."""
    if (content := _few(part)) is not None:
        return Whole(content, part.media_type.encode())
    headers = {"Content-Type": part.media_type, "Vary": "Accept"}
    if part.content.size is not None:
        headers["Content-Length"] = str(part.content.size)
    return await begun(part.content.pieces(), headers)


def _few(part: Part, before: bytes = b"", after: bytes = b"") -> memoryview | None:
    return part.content.at_once(before, after) if (part.content.size or JOINED) < JOINED else None


async def _stream(parts: Sequence[Part], heads: Sequence[bytes], end: bytes) -> AsyncGenerator[Piece, None]:
    between = b""
    for part, head in zip(parts, heads, strict=True):
        content = part.content.at_once()
        if content is not None:
            yield between + head
            yield content
        else:
            async with aclosing(part.content.pieces()) as pieces:
                first = await anext(pieces, b"")
                yield between + head
                yield first
                async for piece in pieces:
                    yield piece
        between = b"\r\n"
    yield end


def _head(part: Part, boundary: str) -> bytes:
    head = f"--{boundary}\r\nContent-Type: {part.media_type}\r\nContent-Location: {part.location}\r\n"
    size = part.content.size
    return (head + ("" if size is None else f"Content-Length: {size}\r\n") + "\r\n").encode()


class _Outbox(RawIOBase):
    """Takes what ``zipfile`` writes until it is sent; it cannot seek, so sizes follow each file."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken


async def zipped(files: Iterable[tuple[str, Content]], name: str) -> Response:
    """A ZIP of files by name, not compressed: images hardly shrink. Raises what the first of them raises."""
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}.zip"',
        "Vary": "Accept",
    }
    return await begun(_zip(files), headers)


async def _zip(files: Iterable[tuple[str, Content]]) -> AsyncGenerator[bytes, None]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.file_size = content.size or 0
            with archive.open(entry, "w") as out:
                async with aclosing(content.pieces()) as pieces:
                    async for piece in pieces:
                        await anyio.to_thread.run_sync(out.write, piece)  # and its checksum is calculated
                        yield outbox.taken()
    yield outbox.taken()
