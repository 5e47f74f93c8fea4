"""Hierarchical binning: which stretches of a file may hold records of a region (SAM specification, section 5).

Bins are numbered breadth first: bin 0 spans everything, its eight children a eighth each, down to leaves of
``1 << min_shift`` bases. Stretches are pairs of virtual offsets, begin inclusive and end exclusive, and both are
boundaries of records.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

Chunk = tuple[int, int]
NOWHERE = 1 << 64


def first_bin(level: int) -> int:
    """Number of the first bin of a level; level 0 is the root."""
    return ((1 << 3 * level) - 1) // 7


@dataclass(frozen=True)
class Reference:
    """The bins of one reference sequence.

    :param bins: bin numbers, ascending, without the pseudo-bin of counts.
    :param begins: for each bin the place of its first chunk in ``chunks``; one entry more than ``bins``.
    :param chunks: begin, end, begin, end … as virtual offsets.
    :param firsts: CSI only: for each bin the virtual offset of the first record that overlaps it.
    :param linear: BAI and TBI only: for each window of ``1 << min_shift`` bases the same.
    """

    bins: array[int]
    begins: array[int]
    chunks: array[int]
    firsts: array[int] | None
    linear: array[int]

    def chunks_of(self, place: int) -> Iterator[Chunk]:
        """The chunks of the bin that is at ``place`` in ``bins``."""
        for at in range(self.begins[place] * 2, self.begins[place + 1] * 2, 2):
            yield self.chunks[at], self.chunks[at + 1]

    def find(self, number: int) -> int | None:
        """Place of a bin in ``bins``, or None."""
        place = bisect_left(self.bins, number)
        return place if place < len(self.bins) and self.bins[place] == number else None

    @cached_property
    def last(self) -> int:
        """Virtual offset after the last record, 0 if there is none."""
        return max(self.chunks[1::2], default=0)


@dataclass(frozen=True)
class BinnedIndex:
    """A parsed BAI, CSI or TBI.

    :param min_shift: log2 of the bases of a leaf.
    :param depth: levels below the root.
    :param names: names of the references where the index gives them (tabix), else None.
    :param weight: bytes of memory it takes, roughly.
    """

    min_shift: int
    depth: int
    references: tuple[Reference, ...]
    names: tuple[str, ...] | None
    weight: int

    def chunks(self, number: int, start: int, end: int | None) -> list[Chunk]:
        """Chunks that together hold every record of reference ``number`` overlapping ``start`` … ``end``.

        :param start: first base, 0-based.
        :param end: base after the last, or None for the end of the reference.
        """
        longest = 1 << (self.min_shift + 3 * self.depth)
        end = longest if end is None else min(end, longest)
        if number >= len(self.references) or start >= end:
            return []
        reference = self.references[number]
        earliest = self._earliest(reference, start)
        latest = self._latest(reference, end)
        found = (
            (max(begin, earliest), min(stop, latest))
            for place in self._overlapping(reference, start, end)
            for begin, stop in reference.chunks_of(place)
        )
        return [chunk for chunk in found if chunk[0] < chunk[1]]

    @cached_property
    def after_placed(self) -> int:
        """Virtual offset after the last record that has a place; 0 if there is none."""
        return max((reference.last for reference in self.references), default=0)

    def _overlapping(self, reference: Reference, start: int, end: int) -> Iterator[int]:
        for level in range(self.depth + 1):
            shift = self.min_shift + 3 * (self.depth - level)
            low = first_bin(level) + (start >> shift)
            high = first_bin(level) + (end - 1 >> shift)
            yield from range(bisect_left(reference.bins, low), bisect_right(reference.bins, high))

    def _earliest(self, reference: Reference, start: int) -> int:
        """A record boundary before which no record reaches ``start``.

        Writers leave unmapped reads out of the linear index although they have a place, and such a read may precede
        the first mapped one of its window. So the window before is asked.
        """
        window = (start >> self.min_shift) - 1
        if window < 0:
            return 0
        if reference.firsts is None:
            windows = reference.linear
            return windows[min(window, len(windows) - 1)] if windows else 0
        number = first_bin(self.depth) + window
        while number:
            place = reference.find(number)
            if place is not None:
                return reference.firsts[place]
            # Left neighbours hold earlier records; before the first child comes the parent.
            number = number - 1 if number % 8 != 1 else number - 1 >> 3
        place = reference.find(0)
        return 0 if place is None else reference.firsts[place]

    def _latest(self, reference: Reference, end: int) -> int:
        """A record boundary after which every record begins at ``end`` or later."""
        number = first_bin(self.depth) + (end - 1 >> self.min_shift) + 1
        if number >= first_bin(self.depth + 1):
            return NOWHERE
        while number:
            if number % 8 == 1:  # a first child: its parent begins at the same base
                number = number - 1 >> 3
                continue
            place = reference.find(number)
            if place is not None and reference.begins[place] < reference.begins[place + 1]:
                return min(begin for begin, _ in reference.chunks_of(place))
            number += 1
        return NOWHERE
