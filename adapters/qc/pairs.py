"""Whether the files of a set have the same reads in the same order.

Names are compared by their 62-bit hashes under a seed of this run: names that differ are told apart but for one time in
10^18, and no file can be made to deceive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from adapters.qc.findings import Finding, Place
from adapters.qc.spool import CHUNK, Spool
from adapters.qc.tally import FIRSTS, Ints, Keys

FIRST, SECOND = 1, 2


@dataclass(slots=True)
class Mismatch:
    """Reads at the same place that have different names; ``first`` are record numbers (1-based)."""

    reads: int = 0
    first: list[int] = field(default_factory=list)


def compare(a: Spool, b: Spool) -> Mismatch:
    """Compare the names of two files, read by read, as far as both go."""
    found = Mismatch()
    done = 0
    for left, right in zip_longest(a.read(), b.read()):
        if left is None or right is None:
            break
        count = min(len(left), len(right))
        _collect(found, np.flatnonzero(left[:count] >> np.uint64(2) != right[:count] >> np.uint64(2)), done, 1)
        done += count
    return found


def compare_interleaved(spool: Spool) -> tuple[Mismatch, int]:
    """Compare each first read with the one after it; also how many pairs have markers that are not 1 and 2."""
    found = Mismatch()
    unmarked = done = 0
    for keys in spool.read(2 * CHUNK):
        pairs: Keys = keys[: len(keys) // 2 * 2].reshape(-1, 2)
        names = pairs >> np.uint64(2)
        _collect(found, np.flatnonzero(names[:, 0] != names[:, 1]), done, 2)
        marks = pairs & np.uint64(3)
        plain = (marks == 0).all(axis=1)
        unmarked += int(np.count_nonzero(~plain & ((marks[:, 0] != FIRST) | (marks[:, 1] != SECOND))))
        done += len(keys)
    return found, unmarked


def _collect(found: Mismatch, at: Ints, done: int, step: int) -> None:
    found.reads += len(at)
    found.first.extend(done + step * int(i) + 1 for i in at[: FIRSTS - len(found.first)])


def is_interleaved(spool: Spool, markers: Ints) -> bool:
    """Whether a single file holds pairs: its markers are 1 and 2, and most first pairs have one name."""
    if not (markers[FIRST] and markers[SECOND]):
        return False
    keys = next(spool.read(1 << 12))
    pairs = keys[: len(keys) // 2 * 2].reshape(-1, 2)
    if not len(pairs):
        return False
    same = pairs[:, 0] >> np.uint64(2) == pairs[:, 1] >> np.uint64(2)
    return bool(np.count_nonzero(same) * 2 >= len(pairs))


def order_finding(found: Mismatch, what: str) -> list[Finding]:
    """The finding of reads that are not mates."""
    if not found.reads:
        return []
    places = tuple(Place(record) for record in found.first)
    return [
        Finding("pair-order", found.reads, "reads", f"reads at the same place have different names ({what})", places)
    ]


def count_finding(counts: list[tuple[str, int]]) -> list[Finding]:
    """The finding of files with different numbers of reads."""
    numbers = [count for _, count in counts]
    if len(set(numbers)) == 1:
        return []
    said = ", ".join(f"{name} {count:,}" for name, count in counts)
    return [Finding("pair-count", max(numbers) - min(numbers), "reads", f"numbers of reads differ: {said}")]


def marker_finding(name: str, markers: Ints, expected: int | None) -> list[Finding]:
    """The finding of mate markers that are mixed, or not the ``expected`` one; unmarked names are well."""
    marked = {mark: int(markers[mark]) for mark in (1, 2, 3) if markers[mark]}
    if not marked:
        return []
    usual = expected or max(marked, key=lambda mark: marked[mark])
    wrong = sum(count for mark, count in marked.items() if mark != usual) + int(markers[0])
    if not wrong:
        return []
    said = ", ".join(f"{count:,} × {mark}" for mark, count in marked.items())
    none = f", {int(markers[0]):,} without" if markers[0] else ""
    message = f"mate markers of {name} are not all {usual}: {said}{none}"
    return [Finding("pair-marker", wrong, "reads", message)]
