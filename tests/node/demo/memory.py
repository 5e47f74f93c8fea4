"""A process's memory, searched for texts while it runs (Linux)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 24
OVERLAP = 64


def texts_in_memory(pid: int, wanted: Iterable[str]) -> set[str]:
    """Those of ``wanted`` (ASCII, at most 64 characters) that are anywhere in the writable memory of a process."""
    pattern = re.compile(b"|".join(re.escape(text.encode()) for text in sorted(wanted)))
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _writable(pid):
            for at in range(start, end, CHUNK):
                memory.seek(at)
                try:
                    piece = memory.read(min(CHUNK + OVERLAP, end - at))
                except OSError:  # given back to the system since the map was read
                    continue
                found.update(hit.decode() for hit in pattern.findall(piece))
    return found


def _writable(pid: int) -> Iterable[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *_ = line.split()
        if rights.startswith("rw"):
            start, _, end = place.partition("-")
            yield int(start, 16), int(end, 16)
