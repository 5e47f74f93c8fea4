"""Answers told as they come: a line of JSON, or a server-sent event, for each node that has answered, then the whole.

The events are ``{"event": "node", …}`` for each node as soon as it has answered or failed, and at last
``{"event": "answer", "answer": …}`` with what a client without streaming gets, or ``{"event": "error", "error": …}``.
What fails before any node has answered is an ordinary error with its status.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from starlette.responses import Response, StreamingResponse

from federation.failures import FAILURES
from web.errors import Failure, Shape

log = structlog.get_logger(__name__)

LINES, EVENTS = "application/x-ndjson", "text/event-stream"
WHOLE = {"Content-Type": "application/json"}
"""Headers of the ordinary answer: connexion has to be told where a contract names several media types."""

Answered = tuple[dict[str, Any], int, dict[str, str]] | Response
Event = dict[str, Any]
Emit = Callable[[Event], None]
Events = asyncio.Queue[Event | Exception]


def wanted(accept: str | None) -> str | None:
    """The stream that a client asks for by its Accept header; None for the ordinary answer.

    A stream has to be named: ``*/*`` is the ordinary answer, and so is a tie with ``application/json``.
    """
    qualities: dict[str, float] = {}
    for part in (accept or "").split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        qualities[kind] = float(given) if given.replace(".", "", 1).isdecimal() else 0.0
    best = max((EVENTS, LINES), key=lambda kind: qualities.get(kind, 0.0))
    return best if qualities.get(best, 0.0) > qualities.get("application/json", 0.0) else None


async def stream(kind: str, ask: Callable[[Emit], Awaitable[Mapping[str, Any]]], shape: Shape) -> StreamingResponse:
    """Ask, and answer with the events of ``ask`` as they come.

    :param kind: :data:`LINES` or :data:`EVENTS`.
    :param ask: answers the question; what it emits is told at once.
    :param shape: error body of the contract.
    :raises Exception: whatever ``ask`` raises before its first event.
    """
    events: Events = asyncio.Queue()
    answering = asyncio.create_task(_answering(ask, events))
    try:
        first = await events.get()
    except asyncio.CancelledError:
        answering.cancel()
        raise
    if isinstance(first, Exception):
        raise first
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
    return StreamingResponse(_told(first, events, answering, kind, shape), media_type=kind, headers=headers)


async def _answering(ask: Callable[[Emit], Awaitable[Mapping[str, Any]]], events: Events) -> None:
    try:
        events.put_nowait({"event": "answer", "answer": await ask(events.put_nowait)})
    except Exception as error:  # noqa: BLE001 - handed to who waits for the events, whatever it is
        events.put_nowait(error)


async def _told(
    event: Event | Exception, events: Events, answering: asyncio.Task[None], kind: str, shape: Shape
) -> AsyncIterator[bytes]:
    try:
        while not isinstance(event, Exception):
            yield _written(event, kind)
            if event["event"] == "answer":
                return
            event = await events.get()
        yield _written({"event": "error", "error": shape(_failure(event))}, kind)
    finally:
        answering.cancel()  # the client may be gone: nobody waits for the nodes then


def _failure(error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    known = FAILURES.get(type(error))
    if known is not None:
        return known(error)
    log.error("unforeseen_exception", error=type(error).__name__, exc_info=error)
    return Failure(500, "internal error; the operator's log has the details")


def _written(event: Event, kind: str) -> bytes:
    if kind == LINES:
        return orjson.dumps(event) + b"\n"
    rest = {name: value for name, value in event.items() if name != "event"}
    return b"event: " + str(event["event"]).encode() + b"\ndata: " + orjson.dumps(rest) + b"\n\n"
