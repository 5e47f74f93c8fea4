"""A manifest as text: a table, JSON, a list for aria2, a script for wget.

Names come from members and are not trusted: every path is relative, of harmless characters, and each only once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

COLUMNS = ("drs_uri", "path", "name", "size", "sha-256", "md5", "node", "dataset", "person")
HARMFUL = re.compile(r"[^\w.+=@-]", re.ASCII)
BREAKS = re.compile(r"[\x00-\x1f\x7f]")
PROGRAMS = {"sha-256": "sha256sum", "md5": "md5sum"}  # strongest first
URL = re.compile(r"(https?|ftp)://[\x21-\x7e]+")


@dataclass(frozen=True)
class Entry:
    """A file of a manifest.

    :param path: where to put it, relative, ``DATASET/NAME``.
    :param size: bytes.
    :param checksums: hexadecimal, by DRS type.
    :param persons: who is in it, as the answer names them.
    :param url: where its bytes are for now; only in lists for programs that do not speak DRS.
    """

    drs_uri: str
    path: str
    name: str
    size: int
    checksums: Mapping[str, str]
    node: str
    dataset: str
    persons: Sequence[str]
    url: str | None = None


@dataclass(frozen=True)
class Manifest:
    """Files, and what is not among them.

    :param left_out: (node and id, why) of files that the caller cannot have.
    :param people: whose files these are, of ``all_people`` that the caller may see; ``skip`` pages of ``limit`` before.
    """

    entries: Sequence[Entry]
    left_out: Sequence[tuple[str, str]]
    people: int
    all_people: int
    skip: int
    limit: int

    def remarks(self) -> list[str]:
        """What a reader must know who believes that these are all files."""
        told = [f"left out: {name}: {why}" for name, why in self.left_out]
        if self.people < self.all_people:
            told.append(
                f"{self.people} of {self.all_people} people (skip {self.skip}, limit {self.limit});"
                " ask with another skip for the others"
            )
        return [BREAKS.sub(" ", line) for line in told]


def paths(named: Iterable[tuple[str, str, str]]) -> list[str]:
    """A path for each (data set, file name, id): ``DATASET/NAME``, with the id before a name that is taken."""
    taken: set[str] = set()
    made = []
    for dataset, name, id in named:
        folder, file = _harmless(dataset), _harmless(name)
        path = f"{folder}/{file}"
        if path.casefold() in taken:
            path = f"{folder}/{_harmless(id)}-{file}"
        while path.casefold() in taken:
            path += "_"
        taken.add(path.casefold())
        made.append(path)
    return made


def _harmless(name: str) -> str:
    """A single step of a path: no separators, no hidden file, never empty, at most 200 characters."""
    return HARMFUL.sub("_", name).lstrip(".-")[:200] or "file"


def listable(url: str, kinds: Collection[str]) -> bool:
    """Whether a file can stand in a list: its URL http, https or ftp in one line, a checksum that programs know."""
    return URL.fullmatch(url) is not None and not PROGRAMS.keys().isdisjoint(kinds)


def tsv(manifest: Manifest) -> bytes:
    """A line per file after remarks (beginning with ``#``) and the names of the columns."""
    lines = [f"# {remark}" for remark in manifest.remarks()]
    lines.append("\t".join(COLUMNS))
    for entry in manifest.entries:
        sums = (entry.checksums.get("sha-256", ""), entry.checksums.get("md5", ""))
        row = (entry.drs_uri, entry.path, entry.name, str(entry.size), *sums, entry.node, entry.dataset)
        lines.append("\t".join(BREAKS.sub(" ", cell) for cell in (*row, ",".join(entry.persons))))
    return ("\n".join(lines) + "\n").encode()


def json(manifest: Manifest) -> bytes:
    """The document of ``specs/federation.yaml`` (Manifest)."""
    document: dict[str, Any] = {
        "files": [_described(entry) for entry in manifest.entries],
        "totalSize": sum(entry.size for entry in manifest.entries),
        "leftOut": [{"object": name, "reason": why} for name, why in manifest.left_out],
        "people": manifest.people,
        "numRecords": manifest.all_people,
        "skip": manifest.skip,
        "limit": manifest.limit,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "drs_uri": entry.drs_uri,
        "path": entry.path,
        "name": entry.name,
        "size": entry.size,
        "checksums": [{"type": kind, "checksum": value} for kind, value in sorted(entry.checksums.items())],
        "node": entry.node,
        "dataset": entry.dataset,
        "persons": list(entry.persons),
    }


def aria2(manifest: Manifest) -> bytes:
    """An input file of aria2 (``aria2c -i FILE``): it resumes and verifies. The URLs expire."""
    lines = [f"# {remark}" for remark in manifest.remarks()]
    for entry in manifest.entries:
        lines += [str(entry.url), f"  out={entry.path}", "  continue=true"]
        lines += [f"  checksum={kind}={value}" for kind, value in _strongest(entry)]
    return ("\n".join(lines) + "\n").encode()


SCRIPT = """#!/bin/sh
# Fetches {number} files ({size} bytes) with wget and verifies them; what is there already is kept, what is half there
# goes on. The addresses expire within the hour: get a new script then, which goes on from there.
{remarks}failed=0
fetch() {{ # URL PATH PROGRAM CHECKSUM
  if [ -e "$2" ] && echo "$4  $2" | "$3" -c - >/dev/null 2>&1; then return; fi
  mkdir -p "$(dirname "$2")"
  if wget -nv -c -O "$2.part" "$1"; then
    if echo "$4  $2.part" | "$3" -c - >/dev/null; then mv "$2.part" "$2"; return; fi
    rm "$2.part"
  fi
  echo "not fetched: $2" >&2; failed=1
}}
{fetches}
exit $failed
"""


def wget(manifest: Manifest) -> bytes:
    """A shell script that fetches with wget and verifies. The URLs expire."""
    fetches = [
        shlex.join(["fetch", str(entry.url), entry.path, PROGRAMS[kind], value])
        for entry in manifest.entries
        for kind, value in _strongest(entry)
    ]
    filled = SCRIPT.format(
        number=len(fetches),
        size=sum(entry.size for entry in manifest.entries),
        remarks="".join(f"# {remark}\n" for remark in manifest.remarks()),
        fetches="\n".join(fetches),
    )
    return filled.encode()


def _strongest(entry: Entry) -> list[tuple[str, str]]:
    """The strongest checksum of a file that programs know."""
    return [(kind, entry.checksums[kind]) for kind in PROGRAMS if kind in entry.checksums][:1]


@dataclass(frozen=True)
class Format:
    """A way to write a manifest. ``urls``: it needs byte URLs, so only files that the caller may fetch are in it."""

    name: str
    media_type: str
    write: Callable[[Manifest], bytes]
    file: str
    urls: bool = False


FORMATS = {
    made.name: made
    for made in (
        Format("tsv", "text/tab-separated-values", tsv, "manifest.tsv"),
        Format("json", "application/json", json, "manifest.json"),
        Format("aria2", "text/plain", aria2, "manifest.aria2.txt", urls=True),
        Format("wget", "application/x-sh", wget, "manifest.sh", urls=True),
    )
}
