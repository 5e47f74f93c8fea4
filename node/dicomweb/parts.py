"""Answers of several parts (RFC 2387), and archives of several files: made while they are sent."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from node.delivery import CACHE, Delivered

AT_ONCE = 1 << 20  # bytes of one part that are read where they are found: handing them over piece by piece costs more


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    :ivar content: gives its bytes, a piece at a time.
    :ivar size: of the content in bytes, where it is known before.
    """

    media_type: str
    location: str
    content: Callable[[], Iterable[bytes]]
    size: int | None = None


class Streamed(StreamingResponse):
    """Sent piece by piece to a client that takes them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""
        await Delivered(super().__call__)(scope, receive, send)


def related(parts: Iterable[Part], media_type: str, *, only: Part | None = None) -> Response:
    """``multipart/related`` of parts of ``media_type``.

    :param only: the one part there is, if so: then the length of the answer can be told.
    """
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="{media_type}"; boundary={boundary}'
    headers = {"Content-Type": kind, "Cache-Control": CACHE, "Vary": "Accept"}
    if only is not None:
        parts = [only]
        if only.size is not None and only.size <= AT_ONCE:
            return Response(b"".join(_stream(parts, boundary)), headers=headers)
        if only.size is not None:
            length = len(_head(only, boundary)) + only.size + len(_end(boundary))
            headers["Content-Length"] = str(length)
    return Streamed(_stream(parts, boundary), headers=headers)


def alone(part: Part) -> Response:
    """One part as the whole answer."""
    headers = {"Cache-Control": CACHE, "Vary": "Accept"}
    if part.size is None:
        return Streamed(part.content(), headers=headers, media_type=part.media_type)
    if part.size <= AT_ONCE:
        return Response(b"".join(part.content()), headers=headers, media_type=part.media_type)
    headers["Content-Length"] = str(part.size)
    return Streamed(part.content(), headers=headers, media_type=part.media_type)


def _stream(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    between = b""
    for part in parts:
        head = between + _head(part, boundary)
        for piece in part.content():
            yield head + piece if head else piece
            head = b""
        if head:
            yield head
        between = b"\r\n"
    yield _end(boundary)


def _head(part: Part, boundary: str) -> bytes:
    head = f"--{boundary}\r\nContent-Type: {part.media_type}\r\nContent-Location: {part.location}\r\n"
    if part.size is not None:
        head += f"Content-Length: {part.size}\r\n"
    return f"{head}\r\n".encode("ascii")


def _end(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode("ascii")


class _Outbox(RawIOBase):
    """What a ZIP is written to: it cannot seek, and is emptied after every piece."""

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


def zipped(files: Iterable[tuple[str, int, Callable[[], Iterable[bytes]]]], name: str) -> Response:
    """A ZIP of (name, size in bytes, content), not compressed: images hardly shrink."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.zip"',
        "Cache-Control": CACHE,
        "Vary": "Accept",
    }
    return Streamed(_zip(files), headers=headers, media_type="application/zip")


def _zip(files: Iterable[tuple[str, int, Callable[[], Iterable[bytes]]]]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:
        for name, size, content in files:
            entry = zipfile.ZipInfo(name)
            entry.file_size = size
            with archive.open(entry, "w") as out:
                for piece in content():
                    out.write(piece)
                    yield outbox.taken()
    yield outbox.taken()
