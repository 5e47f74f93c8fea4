"""Errors and origins as htsget wants them."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import Failure

KINDS = {401: "InvalidAuthentication", 403: "PermissionDenied", 404: "NotFound", 413: "PayloadTooLarge"}
PREFLIGHT_SECONDS = 2_592_000  # htsget 1.3.0, section on CORS


def htsget_shape(failure: Failure) -> dict[str, Any]:
    """Error body of htsget 1.3.0 (CHECKLIST HTS-20)."""
    kind = failure.kind or KINDS.get(failure.status)
    if kind is None:
        kind = "InvalidInput" if failure.status < 500 else "InternalServerError"
    return {"htsget": {"error": kind, "message": failure.message}}


class Cors:
    """Lets web pages of any origin use the paths under ``prefixes`` (HTS-31, HTS-45), errors included.

    The origin is echoed, never ``*``; cookies are not allowed, so nothing is reached that the page has no token for.
    """

    def __init__(self, app: ASGIApp, prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._prefixes = frozenset(prefixes)
        self._below = tuple(f"{prefix}/" for prefix in prefixes)
        self._open = CORSMiddleware(
            app,
            allow_origin_regex=".*",
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("*",),
            expose_headers=("Content-Length", "Content-Range", "Retry-After", "WWW-Authenticate"),
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""
        path = scope.get("path", "")
        if not (path.startswith(self._below) or path in self._prefixes):
            await self._app(scope, receive, send)
        elif b"origin" in dict(scope["headers"]):
            await self._open(scope, receive, send)
        else:
            await self._app(scope, receive, partial(_varying, send))


async def _varying(send: Send, message: Message) -> None:
    """Send on; caches are told that the answer to an origin is another one."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), (b"vary", b"Origin")]
    await send(message)
