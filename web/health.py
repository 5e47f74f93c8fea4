"""``/healthz``, ``/readyz`` and ``/metrics`` of every process."""

from __future__ import annotations

import math
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import anyio.to_thread
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Check = Callable[[], None]
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # seconds


class Health:
    """Liveness and readiness.

    :param checks: by name, functions that raise when what they check cannot serve (database, store …).
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def routes(self) -> list[Route]:
        """Routes of both probes."""
        return [Route("/healthz", self._alive), Route("/readyz", self._ready)]

    async def _alive(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, _request: Request) -> Response:
        found = {name: await anyio.to_thread.run_sync(_outcome, check) for name, check in self._checks.items()}
        ready = all(outcome == "ok" for outcome in found.values())
        return JSONResponse({"status": "ready" if ready else "not ready", "checks": found}, 200 if ready else 503)


def _outcome(check: Check) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever a check raises means "not ready", and the probe says which kind
        return type(error).__name__
    return "ok"


@dataclass(slots=True)
class _Times:
    """Requests that took no longer than each of :data:`BOUNDS`, but longer than the one before; seconds of all."""

    within: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


class Metrics:
    """Counts and times requests by area (the first path segments that carry no identifier), method and status.

    Only the event loop counts, so that nothing needs a lock; the registry asks for the sums when somebody reads them.
    """

    def __init__(self, areas: tuple[str, ...]) -> None:
        longest_first = sorted(areas, key=len, reverse=True)
        self._area = re.compile(f"({'|'.join(map(re.escape, longest_first))})(?:/|\\Z)")
        self._answered: Counter[tuple[str, str, int]] = Counter()
        self._taken: dict[str, _Times] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def area(self, path: str) -> str:
        """The area of ``path``: a known prefix, or ``other``. Never an identifier."""
        known = self._area.match(path)
        return known[1] if known else "other"

    def observe(self, area: str, method: str, status: int, seconds: float) -> None:
        """Record one answered request; to be called from the thread of the event loop."""
        self._answered[area, method, status] += 1
        times = self._taken.get(area)
        if times is None:
            times = self._taken[area] = _Times()
        times.seconds += seconds
        times.within[bisect_left(BOUNDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """What was recorded, as ``prometheus_client`` asks for it."""
        requests = CounterMetricFamily("gsanode_requests", "Requests answered.", labels=("area", "method", "status"))
        for (area, method, status), number in self._answered.items():
            requests.add_metric((area, method, str(status)), number)
        seconds = HistogramMetricFamily("gsanode_request_seconds", "Time to answer.", labels=("area",))
        for area, times in self._taken.items():
            bounds = map(floatToGoString, (*BOUNDS, math.inf))
            buckets = list(zip(bounds, accumulate(times.within), strict=True))
            seconds.add_metric((area,), buckets, times.seconds)
        yield from (requests, seconds)

    def route(self) -> Route:
        """Route of ``/metrics`` in the Prometheus text format."""

        async def metrics(_request: Request) -> Response:
            return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return Route("/metrics", metrics)


class Observe:
    """ASGI middleware: one log line and one observation per request, with the area instead of the path.

    Paths hold capabilities, subjects and accessions; a log line that says the area, the status and the time is enough
    to operate a node and tells nothing about a person.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Callable[..., None]) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # the client went away before an answer began

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - started
            area, method = self._metrics.area(scope["path"]), scope["method"]
            self._metrics.observe(area, method, status, seconds)
            if area not in ("/healthz", "/readyz", "/metrics"):
                self._log("request", area=area, method=method, status=status, ms=round(seconds * 1000, 2))
