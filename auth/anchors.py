"""Anchors of the audit log: the head of the chain, noted where whoever can write the database cannot.

A file of lines ``SEQUENCE DIGEST TIME``, only ever appended to. It belongs on another machine or on storage that cannot
be overwritten; what happened before an anchor can then neither be rewritten nor cut off.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import Engine

from auth import audit

LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64}) (\d{1,12})")


class DamagedAnchors(ValueError):
    """A line that is no anchor, or one that contradicts another."""


def note(engine: Engine, path: Path, now: int) -> bool:
    """Append the present head to ``path``, unless it is there; whether a line was written.

    :param now: epoch seconds.
    :raises DamagedAnchors: the file is none of anchors.
    """
    sequence, digest = audit.head(engine)
    if sequence == 0 or read(path).get(sequence) == digest:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{sequence} {digest} {now}\n")
        file.flush()
        os.fsync(file.fileno())
    return True


def read(path: Path) -> dict[int, str]:
    """Digests by sequence; empty if there is no file yet.

    :raises DamagedAnchors: naming the line.
    """
    found: dict[int, str] = {}
    if not path.exists():
        return found
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None or found.setdefault(int(match[1]), match[2]) != match[2]:
            raise DamagedAnchors(f"{path}, line {number}: not an anchor, or one that contradicts another")
    return found
