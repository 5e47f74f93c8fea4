"""Bytes: 1 MiB at any offset beside nginx on the same file, through nginx and without it; memory under 100 clients."""

from __future__ import annotations

import os
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Checksum, File, Location
from auth.signed import Capability, Signer
from bench.figure import Figure
from bench.member import MOMENT, database, make, running
from bench.processes import free_port, program, serving, wrk

FOLDER = Path(".bench/bytes").absolute()
ID = "HRR900001-01"
SIZE = 256 << 20
RANGE = 1 << 20
CONNECTIONS = 8
CLIENTS = 100
KEY = "ab" * 32  # of bench.member


def prepare(seed: int) -> None:
    """A member with one file of 256 MiB."""
    make(FOLDER, 200)
    archive = FOLDER / "archive"
    path = archive / "large.bin"
    if path.exists():
        return
    content = random.Random(seed).randbytes(RANGE)
    with path.open("wb") as file:
        for number in range(SIZE // RANGE):
            file.write(number.to_bytes(8, "big") + content[8:])
    engine = connect(database(FOLDER))
    with writing(engine).begin() as connection:
        connection.execute(
            insert(File).values(id=ID, dataset="HRA000001", name=path.name, size=SIZE, created_at=MOMENT)
        )
        connection.execute(insert(Checksum).values(file=ID, type="sha-256", value="00" * 32))
        connection.execute(insert(Location).values(file=ID, store="archive", key=path.name))
    engine.dispose()


def run(*, quick: bool, seed: int) -> list[Figure]:
    """Every row peer and node in turns, the best round of each."""
    rounds, seconds = (3, 1) if quick else (4, 5)
    token = Signer(bytes.fromhex(KEY)).sign(Capability(ID, "GET", int(time.time()) + 3600))
    path = f"/data/{token}/large.bin"
    with running(FOLDER) as (alone, process), running(FOLDER, accel={}) as (behind, _), _nginx(behind) as front:
        urls = {"peer": f"{front}/plain/large.bin", "nginx": front + path, "node": alone + path}
        places = {"any": f"math.random(0, {SIZE - RANGE})", "first": "0", "last": f"{SIZE - RANGE}"}
        best = {place: dict.fromkeys(urls, 0.0) for place in places}
        for _round in range(rounds):
            for place, offset in places.items():
                for name, url in urls.items():
                    rate = wrk(url, seconds, CONNECTIONS, _ranges(offset, seed), FOLDER)
                    best[place][name] = max(best[place][name], rate)
        memory = _memory(alone + path, process.pid, seconds)
    return [*_beside_peer(best), *_equal_at_both_ends(best), memory]


def _beside_peer(best: dict[str, dict[str, float]]) -> Iterator[Figure]:
    for place, rates in best.items():
        for name, target in (("nginx", ">= 0.8"), ("node", ">= 0.1")):
            ratio = round(rates[name] / rates["peer"], 3)
            told = f"nginx {rates['peer']:.0f}/s"
            yield Figure(f"bytes.{place}.{name}", round(rates[name], 1), "MiB/s", target, told, ratio)


def _equal_at_both_ends(best: dict[str, dict[str, float]]) -> Iterator[Figure]:
    """The last MiB of the file beside its first: a server that reads up to the offset is many times slower."""
    for name in ("nginx", "node"):
        first, last = best["first"][name], best["last"][name]
        yield Figure(
            f"bytes.equal.{name}", round(last, 1), "MiB/s", ">= 0.8", f"offset 0 {first:.0f}/s", round(last / first, 3)
        )


def _ranges(offset: str, seed: int) -> str:
    return f"""math.randomseed({seed})
request = function()
  local first = {offset}
  return wrk.format("GET", nil, {{["Range"] = string.format("bytes=%d-%d", first, first + {RANGE - 1})}})
end
"""


@contextmanager
def _nginx(behind: str) -> Iterator[str]:
    """nginx with the ready configuration of ``deploy``, and the same folder served plainly below ``/plain``."""
    port = free_port()
    text = (Path(__file__).parents[1] / "deploy" / "nginx.conf").read_text()
    archive = FOLDER / "archive"
    plain = f"location /plain/ {{ alias {archive}/; }}\n    location / {{"
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8083": behind.removeprefix("http://"),
        "/srv/archive/": f"{archive}/",
        "location / {": plain,
        "/run/nginx.pid": str(FOLDER / "nginx.pid"),
        "/var/log/nginx": str(FOLDER),
    }.items():
        text = text.replace(old, new)
    if os.getuid() == 0:
        text = "user root;\n" + text
    configuration = FOLDER / "nginx.conf"
    configuration.write_text(text)
    command = [program("nginx", "nginx"), "-p", str(FOLDER), "-c", str(configuration), "-g", "daemon off;"]
    with serving(command, port, FOLDER / "nginx.log"):
        yield f"http://127.0.0.1:{port}"


def _memory(url: str, pid: int, seconds: int) -> Figure:
    """Resident memory with :data:`CLIENTS` downloads under way, late over early: flat is 1."""
    stop = threading.Event()

    def download() -> None:
        while not stop.is_set():
            with urllib.request.urlopen(url, timeout=60) as answer:
                while not stop.is_set() and answer.read(1 << 18):
                    pass

    threads = [threading.Thread(target=download) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(max(2, seconds))
    early = _resident(pid)
    time.sleep(max(4, 2 * seconds))
    late = _resident(pid)
    stop.set()
    for thread in threads:
        thread.join()
    return Figure(
        "bytes.memory", round(late / 1e6, 1), "MB", "<= 1.1", f"early {early / 1e6:.1f} MB", round(late / early, 3)
    )


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
