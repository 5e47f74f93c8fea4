"""CRAI, the index of CRAM (CRAM specification section 12): gzipped lines, one per slice and reference.

Each has six tab-separated integers: reference (-1 unplaced, -2 several), first base (1-based), bases, byte of the
container, byte of the slice in it, bytes of the slice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from adapters.reads.errors import DamagedIndex
from adapters.reads.index import inflated

UNPLACED = -1
SEVERAL = -2
FIELDS = 6
LARGEST = 1 << 62
LARGEST_TEXT = 1 << 25  # bytes, inflated: a million slices


@dataclass(frozen=True)
class Slices:
    """Slices of one reference by their first base.

    :param starts: first bases, 0-based, ascending.
    :param ends: bases after the last.
    :param reach: the largest of ``ends`` so far.
    :param containers: bytes at which the containers begin.
    """

    starts: array[int]
    ends: array[int]
    reach: array[int]
    containers: array[int]

    def among(self, start: int, end: int | None) -> range:
        """Places of the slices among which those are that reach into ``start`` … ``end`` (0-based, half-open)."""
        return range(
            bisect_right(self.reach, start), len(self.starts) if end is None else bisect_left(self.starts, end)
        )

    def overlapping(self, start: int, end: int | None) -> set[int]:
        """Containers with a slice that may hold records of ``start`` … ``end`` (0-based, half-open)."""
        return {self.containers[at] for at in self.among(start, end) if self.ends[at] > start}


@dataclass(frozen=True)
class ContainerIndex:
    """A parsed CRAI.

    :param containers: bytes at which containers begin, ascending, each once.
    :param weight: bytes of memory it takes, roughly.
    :param seen: for each of ``containers``, 1 once the file was seen to have one there.
    """

    slices: dict[int, Slices]
    containers: array[int]
    weight: int
    seen: bytearray

    def unseen(self, containers: set[int]) -> set[int]:
        """Those of the bytes at which the file was not yet seen to have a container."""
        return {begin for begin in containers if (place := self._place(begin)) is None or not self.seen[place]}

    def see(self, containers: set[int]) -> None:
        """The file has containers at these bytes."""
        for begin in containers:
            if (place := self._place(begin)) is not None:
                self.seen[place] = 1

    def effort(self, reference: int, start: int, end: int | None) -> int:
        """How many slices :meth:`overlapping` looks at, for the same region."""
        several, own = self.slices.get(SEVERAL), self.slices.get(reference)
        return (len(several.starts) if several else 0) + (len(own.among(start, end)) if own else 0)

    def overlapping(self, reference: int, start: int, end: int | None) -> set[int]:
        """Bytes at which the containers begin that may hold records of a region (0-based, half-open)."""
        several = self.slices.get(SEVERAL)
        found = set(several.containers) if several else set()
        own = self.slices.get(reference)
        return found | own.overlapping(start, end) if own else found

    def _place(self, container: int) -> int | None:
        place = bisect_left(self.containers, container)
        return place if place < len(self.containers) and self.containers[place] == container else None

    def unplaced(self) -> set[int]:
        """Bytes at which the containers begin that may hold unplaced reads."""
        found: set[int] = set()
        for reference in (UNPLACED, SEVERAL):
            if reference in self.slices:
                found.update(self.slices[reference].containers)
        return found

    def after(self, container: int) -> int | None:
        """Byte at which the container after ``container`` begins, None for the last."""
        place = bisect_right(self.containers, container)
        return self.containers[place] if place < len(self.containers) else None


def parse_crai(data: bytes) -> ContainerIndex:
    """Parse a CRAI, gzipped or plain.

    :raises DamagedIndex: if a line is not six integers, or the file is cut off or too long.
    """
    text = inflated(data, LARGEST_TEXT) if data[:2] == b"\x1f\x8b" else data
    if len(text) > LARGEST_TEXT:
        raise DamagedIndex(f"the CRAI has {len(text)} bytes; at most {LARGEST_TEXT} are read")
    entries: dict[int, list[tuple[int, int, int]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        reference, start, bases, container = _entry(line, number)
        first = max(start - 1, 0)
        entries.setdefault(reference, []).append((first, first + max(bases, 1), container))
    containers = array("q", sorted({entry[2] for found in entries.values() for entry in found}))
    slices = {reference: _slices(sorted(found)) for reference, found in entries.items()}
    return ContainerIndex(slices, containers, len(text), bytearray(len(containers)))


def _entry(line: bytes, number: int) -> tuple[int, int, int, int]:
    try:
        values = [int(field) for field in line.split(b"\t")]
    except ValueError as error:
        raise DamagedIndex(f"line {number} of the CRAI has a field that is no integer") from error
    if len(values) != FIELDS or not all(-2 <= value < LARGEST for value in values) or values[3] < 0:
        raise DamagedIndex(f"line {number} of the CRAI is not six integers of its ranges")
    return values[0], values[1], values[2], values[3]


def _slices(entries: Iterable[tuple[int, int, int]]) -> Slices:
    found = list(entries)
    ends = array("q", [entry[1] for entry in found])
    return Slices(
        array("q", [entry[0] for entry in found]),
        ends,
        array("q", accumulate(ends, max)),
        array("q", [entry[2] for entry in found]),
    )
