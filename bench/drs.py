"""DRS: one record and a thousand beside a bare handler and a bare SELECT, and the latency at half of saturation."""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.request
from pathlib import Path

import orjson
from sqlalchemy import Connection, select

from adapters.catalog.engine import connect
from adapters.catalog.models import Checksum, Dataset, File, Location
from bench.figure import Figure
from bench.member import database, file_id, make, running
from bench.openloop import latencies, percentile
from bench.processes import bare, free_port, serving, wrk

FOLDER = Path(".bench/drs").absolute()
FILES = 20_000
BULK = 1000
OBJECTS = "/ga4gh/drs/v1/objects"
CONNECTIONS = 32


def prepare(seed: int) -> None:  # noqa: ARG001 - the catalog is the same for every seed
    """Make the member."""
    make(FOLDER, FILES)


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Peer and node in turns, the best round of each."""
    rounds, seconds = (2, 3) if quick else (4, 8)
    with running(FOLDER) as (url, _):
        (FOLDER / "answer.json").write_bytes(_get(f"{url}{OBJECTS}/{file_id(1)}"))
        port = free_port()
        with serving(bare(FOLDER, port), port, FOLDER / "bare.log"):
            peer, node = [], []
            for _round in range(rounds):
                peer.append(wrk(f"http://127.0.0.1:{port}{OBJECTS}/{file_id(1)}", seconds, CONNECTIONS))
                node.append(wrk(url, seconds, CONNECTIONS, _random_objects(seed), FOLDER))
            single, floor = max(node), max(peer)
            bulk = _bulk(url, seed, rounds * 2)
            numbers = random.Random(seed)
            paths = [f"{OBJECTS}/{file_id(numbers.randint(1, FILES))}" for _ in range(5000)]
            idle = asyncio.run(latencies(f"http://127.0.0.1:{port}", paths, single / 2, seconds))
            measured = asyncio.run(latencies(url, paths, single / 2, seconds * 2))
    starlette = f"bare Starlette {floor:.0f}/s"
    same_rate = f"bare Starlette {percentile(idle, 99) * 1000:.1f} ms at {single / 2:.0f}/s"
    return [
        Figure("drs.object", round(single, 1), "requests/s", ">= 0.25", starlette, round(single / floor, 3)),
        bulk,
        Figure("drs.object.p99", round(percentile(measured, 99) * 1000, 2), "ms", "<= 15", same_rate),
    ]


def _random_objects(seed: int) -> str:
    return f"""math.randomseed({seed})
request = function()
  return wrk.format("GET", string.format("{OBJECTS}/HRR%06d-01", math.random(1, {FILES})))
end
"""


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def _bulk(url: str, seed: int, rounds: int) -> Figure:
    """Ids per second through ``POST /objects``, beside the same rows selected and written as JSON in process."""
    numbers = random.Random(seed)
    engine = connect(database(FOLDER))
    node, peer = [], []
    for _round in range(rounds):
        ids = [file_id(number) for number in numbers.sample(range(1, FILES + 1), BULK)]
        body = json.dumps({"bulk_object_ids": ids}).encode()
        asked = urllib.request.Request(f"{url}{OBJECTS}", body, {"Content-Type": "application/json"})
        started = time.perf_counter()
        with urllib.request.urlopen(asked, timeout=60) as answer:
            content = answer.read()
        node.append(BULK / (time.perf_counter() - started))
        if orjson.loads(content)["summary"]["resolved"] != BULK:
            raise RuntimeError("the bulk answer lacks records")
        started = time.perf_counter()
        with engine.connect() as connection:
            _selected(connection, ids)
        peer.append(BULK / (time.perf_counter() - started))
    engine.dispose()
    best, floor = max(node), max(peer)
    return Figure("drs.bulk", round(best), "ids/s", ">= 0.25", f"SELECT + orjson {floor:.0f}/s", round(best / floor, 3))


def _selected(connection: Connection, ids: list[str]) -> bytes:
    files = select(File.__table__).join(Dataset, Dataset.accession == File.dataset).where(File.id.in_(ids))
    rows = [row._asdict() for row in connection.execute(files)]
    for table in (Checksum, Location):
        rows += [row._asdict() for row in connection.execute(select(table.__table__).where(table.file.in_(ids)))]
    return orjson.dumps(rows)
