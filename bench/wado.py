"""What is retrieved of images, beside Orthanc over the same files; and what this machine could send at most."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.figure import Figure
from bench.processes import bare, free_port, program, serving, wrk

CONNECTIONS = 8
STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"'
JSON = "application/dicom+json"
BUFFER = 1 << 20


def instances(urls: Mapping[str, str], scripts: Mapping[str, str], folder: Path, *, quick: bool) -> dict[str, float]:
    """Requests a second by wrk with eight connections, all in turns, the best round of each.

    :param urls: whom to ask, by name.
    :param scripts: Lua that makes the requests, by name.
    """
    rounds, seconds = (3, 1) if quick else (4, 5)
    rates = dict.fromkeys(urls, 0.0)
    for _round in range(rounds):
        for name, url in urls.items():
            rates[name] = max(rates[name], wrk(url, seconds, CONNECTIONS, scripts[name], folder))
    return rates


def beside_peer(rates: Mapping[str, float]) -> list[Figure]:
    """Single instances: of a process for each core and of one alone, beside Orthanc, whose threads have both cores; and
    what a server that only sends the same bytes gets answered.

    Of one process alone and of those servers there is no target: what is printed is at least as much always.
    """
    one, peer, both = rates["node"], rates["peer"], rates["workers"]
    orthanc = f"Orthanc {peer:.0f}/s"
    named = ("dicomweb.wado.orthanc", both, ">= 5"), ("dicomweb.wado.orthanc.one_process", one, ">= 1")
    shown = [
        *(Figure(name, round(r, 1), "instances/s", target, orthanc, round(r / peer, 2)) for name, r, target in named),
        Figure(
            "dicomweb.wado.drs", round(one, 1), "instances/s", ">= 0.7",
            f"/data {rates['drs']:.0f}/s", round(one / rates["drs"], 2),
        ),
    ]  # fmt: skip
    for name, told in (("nginx", "nginx, the files alone"), ("bare", "bare Starlette, the same bytes")):
        limit = round(rates[name] / peer, 2)
        shown.append(
            Figure(f"dicomweb.wado.limit.{name}", round(rates[name], 1), "/s", ">= 1", f"{told} : {orthanc}", limit)
        )
    return shown


def in_turns(node: str, peer: str, rows: Mapping[str, tuple[Sequence[str], str, int]], rounds: int) -> Iterator[Figure]:
    """One client on one connection, request after request: the best round of each.

    :param rows: by name the paths, what is accepted, and the instances of one answer.
    """
    for name, (paths, accept, count) in rows.items():
        rates = {"node": 0.0, "peer": 0.0}
        for _round in range(rounds):
            for asked, url in (("node", node), ("peer", peer)):
                rates[asked] = max(rates[asked], count * _rate(url, paths, accept))
        ratio = round(rates["node"] / rates["peer"], 2)
        told = f"Orthanc {rates['peer']:.0f}/s"
        yield Figure(f"dicomweb.{name}", round(rates["node"], 1), "instances/s", ">= 1", told, ratio)


def _rate(url: str, paths: Sequence[str], accept: str) -> float:
    """Requests a second."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    buffer = bytearray(BUFFER)
    begun = time.perf_counter()
    for path in paths:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.read(200)!r}")
        while answer.readinto(buffer):
            pass
    taken = time.perf_counter() - begun
    connection.close()
    return len(paths) / taken


@contextmanager
def limits(folder: Path, archive: Path, answer: bytes) -> Iterator[tuple[str, str]]:
    """URLs of nginx over the files, and of a bare Starlette application that has one answer."""
    port, other = free_port(), free_port()
    (folder / "answer.json").write_bytes(answer)
    (folder / "nginx.conf").write_text(_plain(archive, folder, port))
    command = [program("nginx", "nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with (
        serving(command, port, folder / "nginx.log"),
        serving(bare(folder, other), other, folder / "bare.log"),
    ):
        yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}"


def _plain(archive: Path, folder: Path, port: int) -> str:
    user = "user root;" if os.getuid() == 0 else ""
    return f"""{user} worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {archive}; }}
}}
"""
