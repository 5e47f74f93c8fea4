"""Storing by DICOMweb beside Orthanc: the same CT slices, one client, one object and many objects in a request.

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
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset
from auth.appointments import Appointments
from auth.keyset import SigningKey
from bench import orthanc
from bench.broker import tokens
from bench.dicomweb import OBIA, SET, WEB, write_slices
from bench.figure import Figure
from bench.member import DAY, MOMENT, database, running
from bench.processes import free_port, serving
from migrations.schema import upgrade

CACHE = Path(".bench/stow").absolute()
BOUNDARY = "bench-boundary"
BATCH = 64  # objects of a request with many
ROUNDS = 4


def prepare(seed: int) -> None:
    """512 slices of 128 studies."""
    if not (CACHE / "made").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        (CACHE / "slices").mkdir(parents=True)
        write_slices(CACHE / "slices", seed)
        (CACHE / "made").touch()


def run(*, quick: bool, seed: int) -> list[Figure]:  # noqa: ARG001 - every benchmark takes a seed
    """Objects per second, node and peer in turns, each round on its own part of the slices.

    :raises PeerAbsent: if Orthanc is not installed.
    """
    files = [path.read_bytes() for path in sorted((CACHE / "slices").glob("*.dcm"))]
    files = files[: len(files) // 2] if quick else files
    rates: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory(dir=CACHE) as work, _node(Path(work)) as (url, token), _peer(Path(work)) as peer:
        step = len(files) // (2 * ROUNDS)
        for number in range(ROUNDS):
            for part, batch in ((2 * number, 1), (2 * number + 1, BATCH)):
                chosen = files[part * step : (part + 1) * step]
                for name, base, bearer in (("node", url, token), ("peer", peer, "")):
                    rates.setdefault((name, batch), []).append(_rate(base, bearer, chosen, batch))
    return [_figure(rates, "one", 1), _figure(rates, "many", BATCH)]


def _figure(rates: dict[tuple[str, int], list[float]], name: str, batch: int) -> Figure:
    ours, theirs = max(rates["node", batch]), max(rates["peer", batch])
    peer = f"Orthanc {theirs:.0f}/s"
    return Figure(f"stow.{name}", round(ours, 1), "objects/s", ">= 2", peer, round(ours / theirs, 2))


def _rate(url: str, token: str, files: Sequence[bytes], batch: int) -> float:
    """Objects per second that are stored over one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
        "Accept": "application/dicom+json",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    bodies = [b"".join(_parts(files[at : at + batch])) for at in range(0, len(files), batch)]
    begun = time.perf_counter()
    for body in bodies:
        connection.request("POST", f"{WEB}/studies", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 202) or _failed(said):
            raise RuntimeError(f"{url}: {answer.status} {said[:300]!r}")
    seconds = time.perf_counter() - begun
    connection.close()
    return len(files) / seconds


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
    with serving(command, port, folder / "broker.log"), running(folder, **given) as (url, _):
        (token,) = tokens(issuer, key, 1)
        yield url, token


@contextmanager
def _peer(folder: Path) -> Iterator[str]:
    with orthanc.running(folder / "orthanc") as url:
        yield url
