"""A GSA-Human member with many files, made for benchmarks: its catalog, its archive and its configuration."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import yaml
from sqlalchemy import insert

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Checksum, Dataset, File, Location
from bench.processes import free_port, serving
from migrations.schema import upgrade

SETS = 200
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
DAY = dt.date(2026, 1, 2)
BLOCK = 2000


def file_id(number: int) -> str:
    """Id of the file of that number, from 1."""
    return f"HRR{number:06}-01"


def make(folder: Path, files: int) -> None:
    """Make the member, unless it is there: ``files`` files in 200 data sets, every second one controlled."""
    done = folder / f"made.{files}"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "archive").mkdir(parents=True)
    engine = connect(database(folder))
    upgrade(engine, "member")
    with writing(engine).begin() as connection:
        connection.execute(insert(Dataset), [_dataset(number) for number in range(1, SETS + 1)])
        for first in range(1, files + 1, BLOCK):
            numbers = range(first, min(first + BLOCK, files + 1))
            connection.execute(insert(File), [_file(number) for number in numbers])
            connection.execute(insert(Checksum), [row for number in numbers for row in _checksums(number)])
            connection.execute(insert(Location), [_location(number) for number in numbers])
    engine.dispose()
    done.touch()


def database(folder: Path) -> str:
    """URL of the member's database."""
    return f"sqlite:///{folder / 'catalog.sqlite'}"


def _dataset(number: int) -> dict[str, Any]:
    controlled = number % 2 == 0
    return {
        "accession": f"HRA{number:06}",
        "title": f"Study {number}",
        "tier": "controlled" if controlled else "open",
        "dac": "HDAC000001" if controlled else None,
        "release_date": DAY,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }


def _file(number: int) -> dict[str, Any]:
    name = f"{file_id(number)}.fastq.gz"
    dataset = f"HRA{number % SETS + 1:06}"
    return {"id": file_id(number), "dataset": dataset, "name": name, "size": 10_000 + number, "created_at": MOMENT}


def _checksums(number: int) -> list[dict[str, Any]]:
    id = file_id(number)
    return [
        {"file": id, "type": "md5", "value": f"{number:032x}"},
        {"file": id, "type": "sha-256", "value": f"{number:064x}"},
    ]


def _location(number: int) -> dict[str, Any]:
    return {"file": file_id(number), "store": "archive", "key": f"{file_id(number)}.fastq.gz"}


@contextmanager
def running(folder: Path, **given: Any) -> Iterator[tuple[str, Popen[bytes]]]:
    """The member as ``gsanode serve`` runs it; its public URL and its process.

    :param given: settings beside those that every member needs.
    """
    port = given.get("listen", {}).get("port") or free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "kind": "member",
        "member": "gsa-human",
        "public_url": url,
        "listen": {"port": port},
        "database": database(folder),
        "organization": {"id": "org.example.bench", "name": "Benchmark", "url": "https://example.org"},
        "drs_host": "gsa-human.localhost",
        "stores": {"archive": {"kind": "local", "root": str(folder / "archive")}},
        "broker": {"issuer": "http://127.0.0.1:1", "client_id": "gsa-human"},
        "trust": [],
        "url_key": "ab" * 32,
        **given,
    }
    path = folder / "member.yaml"
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "node.cli", "serve", str(path)]
    with serving(command, port, folder / "member.log") as process:
        yield url, process
