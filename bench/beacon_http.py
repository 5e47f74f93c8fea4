"""Beacon over HTTP: the member as ``gsanode serve`` runs it, many callers with tokens, budgets and floors."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Engine

from auth.keyset import SigningKey
from bench import broker, cohort
from bench.beacon_member import TERMS, Known, settle, term
from bench.figure import Figure
from bench.member import running
from bench.processes import Load, closed_loop, free_port, serving

BEACON = "/ga4gh/beacon/v2"
CALLERS, QUESTIONS = 400, 20_000
WORKERS = 2
MEGABASE = 1_000_000
# Callers stay within their budgets however long it is measured; every debit is made all the same.
BUDGET = {"caller": 1e9, "organisation": 1e9}
Made = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running member: its URL, tokens of callers, its folder and the process that watches its workers."""

    url: str
    tokens: list[str]
    folder: Path
    process: int

    def load(self, requests: Made, seconds: int, connections: int) -> Load:
        """What a closed loop of ``connections`` meets."""
        return closed_loop(self.url, requests, seconds, connections, self.folder)

    def memory(self) -> float:
        """The most MB that one of its processes has taken."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        return max(_peak(pid) for pid in (*children, str(self.process)))


def _peak(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


@contextmanager
def served(folder: Path, workers: int = WORKERS) -> Iterator[Server]:
    """The member of ``folder`` with a broker that knows its callers."""
    key = SigningKey.generate()
    (folder / "key.json").write_text(json.dumps(key.private_jwk()))
    port, listen = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "bench.broker", str(port), str(folder / "key.json")]
    privacy = {"public": {"genotypes": "count"}, "budget": BUDGET}
    given = {"broker": {"issuer": issuer, "client_id": "bench"}, "privacy": privacy}
    with ExitStack() as stack:
        stack.enter_context(serving(command, port, folder / "broker.log"))
        member = running(folder, listen={"port": listen, "workers": workers}, **given)
        url, process = stack.enter_context(member)
        yield Server(url, broker.tokens(issuer, key, CALLERS), folder, process.pid)


def figures(folder: Path, engine: Engine, known: Sequence[Known], seconds: int, seed: int) -> list[Figure]:
    """The rows of the speed table that are of HTTP."""
    settle(engine, "controlled")
    with served(folder) as server:
        dice = random.Random(seed)
        counts = _asked(server, dice, lambda: {**_allele(dice.choice(known)), **_filter(dice, "count")})
        server.load(counts, 2, 4)  # every worker has seen every caller, and what it keeps it has
        found = [*_count(server, counts, seconds)]
        yes = _asked(server, dice, lambda: {**_allele(dice.choice(known)), "requestedGranularity": "boolean"})
        found += _latency("boolean", server, yes, seconds, p50="<= 2")
        regions = _asked(server, dice, lambda: {**_region(dice, known), **_filter(dice, "count")})
        found += _latency("region", server, regions, seconds, p99="<= 15")
        settle(engine, "open")
        pages = [(f"{BEACON}/individuals?{urlencode(_page(dice))}", "") for _ in range(QUESTIONS)]
        server.load(pages, 2, 16)  # the tier has changed, and with it went what was kept
        found += _latency("page", server, pages, seconds, p99="<= 20")
        found.append(Figure("beacon.memory", round(server.memory(), 1), "MB", "<= 300"))
    settle(engine, "controlled")
    return found


def _asked(server: Server, dice: random.Random, parameters: Callable[[], dict[str, str]]) -> Made:
    asked = [f"{BEACON}/individuals?{urlencode(parameters())}" for _ in range(QUESTIONS)]
    return [(path, dice.choice(server.tokens)) for path in asked]


def _allele(one: Known) -> dict[str, str]:
    place = {"assemblyId": "GRCh38", "referenceName": cohort.CONTIG, "start": str(one.start)}
    return {**place, "referenceBases": one.ref, "alternateBases": one.alt}


def _region(dice: random.Random, known: Sequence[Known]) -> dict[str, str]:
    start = dice.randrange(known[0].start, max(known[0].start + 1, known[-1].start - MEGABASE))
    place = {"assemblyId": "GRCh38", "referenceName": cohort.CONTIG, "start": str(start)}
    return {**place, "end": str(start + MEGABASE)}


def _filter(dice: random.Random, granularity: str) -> dict[str, str]:
    return {"filters": term(dice.randrange(2, 60)), "requestedGranularity": granularity}


def _page(dice: random.Random) -> dict[str, str]:
    asked = {"filters": term(dice.randrange(2, TERMS // 20)), "requestedGranularity": "record"}
    return {**asked, "limit": "100", "skip": str(dice.randrange(2))}


def _count(server: Server, asked: Made, seconds: int) -> Iterator[Figure]:
    yield from _latency("count", server, asked, seconds, p50="<= 3", p99="<= 15")
    four = server.load(asked, seconds, 4)
    yield Figure(
        "beacon.count.rate", round(four.rate), "requests/s", ">= 1000", "4 connections, wrk on the same machine"
    )


def _latency(row: str, server: Server, asked: Made, seconds: int, **targets: str) -> list[Figure]:
    """p50 and p99, those that have a target, at one connection and at four."""
    found = []
    for connections in (1, 4):
        load = server.load(asked, seconds, connections)
        for name, target in targets.items():
            value = round(getattr(load, name), 2)
            found.append(Figure(f"beacon.{row}.{name}.c{connections}", value, "ms", target))
    return found
