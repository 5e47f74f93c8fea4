"""Storing by DICOMweb beside Orthanc: the same CT slices, by one client and by several, one and many in a request.

Both write durably before they answer: the node into quarantine and its catalog, Orthanc into its storage and index.
"""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset
from auth.appointments import Appointments
from auth.keyset import SigningKey
from bench import orthanc
from bench.broker import tokens
from bench.dicomweb import OBIA, SET, WEB, write_large, write_slices
from bench.figure import Figure
from bench.member import DAY, MOMENT, database, running
from bench.processes import free_port, serving
from migrations.schema import upgrade

CACHE = Path(".bench/stow").absolute()
MADE = "made.2"
BOUNDARY = "bench-boundary"
PIECE = 64  # objects of a round
BATCH = 64  # objects of a request with many
SENDERS = 8
ROUNDS = 4
WORKERS = 2  # Orthanc's threads have both cores too


@dataclass(frozen=True)
class Row:
    """How objects are sent, so many in a request by so many clients at once."""

    batch: int
    senders: int
    target: str


ROWS = {
    "one": Row(1, 1, ">= 2"),
    "many": Row(BATCH, 1, ">= 2"),
    "senders": Row(1, SENDERS, ">= 1"),
    "large": Row(BATCH, 1, ">= 1"),  # the only ones of 512 x 512
}


def prepare(seed: int) -> None:
    """Small slices of 256 studies, and large ones of one series for each round."""
    if not (CACHE / MADE).exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        for number in range(2):
            (CACHE / f"small-{number}").mkdir(parents=True)
            write_slices(CACHE / f"small-{number}", 2 * seed + number)
        for number in range(ROUNDS):
            write_large(CACHE / f"large-{number}", 2 * seed + 100_000 + number)
        (CACHE / MADE).touch()


def run(*, quick: bool, seed: int) -> list[Figure]:  # noqa: ARG001 - every benchmark takes a seed
    """Objects per second, node and peer in turns, each round on slices of its own; the best round of each.

    :raises PeerAbsent: if Orthanc is not installed.
    """
    small = iter([path.read_bytes() for path in sorted(CACHE.glob("small-*/*.dcm"))])
    rates: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(dir=CACHE) as work, _node(Path(work)) as (url, token), _peer(Path(work)) as peer:
        for number in range(ROUNDS // 2 if quick else ROUNDS):
            for name, row in ROWS.items():
                large = [path.read_bytes() for path in sorted(CACHE.glob(f"large-{number}/*.dcm"))]
                chosen = large if name == "large" else list(islice(small, PIECE))
                for whose, base, bearer in (("node", url, token), ("peer", peer, "")):
                    rates.setdefault((whose, name), []).append(_together(base, bearer, chosen, row))
    return [_figure(rates, name, row.target) for name, row in ROWS.items()]


def _figure(rates: dict[tuple[str, str], list[float]], name: str, target: str) -> Figure:
    ours, theirs = max(rates["node", name]), max(rates["peer", name])
    peer = f"Orthanc {theirs:.0f}/s"
    return Figure(f"stow.{name}", round(ours, 1), "objects/s", target, peer, round(ours / theirs, 2))


def _together(url: str, token: str, files: Sequence[bytes], row: Row) -> float:
    """Objects per second of all senders."""
    bodies = [b"".join(_parts(files[at : at + row.batch])) for at in range(0, len(files), row.batch)]
    with ThreadPoolExecutor(row.senders) as pool:
        begun = time.perf_counter()
        list(pool.map(partial(_send, url, token), (bodies[one :: row.senders] for one in range(row.senders))))
        return len(files) / (time.perf_counter() - begun)


def _send(url: str, token: str, bodies: Sequence[bytes]) -> None:
    """Store over one connection, request after request."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
        "Accept": "application/dicom+json",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    for body in bodies:
        connection.request("POST", f"{WEB}/studies", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 202) or _failed(said):
            raise RuntimeError(f"{url}: {answer.status} {said[:300]!r}")
    connection.close()


def _failed(said: bytes) -> bool:
    """Whether the answer names an object that was not stored."""
    return bool(json.loads(said).get("00081198", {}).get("Value"))


def _parts(files: Sequence[bytes]) -> Iterator[bytes]:
    for content in files:
        yield f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield content
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def _node(folder: Path) -> Iterator[tuple[str, str]]:
    """URL of a member that takes images in, and the token of a submitter."""
    (folder / "archive").mkdir()
    engine = connect(database(folder))
    upgrade(engine, "member")
    with writing(engine).begin() as connection:
        moment = {"created_at": MOMENT, "updated_at": MOMENT}
        connection.execute(insert(Dataset).values(**{**SET, "release_date": DAY}, **moment))
    Appointments(engine).appoint(SET["accession"], "caller-0", "submitter")
    engine.dispose()
    key, port = SigningKey.generate(), free_port()
    (folder / "key.json").write_text(json.dumps(key.private_jwk()))
    issuer = f"http://127.0.0.1:{port}"
    images = {"quarantine": str(folder / "quarantine"), "store": "archive", "key": "5a" * 32}
    command = [sys.executable, "-m", "bench.broker", str(port), str(folder / "key.json")]
    given = {**OBIA, "images": images, "broker": {"issuer": issuer, "client_id": "bench"}}
    given["listen"] = {"port": free_port(), "workers": WORKERS}
    with serving(command, port, folder / "broker.log"), running(folder, **given) as (url, _):
        (token,) = tokens(issuer, key, 1)
        yield url, token


@contextmanager
def _peer(folder: Path) -> Iterator[str]:
    with orthanc.running(folder / "orthanc") as url:
        yield url
