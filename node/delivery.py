"""Bytes over HTTP: ranges, entity tags, digests, and handing over to nginx (RFC 9110 sections 8.8, 13, 14; RFC 9530).

A file's bytes never change under its id, so its entity tag is its SHA-256: strong, and the same on every machine.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import anyio
import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.store.protocol import ArchiveStore, WouldWait
from adapters.store.source import ByteSource
from web.errors import Failure

log = structlog.get_logger(__name__)

RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))")
AT_ONCE = 1 << 20  # bytes that are read and sent together
PIECE = 1 << 18  # bytes read at once: larger pieces cost memory per client, smaller ones thread switches
STALL_SECONDS = 120  # a client that takes nothing for so long is let go
CACHE = "private, no-store"


@dataclass(frozen=True, slots=True)
class Accel:
    """nginx serves the files itself: ``prefix`` is its internal location, below it one folder per store."""

    prefix: str

    def to(self, store: str, relative: str, headers: Mapping[str, str], mime_type: str) -> Response:
        """The answer that makes nginx serve ``relative``, a path below the root of ``store``."""
        target = quote(f"{self.prefix}/{store}/{relative}")
        return Response(headers={**headers, "X-Accel-Redirect": target}, media_type=mime_type)


def described(sha256: str | None, etag: str) -> dict[str, str]:
    """Headers of a whole file.

    :param sha256: hex digest of the file, None if the catalog has none.
    :param etag: what stands in for it then, quoted.
    """
    headers = {"Accept-Ranges": "bytes", "Cache-Control": CACHE, "ETag": etag}
    if sha256:
        headers["ETag"] = f'"{sha256}"'
        headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    return headers


def whole_digest(headers: Mapping[str, str]) -> dict[str, str]:
    """The ``Content-Digest`` of an answer with the whole file: the same as its ``Repr-Digest`` (RFC 9530 section 2)."""
    return {"Content-Digest": headers["Repr-Digest"]} if "Repr-Digest" in headers else {}


class Delivered:
    """An answer whose client may stop reading: it is let go after :data:`STALL_SECONDS`, and holds no thread meanwhile.

    A whole representation gets the ``Content-Digest`` that equals its ``Repr-Digest`` (RFC 9530 section 2).
    """

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""

        async def patiently(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200 and scope["method"] == "GET":
                message["headers"] = [*message["headers"], *_content_digest(message["headers"])]
            with anyio.fail_after(STALL_SECONDS):
                await send(message)

        try:
            await self._answer(scope, receive, patiently)
        except TimeoutError:
            log.warning("client_stalled")  # the server closes a connection whose answer was not finished


def _content_digest(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    return ((b"content-digest", value) for name, value in headers if name == b"repr-digest")


class AtOnce(Response):
    """Sent in one piece, its end when that is taken: :class:`Delivered` lets go of a client that takes nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of its protocol
        """Answer as ASGI application."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class WholeFile(FileResponse):
    """A file of a mounted archive, with one Range or several."""

    chunk_size = PIECE


def streamed(
    request: Request, store: ArchiveStore, key: str, first: int, last: int, headers: Mapping[str, str], mime_type: str
) -> Response:
    """The bytes ``first`` to ``last`` (0-based, inclusive) of an object as a representation of its own.

    One Range of it is honoured. Several in one request are answered with the whole part, which RFC 9110 allows.
    """
    length = max(0, last - first + 1)
    status, start, count, shown = _selected(request, length, headers)
    if request.method == "HEAD":
        return Response(status_code=status, headers=shown, media_type=mime_type)
    content = store.stream(key, first + start, count, PIECE) if count else iter(())
    return StreamingResponse(content, status, shown, media_type=mime_type)


def few(
    request: Request, source: ByteSource, first: int, last: int, headers: Mapping[str, str], mime_type: str
) -> ASGIApp | None:
    """The same in one piece, if that is no more than :data:`AT_ONCE` and waits for nothing; None otherwise.

    None too for requests that a whole file answers with more than one range, or by conditions of other kinds.
    """
    wanted, condition = request.headers.get("range"), request.headers.get("if-range")
    if condition not in (None, headers["ETag"]) or (wanted is not None and not RANGE.fullmatch(wanted.strip())):
        return None
    status, start, count, shown = _selected(request, last - first + 1, headers)
    if request.method == "HEAD":
        return Response(status_code=status, headers=shown, media_type=mime_type)
    if count > AT_ONCE:
        return None
    try:
        content = memoryview(source.at_once(first + start, count))
    except WouldWait:
        return None
    if count > PIECE:
        return Delivered(AtOnce(content, status, shown, media_type=mime_type))
    if status == 200:
        shown |= whole_digest(shown)
    return Response(content, status, shown, media_type=mime_type)


def made(request: Request, content: bytes, headers: Mapping[str, str], mime_type: str) -> Response:
    """Bytes that this node made, with one Range of them."""
    status, start, count, shown = _selected(request, len(content), headers)
    body = b"" if request.method == "HEAD" else content[start : start + count]
    return Response(body, status, shown, media_type=mime_type)


def _selected(request: Request, length: int, headers: Mapping[str, str]) -> tuple[int, int, int, dict[str, str]]:
    """(status, offset, number of bytes, headers) for what the request wants of ``length`` bytes.

    :raises Failure: 416 if the range lies outside.
    """
    status, start, end = 200, 0, length - 1
    shown = {"Accept-Ranges": "bytes", "Cache-Control": CACHE, **headers}
    wanted = request.headers.get("range", "")
    condition = request.headers.get("if-range")
    match = RANGE.fullmatch(wanted.strip()) if condition in (None, shown.get("ETag")) else None
    if match and not (match[2] and int(match[1]) > int(match[2])):  # an inverted range is no range: ignored
        start, end = _bounds(match, length)
        if start > end:
            raise Failure(416, f"the range lies outside {length} bytes", headers={"Content-Range": f"bytes */{length}"})
        status = 206
        shown["Content-Range"] = f"bytes {start}-{end}/{length}"
    count = max(0, end - start + 1)
    shown["Content-Length"] = str(count)
    return status, start, count, shown


def _bounds(match: re.Match[str], length: int) -> tuple[int, int]:
    if match[3] is not None:
        return max(0, length - int(match[3])), length - 1 if int(match[3]) else -1
    return int(match[1]), min(length - 1, int(match[2])) if match[2] else length - 1
