"""The gateway: what it adds to its nodes, a hundred nodes of which fifteen are ill, joins, and many callers at once.

There is no peer for most of it: the targets are absolute. Nodes are simulated where one machine ends.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench import federation_demo, federation_join, startup
from bench.federation_join import FOLDER, gateway
from bench.figure import Figure
from bench.processes import free_port, serving

DELAY_MS = 20
OVERHEAD_QUESTIONS = 400
NODES, ILL = 100, 5
DEADLINE = 2.0
SHORT = 0.5  # seconds that are waited for ill nodes where not the wait is measured, but what it leaves behind
IDLE = 35  # seconds after which a connection that nobody uses is closed
NEVER, SOON = 1_000_000_000, 5
QUESTION = "/ga4gh/beacon/v2/individuals?requestedGranularity=count"


def prepare(seed: int) -> None:
    """Make the demo family."""
    startup.prepare(seed)


def run(*, quick: bool, seed: int) -> list[Figure]:  # noqa: ARG001 - nothing is drawn
    """Measure; the full form asks 10,000 and 500 questions of a hundred nodes and takes seven minutes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = asyncio.run(_overhead(100 if quick else OVERHEAD_QUESTIONS))
    figures += asyncio.run(_hundred(quick=quick))
    figures += federation_demo.figures(quick=quick)
    return [*figures, *federation_join.figures(quick=quick)]


async def _overhead(questions: int) -> list[Figure]:
    """Of four nodes that answer after 20 ms: what an answer takes longer than the slowest."""
    with _federation(DEADLINE, {}, good=4, milliseconds=DELAY_MS) as running:
        async with aiohttp.ClientSession() as http:
            for _ in range(20):
                await running.ask(http)
            taken = sorted([(await running.ask(http))[0] * 1000 - DELAY_MS for _ in range(questions)])
    return [
        Figure("federation.overhead.p50", round(taken[len(taken) // 2], 2), "ms", "<= 15"),
        Figure("federation.overhead.p99", round(taken[len(taken) * 99 // 100], 2), "ms", "<= 50"),
    ]


async def _hundred(*, quick: bool) -> list[Figure]:
    """A hundred nodes, five hung, five failing, five that drip: latest answer, and what grows."""
    ill = {"hung": ILL, "failing": ILL, "dripping": ILL}
    without, opened = (12, 200) if quick else (500, 10_000)
    nodes = {"good": NODES - 3 * ILL, **ill}
    closed, opens = {"failures_to_open": NEVER}, {"failures_to_open": SOON, "open_seconds": 3600}
    with _federation(DEADLINE, closed, **nodes) as running:
        async with aiohttp.ClientSession() as http:
            await running.ask(http)
            taken = [(await running.ask(http))[0] for _ in range(2 if quick else 20)]
    with _federation(SHORT, closed, **nodes) as running:
        grown = await _growth(running, without, quick=quick)
    with _federation(SHORT, opens, **nodes) as running:
        async with aiohttp.ClientSession() as http:
            for _ in range(SOON + 1):
                await running.ask(http)
        open_grown = await _growth(running, opened, quick=quick)
    figures = [Figure("federation.hundred.latest", round(max(taken), 3), "s", f"<= {DEADLINE + 0.1}")]
    for name, number, growth in (("closed", without, grown), ("open", opened, open_grown)):
        about = f"over {number} questions"
        figures.append(Figure(f"federation.hundred.{name}.sockets", growth.sockets, f"more {about}", "<= 0"))
        figures.append(Figure(f"federation.hundred.{name}.threads", growth.threads, f"more {about}", "<= 0"))
        figures.append(Figure(f"federation.hundred.{name}.memory", growth.megabytes, f"MB more {about}", "<= 5"))
    return figures


@dataclass(frozen=True)
class _Use:
    sockets: int
    threads: int
    megabytes: float

    def __sub__(self, before: _Use) -> _Use:
        megabytes = round(self.megabytes - before.megabytes, 2)
        return _Use(self.sockets - before.sockets, self.threads - before.threads, megabytes)


async def _growth(running: _Running, questions: int, *, quick: bool) -> _Use:
    """What the second half of ``questions`` leaves behind that the first did not.

    Connections that wait for the next question are not what is meant: the full form lets them end before it counts,
    the quick one asks one question after the other, so that there is never more than one to a node.

    :raises RuntimeError: if an answer does not count all the good nodes.
    """
    at_once, counted = (1 if quick else 4), NODES - 3 * ILL
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as http:

        async def some(number: int) -> None:
            for _ in range(number):
                answer = (await running.ask(http))[1]
                good = [node for node in answer["info"]["nodes"] if node["status"] == "answered"]
                if len(good) != counted:
                    raise RuntimeError(f"{len(good)} nodes are counted, not {counted}")

        await asyncio.gather(*(some(questions // 2 // at_once) for _ in range(at_once)))
        await asyncio.sleep(0 if quick else IDLE)
        before = running.use()
        await asyncio.gather(*(some(questions // 2 // at_once) for _ in range(at_once)))
        await asyncio.sleep(0 if quick else IDLE)
        return running.use() - before


@dataclass(frozen=True)
class _Running:
    url: str
    process: subprocess.Popen[bytes]

    async def ask(self, http: aiohttp.ClientSession) -> tuple[float, dict[str, Any]]:
        """Seconds, and the answer."""
        started = time.perf_counter()
        async with http.get(self.url + QUESTION) as response:
            answer = await response.json()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer}")
        return time.perf_counter() - started, answer

    def use(self) -> _Use:
        """Open sockets, threads and resident megabytes (10^6 bytes) of the gateway."""
        place = Path(f"/proc/{self.process.pid}")
        links = [link for link in (place / "fd").iterdir() if link.is_symlink()]
        sockets = sum(str(link.readlink()).startswith("socket:") for link in links)
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        return _Use(sockets, int(status["Threads"]), int(status["VmRSS"].split()[0]) * 1024 / 1e6)


@contextmanager
def _federation(deadline: float, limits: dict[str, Any], **nodes: int) -> Iterator[_Running]:
    """A gateway over simulated nodes, which waits ``deadline`` seconds for them."""
    asked = {"good": 0, "hung": 0, "failing": 0, "dripping": 0, "milliseconds": 0, **nodes}
    command = [sys.executable, "-m", "bench.federation_nodes", json.dumps(asked)]
    simulated = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert simulated.stdout is not None
        ports, port = json.loads(simulated.stdout.readline()), free_port()
        urls = {f"n{number}": f"http://127.0.0.1:{one}" for number, one in enumerate(ports)}
        (FOLDER / "gateway.sqlite").unlink(missing_ok=True)
        given = {"deadline_seconds": deadline, "limits": limits}
        with serving(gateway(FOLDER, port, urls, **given), port, FOLDER / "gateway.log") as process:
            yield _Running(f"http://127.0.0.1:{port}", process)
    finally:
        simulated.terminate()
        simulated.wait(15)
        if simulated.stdout is not None:
            simulated.stdout.close()
