"""``gsanode download``: fetch ``drs://`` objects, resumed where a former attempt ended, and verified."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any

import requests
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from node.commands.client import Client, ClientFile, client, secret
from node.commands.process import fail

CHUNK = 1 << 20
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
HASHES = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5", "sha1": "sha1"}

download = typer.Typer()


@download.command("download")
def fetch(
    uris: Annotated[list[str], typer.Argument(help="drs://HOST/ID, one or more")],
    out: Annotated[Path, typer.Option(help="folder that takes the files", file_okay=False)] = Path(),
    passport_env: Annotated[str, typer.Option(help="environment variable that holds a Passport")] = "",
    client_file: ClientFile = None,
) -> None:
    """Fetch files whole: what is already there is kept, what is half there goes on, checksums are compared."""
    given = client(client_file)
    passports = [secret(passport_env)] if passport_env else []
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        for uri in uris:
            try:
                path = _one(given, uri, passports, out, progress)
            except (ValueError, OSError) as error:
                typer.echo(f"gsanode: {uri}: {error}", err=True)
                failed += 1
            else:
                typer.echo(str(path))
    if failed:
        fail(f"{failed} of {len(uris)} objects were not fetched", 1)


def _one(given: Client, uri: str, passports: list[str], out: Path, progress: Progress) -> Path:
    """Fetch one object; ``requests`` errors are OSErrors.

    :raises ValueError: for a URI, an answer or bytes that are not as they must be.
    """
    objects = given.objects(uri)
    record = _asked(objects, passports)
    target = out / Path(record.get("name") or record["id"]).name
    task = progress.add_task(target.name, total=record["size"])
    if target.exists() and target.stat().st_size == record["size"] and _fault(target, record) is None:
        progress.update(task, completed=record["size"])
        return target
    method = next((m["access_id"] for m in record["access_methods"] if m.get("access_id")), None)
    if method is None:
        raise ValueError("the object has no access method that this command knows")
    url = _asked(f"{objects}/access/{method}", passports)["url"]
    part = target.with_name(target.name + ".part")
    _append(url, part, record["size"], progress, task)
    fault = _fault(part, record)
    if fault:
        part.unlink()
        raise ValueError(fault)
    part.replace(target)
    return target


def _asked(url: str, passports: list[str]) -> Any:
    """The answer of a DRS operation."""
    if passports:
        answer = requests.post(url, json={"passports": passports}, timeout=TIMEOUT)
    else:
        answer = requests.get(url, timeout=TIMEOUT)
    if answer.status_code == 202:
        raise ValueError(f"the bytes come from tape; ask again in {answer.headers.get('Retry-After', '?')} seconds")
    if answer.status_code != 200:
        try:
            said = answer.json().get("msg", "")
        except ValueError:
            said = ""
        raise ValueError(f"HTTP {answer.status_code} {said}".rstrip())
    return answer.json()


def _append(url: str, part: Path, size: int, progress: Progress, task: Any) -> None:
    """Fetch what ``part`` still lacks and make it durable."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        have = have if answer.status_code == 206 else 0
        progress.update(task, completed=have)
        with part.open("ab" if have else "wb") as file:
            for piece in answer.iter_content(CHUNK):
                file.write(piece)
                progress.advance(task, len(piece))
            file.flush()
            os.fsync(file.fileno())


def _fault(path: Path, record: Any) -> str | None:
    """What is wrong with the bytes, or None."""
    if path.stat().st_size != record["size"]:
        return f"has {path.stat().st_size} bytes, the record says {record['size']}"
    known = [(HASHES[c["type"]], c["checksum"]) for c in record["checksums"] if c["type"] in HASHES]
    if not known:
        return "has no checksum of a kind that can be verified"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, known[0][0]).hexdigest()
    return None if digest == known[0][1] else f"{known[0][0]} differs from the record's"
