"""The size of a request body is bounded before anything reads it (413 in the standard's shape; CHECKLIST HTS-15)."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import Failure

LARGEST = 8 << 20  # bytes, unless the configuration says otherwise


class Bounded:
    """Refuses bodies of more than ``limit`` bytes, by their announced length or, sent in chunks, as they arrive.

    A chunked body is gathered and given a length: connexion takes a body without one for an absent body.

    :raises Failure: 413.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if its body is small enough."""
        if scope["type"] == "http":
            headers = scope["headers"]
            length = next((value for name, value in headers if name == b"content-length"), None)
            if length is not None:
                if len(length) > 19 or int(length) > self._limit:
                    raise self._too_large()
            elif any(name == b"transfer-encoding" for name, _ in headers):
                body = await self._gathered(receive)
                headers = [pair for pair in headers if pair[0] != b"transfer-encoding"]
                scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
                receive = _replaying(body, receive)
        await self._app(scope, receive, send)

    async def _gathered(self, receive: Receive) -> bytes:
        pieces: list[bytes] = []
        arrived = 0
        more = True
        while more:
            message = await receive()
            pieces.append(message.get("body", b""))
            arrived += len(pieces[-1])
            if arrived > self._limit:
                raise self._too_large()
            more = message.get("more_body", False)
        return b"".join(pieces)

    def _too_large(self) -> Failure:
        return Failure(413, f"the body is too large; allowed: {self._limit} bytes", kind="PayloadTooLarge")


def _replaying(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever the server still says."""
    first: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replaying() -> Message:
        return next(first, None) or await receive()

    return replaying
