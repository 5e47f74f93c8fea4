"""Time until each process of a family answers its readiness probe, and its resident memory then.

All six are started together, as ``gsanode demo`` does. There is no peer: the targets are absolute.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
from pathlib import Path
from statistics import median

from bench.figure import Figure
from node.demo.configuration import PROCESSES, Addresses
from node.demo.directory import locked
from node.demo.family import bring_up
from node.demo.supervisor import Child, Service, Supervisor

ROOT = Path(__file__).parents[1]
FOLDER = Path(".bench/startup").absolute()
SECONDS, MEGABYTES = "<= 10", "<= 150"
LIMIT = 40  # seconds, so that a quick run ends within 45
ROUNDS = 3
PORTS = range(20_000, 30_000, 10)


def prepare(seed: int) -> None:  # noqa: ARG001 - the family is the same for every seed
    """Make the family, unless this software has made it before and its ports are still free."""
    made_by = FOLDER / "made-by"
    if made_by.exists() and made_by.read_text() == _software() and _free(port_base()):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    with locked(FOLDER):
        base = next(port for port in PORTS if _free(port))
        bring_up(FOLDER, base, None, lambda _text: None)
        (FOLDER / "port").write_text(str(base))
    _round()  # so that every module is compiled
    made_by.write_text(_software())


def run(*, quick: bool, seed: int) -> list[Figure]:  # noqa: ARG001 - nothing is drawn
    """Start the family once (``quick``) or :data:`ROUNDS` times; the median of each figure."""
    rounds = [_round() for _ in range(1 if quick else ROUNDS)]
    figures = []
    for process in PROCESSES:
        seconds = median(measured[process][0] for measured in rounds)
        megabytes = median(measured[process][1] for measured in rounds)
        figures.append(Figure(f"startup.{process}.ready", round(seconds, 2), "s", SECONDS))
        figures.append(Figure(f"startup.{process}.memory", round(megabytes, 1), "MB", MEGABYTES))
    return figures


def _round() -> dict[str, tuple[float, float]]:
    """By process, seconds to ready and resident megabytes (10^6 bytes)."""
    addresses = Addresses(port_base())
    services = [
        Service(name, FOLDER / "config" / f"{name}.yaml", addresses.host, addresses.port(name)) for name in PROCESSES
    ]
    measured: dict[str, tuple[float, float]] = {}

    def ready(child: Child) -> None:
        measured[child.service.name] = (child.ready or 0.0, child.resident_bytes / 1e6)

    with locked(FOLDER):
        supervisor = Supervisor(services, FOLDER / "logs")
        try:
            supervisor.start()
            supervisor.wait_ready(LIMIT, ready)
        finally:
            supervisor.stop()
    return measured


def _software() -> str:
    """SHA-256 of what decides how a family looks on disk."""
    digest = hashlib.sha256()
    for package in ("node/demo", "migrations/versions", "config"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".yaml", ".obo", ".tsv"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def port_base() -> int:
    """The first of the six ports of the family."""
    return int((FOLDER / "port").read_text())


def _free(base: int) -> bool:
    """Whether nobody listens on the six ports from ``base``."""
    for port in range(base, base + len(PROCESSES)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
