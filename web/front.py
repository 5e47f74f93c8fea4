"""What stands before the routes of a process: requests that are many and simple are answered here."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.direct import Direct
from web.errors import Errors


class Front:
    """Answers areas and the short way itself, and leaves the rest to ``otherwise``.

    :param areas: applications by the prefix below which they answer everything.
    """

    def __init__(self, areas: Mapping[str, ASGIApp], direct: Direct, otherwise: ASGIApp, errors: Errors) -> None:
        self._areas = [(f"{prefix}/", application) for prefix, application in areas.items()]
        self._direct = direct
        self._otherwise = otherwise
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""
        found = self._found(scope) if scope["type"] == "http" else None
        if found is None and scope["type"] == "http":
            found, receive = await self._direct.posted(scope, receive)
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await found(scope, receive, noting)
        except Exception as error:  # whatever a handler raises becomes an answer, as in Starlette's own layer
            if begun:
                raise
            await self._errors.starlette(Request(scope), error)(scope, receive, send)

    def _found(self, scope: Scope) -> ASGIApp | None:
        for prefix, application in self._areas:
            if scope["path"].startswith(prefix):
                return application
        return self._direct.find(scope)
