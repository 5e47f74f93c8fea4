"""The join of 1,000,000 and 200,000 people of two members with 50,000 in both, through a gateway of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from adapters.catalog.engine import connect
from bench.figure import Figure
from bench.processes import free_port, serving
from migrations.schema import upgrade

FOLDER = Path(".bench/federation").absolute()
LARGER, SMALLER, SHARED = 1_000_000, 200_000, 50_000
QUESTION = {
    "all": [
        {"entryType": "individual", "filters": [{"id": "HP:0000001"}]},
        {"entryType": "imagingStudy", "filters": [{"id": "DCM:MR"}]},
    ],
    "granularity": "count",
}
ROUNDS = 5
DEADLINE = 30


def figures(*, quick: bool) -> list[Figure]:
    """Seconds, and bytes of all bodies for each person of the larger side.

    :raises RuntimeError: if a joined number is not exact.
    """
    with _family(semi_join=True, tier="open") as exact:
        exact.ask()  # who may see everybody is told the number itself, under no floor
    with _family(semi_join=False) as naive:
        naive.ask()
        list_seconds, list_bytes = naive.ask()
    with _family(semi_join=True) as family:
        family.ask()  # keys and connections
        asked = [family.ask() for _ in range(2 if quick else ROUNDS)]
    seconds, size = (sorted(values)[len(values) // 2] for values in zip(*asked, strict=True))
    peer = f"JSON lists of pseudonyms: {list_seconds:.2f} s, {list_bytes / LARGER:.1f} bytes"
    return [
        Figure("federation.join.seconds", round(seconds, 2), "s", "<= 3", peer),
        Figure("federation.join.bytes", round(size / LARGER, 3), "bytes per id of the larger side", "<= 3", peer),
    ]


class _Running:
    def __init__(self, gateway: str, members: list[str], *, exact: bool) -> None:
        self._gateway = gateway
        self._members = members
        self._exact = exact

    def ask(self) -> tuple[float, float]:
        """Seconds of one question, and bytes of all bodies between gateway and members."""
        before, started = self._bytes(), time.perf_counter()
        answer = httpx.post(f"{self._gateway}/federation/v1/search", json=QUESTION, timeout=60).json()
        seconds = time.perf_counter() - started
        floor = 1 if answer["exact"] else answer["floor"]["round_to"]
        if answer["exact"] != self._exact or answer["count"] != SHARED // floor * floor:
            raise RuntimeError(f"the joined number is not {SHARED}: {answer}")
        return seconds, self._bytes() - before + len(json.dumps(QUESTION)) + len(json.dumps(answer))

    def _bytes(self) -> int:
        return sum(httpx.get(f"{url}/bench/bytes").json()["bytes"] for url in self._members)


@contextmanager
def _family(*, semi_join: bool, tier: str = "controlled") -> Iterator[_Running]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    ports = {name: free_port() for name in ("gateway", "larger", "smaller")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    common = {"gateway": urls["gateway"], "key": secrets.token_hex(32), "semi_join": semi_join, "tier": tier}
    sides = {
        "larger": {"partner": "smaller", "prefix": "HRI", "first": 0, "last": LARGER},
        "smaller": {"partner": "larger", "prefix": "OBII", "first": LARGER - SHARED, "last": LARGER - SHARED + SMALLER},
    }
    with ExitStack() as stack:
        stack.enter_context(serving(gateway(FOLDER, ports["gateway"], urls), ports["gateway"], FOLDER / "gateway.log"))
        for name, side in sides.items():
            given = {**common, **side, "port": ports[name], "database": str(FOLDER / f"{name}.sqlite")}
            command = [sys.executable, "-m", "bench.federation_member", json.dumps(given)]
            stack.enter_context(serving(command, ports[name], FOLDER / f"{name}.log"))
        yield _Running(urls["gateway"], [urls[name] for name in sides], exact=tier == "open")


def gateway(folder: Path, port: int, urls: Mapping[str, str], **more: Any) -> list[str]:
    """The command of a gateway over the members of ``urls``, after its configuration and database are made."""
    members = [{"id": name, "name": name, "url": url} for name, url in urls.items() if name != "gateway"]
    given = {
        "kind": "gateway",
        "public_url": f"http://127.0.0.1:{port}",
        "listen": {"port": port},
        "database": f"sqlite:///{folder / 'gateway.sqlite'}",
        "organization": {"id": "org", "name": "Bench", "url": "https://bench.example"},
        "members": members,
        "links": [{"left": members[0]["id"], "right": members[1]["id"]}] if len(members) == 2 else [],
        "deadline_seconds": DEADLINE,
        **more,
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(given))
    engine = connect(str(given["database"]))
    upgrade(engine, "gateway")
    engine.dispose()
    return [sys.executable, "-m", "node.cli", "serve", str(folder / "gateway.yaml")]
