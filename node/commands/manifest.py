"""Manifests as the gateway writes them: a table or JSON, read with every mistake named by its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

REMARK = "#"
SUMS = ("sha-256", "sha-512", "md5", "sha1")


class BadManifest(ValueError):
    """The file is no manifest; the message names the place and what is allowed."""


def _inside(path: Any) -> Any:
    """A path that stays below the folder it is put in."""
    parts = PurePosixPath(path).parts if isinstance(path, str) else ()
    harmless = bool(parts) and not any(part in ("..", ".", "/") or part.startswith("/") for part in parts)
    if not harmless or "\\" in path or any(ord(char) < 32 for char in path):
        raise ValueError("must be a relative path without '..'")
    return path


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    drs_uri: str = Field(pattern=r"^drs://[^\s]{1,600}$")
    path: Annotated[str, BeforeValidator(_inside), Field(min_length=1, max_length=1000)]
    size: int = Field(ge=0)
    checksums: dict[str, Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8,128}$")]] = Field(min_length=1)


@dataclass(frozen=True)
class Wanted:
    """A file to fetch. ``path`` is relative; ``size`` in bytes and ``checksums`` (hexadecimal, by DRS type) as far as
    a manifest says."""

    uri: str
    path: str | None = None
    size: int | None = None
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What to fetch, and what the manifest says is not in it."""

    files: Sequence[Wanted]
    remarks: Sequence[str]


def read(path: Path) -> Manifest:
    """Read a manifest of either form.

    :raises BadManifest: naming the line or the entry.
    :raises OSError: if it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadManifest(f"{path}: is not UTF-8 text") from error
    found = list(_of_json(path, text) if text.lstrip().startswith("{") else _of_table(path, text))
    files = [_wanted(place, row) for place, row in found]
    _unique(path, files)
    return Manifest(files, list(_remarks(text)))


def _of_table(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    rows = [(number, line) for number, line in lines if not line.startswith(REMARK)]
    if not rows:
        raise BadManifest(f"{path}: is empty; a manifest of the gateway (TSV or JSON) is expected")
    head = next(csv.reader(io.StringIO(rows[0][1]), delimiter="\t", quoting=csv.QUOTE_NONE))
    missing = [name for name in ("drs_uri", "path", "size") if name not in head]
    if missing:
        raise BadManifest(
            f"{path}: line {rows[0][0]}: there is no column {missing[0]!r}; the first line names the columns"
        )
    for number, line in rows[1:]:
        cells = line.split("\t")
        place = f"{path}: line {number}"
        if len(cells) != len(head):
            raise BadManifest(f"{place}: has {len(cells)} cells, the first line {len(head)}")
        row: dict[str, Any] = dict(zip(head, cells, strict=True))
        row["checksums"] = {kind: row[kind] for kind in SUMS if row.get(kind)}
        yield place, row


def _of_json(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadManifest(f"{path}: is not JSON: {error}") from error
    listed = document.get("files")
    if not isinstance(listed, list):
        raise BadManifest(f"{path}: has no list 'files'")
    for number, row in enumerate(listed):
        place = f"{path}: files[{number}]"
        if not isinstance(row, dict) or not isinstance(row.get("checksums"), list):
            raise BadManifest(f"{place}: must be an object with a list of checksums")
        sums = [one for one in row["checksums"] if isinstance(one, dict)]
        yield place, {**row, "checksums": {str(one.get("type")): one.get("checksum") for one in sums}}


def _wanted(place: str, row: dict[str, Any]) -> Wanted:
    try:
        read = _Row.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BadManifest(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return Wanted(read.drs_uri, read.path, read.size, read.checksums)


def _unique(path: Path, files: Sequence[Wanted]) -> None:
    seen: set[str] = set()
    for file in files:
        if str(file.path).casefold() in seen:
            raise BadManifest(f"{path}: two files have the path {file.path!r}")
        seen.add(str(file.path).casefold())


def _remarks(text: str) -> Iterator[str]:
    """What the manifest says of itself: comments of a table, what JSON lists as left out."""
    if not text.lstrip().startswith("{"):
        yield from (line.lstrip("# ") for line in text.splitlines() if line.startswith(REMARK))
        return
    document = json.loads(text)
    for one in document.get("leftOut", []):
        yield f"left out: {one.get('object')}: {one.get('reason')}"
    if document.get("people", 0) < document.get("numRecords", 0):
        yield f"{document['people']} of {document['numRecords']} people; ask with another skip for the others"
