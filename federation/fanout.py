"""Many nodes asked at once, under one deadline; what each did is always told.

A node is not trusted to be quick, small, honest or well: bodies are bounded while they arrive, redirects are not
followed (they could lead inside), cookies are not kept, compressed bodies are not accepted, and a node that keeps
failing is left alone for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

from federation import bodies
from federation.breaker import Breaker
from federation.settings import Limits

log = structlog.get_logger(__name__)


class Status(StrEnum):
    """What a node did with a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    CANNOT_ANSWER = "cannot_answer"


@dataclass(frozen=True)
class Ask:
    """One request to one node. ``body`` makes it a POST of JSON."""

    url: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came of a request. ``body`` is a JSON object or array when ``status`` is answered; ``seconds`` elapsed."""

    status: Status
    body: Any = None
    seconds: float = 0.0
    detail: str = ""


Arrived = Callable[[str, Reply], None]
"""Is told of a node's reply as soon as it is there."""


class Unacceptable(Exception):
    """A node's answer is not one that may be read; carries the status to report."""

    def __init__(self, status: Status, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Fanout:
    """Asks nodes in parallel over one pool of connections. Made before the loop runs; the pool opens on first use.

    :param resolver: makes what resolves the names of nodes.
    :param name: tells nodes who asks (``Via``), so that gateways that have each other as nodes do not ask for ever.
    """

    def __init__(
        self, limits: Limits, name: str = "", resolver: Callable[[], AbstractResolver] = DefaultResolver
    ) -> None:
        self._limits = limits
        self._resolver = resolver
        self._via = {"Via": f"1.1 {name}"} if name else {}
        self._breaker = Breaker(limits.failures_to_open, limits.open_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the pool of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(
        self, requests: Mapping[str, Ask], deadline: float, arrived: Arrived | None = None
    ) -> dict[str, Reply]:
        """Send ``requests`` (by node id) at once and wait at most ``deadline`` seconds for all of them.

        Every node asked is in the answer; one that did not make it is ``timed_out``.

        :param arrived: is told of each node that answers or fails before the deadline, when it does.
        """
        tasks = {node: asyncio.create_task(self._one(node, request)) for node, request in requests.items()}
        if not tasks:
            return {}
        if arrived is not None:
            for node, task in tasks.items():
                task.add_done_callback(partial(_tell, arrived, node))
        started = time.monotonic()
        try:
            await asyncio.wait(tasks.values(), timeout=deadline)
        finally:
            late = [task for task in tasks.values() if task.cancel()]
        # The cancelled tasks end now, so that no socket of this question outlives its answer.
        await asyncio.gather(*late, return_exceptions=True)
        return {node: self._reply(node, task, started) for node, task in tasks.items()}

    def _reply(self, node: str, task: asyncio.Task[Reply], started: float) -> Reply:
        if task.cancelled():
            reply = Reply(Status.TIMED_OUT, seconds=time.monotonic() - started, detail="no answer before the deadline")
            self._breaker.failed(node)
        else:
            reply = task.result()
        if reply.status is not Status.ANSWERED:
            log.info("node_did_not_answer", node=node, status=reply.status.value, detail=reply.detail)
        return reply

    async def _one(self, node: str, request: Ask) -> Reply:
        if not self._breaker.allows(node):
            return Reply(Status.UNREACHABLE, detail="left alone for a while after repeated failures")
        started = time.monotonic()
        try:
            body = await self._exchange(request)
        except Unacceptable as error:
            status, detail = error.status, error.detail
        except (aiohttp.ClientError, OSError) as error:
            status, detail = Status.UNREACHABLE, type(error).__name__
        else:
            self._breaker.worked(node)
            return Reply(Status.ANSWERED, body, time.monotonic() - started)
        if status in (Status.UNREACHABLE, Status.INVALID):
            self._breaker.failed(node)
        else:
            self._breaker.worked(node)
        return Reply(status, None, time.monotonic() - started, detail)

    async def _exchange(self, request: Ask) -> Any:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._via, **request.headers}
        data = None
        if request.body is not None:
            data = orjson.dumps(request.body)
            headers["Content-Type"] = "application/json"
        method = "GET" if data is None else "POST"
        async with self._pool().request(
            method, request.url, data=data, headers=headers, allow_redirects=False
        ) as response:
            if 400 <= response.status < 500:
                raise _refusal(response.status, await bodies.complaint(response))
            _accept(response)
            try:
                return await bodies.read(response, self._limits.answer_bytes)
            except (bodies.TooLarge, bodies.NotJson) as error:
                raise Unacceptable(Status.INVALID, str(error)) from error

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=32, resolver=self._resolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _tell(arrived: Arrived, node: str, task: asyncio.Task[Reply]) -> None:
    if not task.cancelled() and task.exception() is None:
        arrived(node, task.result())


def _refusal(code: int, said: str) -> Unacceptable:
    status = Status.REFUSED if code in (401, 403, 429) else Status.CANNOT_ANSWER
    return Unacceptable(status, f"HTTP {code}: {said}" if said else f"HTTP {code}")


def _accept(response: aiohttp.ClientResponse) -> None:
    """Judge status, type and encoding of an answer before its body is read."""
    code = response.status
    if code == 501:
        raise Unacceptable(Status.CANNOT_ANSWER, f"HTTP {code}")
    if code >= 500:
        raise Unacceptable(Status.UNREACHABLE, f"HTTP {code}")
    if code != 200:
        raise Unacceptable(Status.INVALID, f"HTTP {code}; redirects are not followed")
    if response.content_type != "application/json" and not response.content_type.endswith("+json"):
        raise Unacceptable(Status.INVALID, "the answer does not say that it is JSON")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unacceptable(Status.INVALID, "the answer is compressed though none was asked for")
