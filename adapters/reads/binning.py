"""Hierarchical binning: which stretches of a file may hold records of a region (SAM specification, section 5).

Bins are numbered breadth first: bin 0 spans everything, its eight children an eighth each, down to leaves of
``1 << min_shift`` bases. Chunks are pairs of virtual offsets, begin inclusive and end exclusive, and both are
boundaries of records.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Chunk = tuple[int, int]
NOWHERE = 1 << 64


def first_bin(level: int) -> int:
    """Number of the first bin of a level; level 0 is the root."""
    return ((1 << 3 * level) - 1) // 7


def _zero() -> array[int]:
    return array("Q", [0])


@dataclass(frozen=True)
class Bins:
    """The bins of all references, one reference after the other, in flat arrays that take no more than their file.

    :param numbers: bin numbers, ascending within a reference.
    :param firsts: CSI only: for each bin the virtual offset of the first record that overlaps it.
    :param begins: for each bin the place of its first chunk; one entry more than ``numbers``.
    :param chunks: begin, end, begin, end … as virtual offsets.
    :param windows: BAI and TBI only: for each ``1 << min_shift`` bases the first record that overlaps them.
    :param bins_of: for each reference the place of its first bin; one entry more than there are references.
    :param windows_of: likewise the place of its first window.
    """

    numbers: array[int] = field(default_factory=lambda: array("I"))
    firsts: array[int] = field(default_factory=lambda: array("Q"))
    begins: array[int] = field(default_factory=_zero)
    chunks: array[int] = field(default_factory=lambda: array("Q"))
    windows: array[int] = field(default_factory=lambda: array("Q"))
    bins_of: array[int] = field(default_factory=_zero)
    windows_of: array[int] = field(default_factory=_zero)

    def end_reference(self) -> None:
        """What is appended from now on belongs to the next reference."""
        self.bins_of.append(len(self.numbers))
        self.windows_of.append(len(self.windows))

    def find(self, reference: int, number: int) -> int | None:
        """Place of a bin, or None."""
        low, high = self.bins_of[reference], self.bins_of[reference + 1]
        place = bisect_left(self.numbers, number, low, high)
        return place if place < high and self.numbers[place] == number else None

    def between(self, reference: int, low: int, high: int) -> range:
        """Places of the bins with numbers from ``low`` to ``high``, both included."""
        begin, end = self.bins_of[reference], self.bins_of[reference + 1]
        return range(
            bisect_left(self.numbers, low, begin, end),
            bisect_right(self.numbers, high, begin, end),
        )

    def chunks_at(self, place: int) -> Iterator[Chunk]:
        """The chunks of the bin at ``place``."""
        for at in range(2 * self.begins[place], 2 * self.begins[place + 1], 2):
            yield self.chunks[at], self.chunks[at + 1]

    def window(self, reference: int, number: int) -> int:
        """First record that overlaps a window; of the last one for windows beyond it; 0 if there is none."""
        low, high = self.windows_of[reference], self.windows_of[reference + 1]
        return self.windows[min(low + number, high - 1)] if low < high else 0


@dataclass(frozen=True)
class BinnedIndex:
    """A parsed BAI, CSI or TBI.

    :param min_shift: log2 of the bases of a leaf.
    :param depth: levels below the root.
    :param linear: BAI and TBI have windows, CSI has the first record of each bin.
    :param names: names of the references where the index gives them (tabix), else None.
    :param weight: bytes of memory it takes, roughly.
    """

    min_shift: int
    depth: int
    linear: bool
    bins: Bins
    names: tuple[str, ...] | None
    weight: int

    def chunks(self, reference: int, start: int, end: int | None) -> list[Chunk]:
        """Chunks that together hold every record of the reference of that number overlapping ``start`` … ``end``.

        :param start: first base, 0-based.
        :param end: base after the last, or None for the end of the reference.
        """
        longest = 1 << (self.min_shift + 3 * self.depth)
        end = longest if end is None else min(end, longest)
        if reference + 1 >= len(self.bins.bins_of) or start >= end:
            return []
        earliest = self._earliest(reference, start)
        latest = self._latest(reference, end)
        found = (
            (max(begin, earliest), min(stop, latest))
            for place in self._overlapping(reference, start, end)
            for begin, stop in self.bins.chunks_at(place)
        )
        return [chunk for chunk in found if chunk[0] < chunk[1]]

    @cached_property
    def after_placed(self) -> int:
        """Virtual offset after the last record that has a place; 0 if there is none."""
        return max(self.bins.chunks[1::2], default=0)

    def _overlapping(self, reference: int, start: int, end: int) -> Iterator[int]:
        for level in range(self.depth + 1):
            shift = self.min_shift + 3 * (self.depth - level)
            first = first_bin(level)
            yield from self.bins.between(reference, first + (start >> shift), first + (end - 1 >> shift))

    def first_at(self, reference: int, base: int) -> int:
        """A record boundary that is not after any mapped record overlapping the window of ``base``."""
        window = base >> self.min_shift
        if self.linear:
            return self.bins.window(reference, window)
        number = first_bin(self.depth) + window
        place = self.bins.find(reference, number)
        while place is None and number:
            # Left neighbours hold earlier records; before the first child comes the parent.
            number = number - 1 if number % 8 != 1 else number - 1 >> 3
            place = self.bins.find(reference, number)
        return 0 if place is None else self.bins.firsts[place]

    def _earliest(self, reference: int, start: int) -> int:
        """A record boundary before which no record reaches ``start``.

        Writers leave unmapped reads out of the linear index although they have a place, and such a read may precede
        the first mapped one of its window. So the window before is asked.
        """
        before = start - (1 << self.min_shift)
        return 0 if before < 0 else self.first_at(reference, before)

    def _latest(self, reference: int, end: int) -> int:
        """A record boundary after which every record begins at ``end`` or later."""
        number = first_bin(self.depth) + (end - 1 >> self.min_shift) + 1
        if number >= first_bin(self.depth + 1):
            return NOWHERE
        while number:
            if number % 8 == 1:  # a first child: its parent begins at the same base
                number = number - 1 >> 3
                continue
            place = self.bins.find(reference, number)
            if place is not None:
                return min(begin for begin, _ in self.bins.chunks_at(place))
            number += 1
        return NOWHERE
