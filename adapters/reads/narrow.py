"""Narrowing a stretch to the records of a region: an index is exact to 16 kilobases, records are exact to one.

For BAM and BCF, whose records tell their size and place in front. What is read is bounded: beyond that a slice keeps
the neighbours that it may have anyway.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from adapters.reads.binning import Chunk
from adapters.reads.errors import DamagedFile, DamagedIndex
from adapters.reads.inflated import Blocks

MOST_COMPRESSED = 1 << 19  # bytes read at each end
MOST_INFLATED = 1 << 23
MOST_OPERATIONS = 200  # of a CIGAR; a longer one is taken to reach everything
FAR = 1 << 40
LONGEST_FIXED = 36  # bytes of a record up to the end of its fields of fixed size

CONSUMING = frozenset({0, 2, 3, 7, 8})  # CIGAR operations that pass reference bases
BAM_FIXED = struct.Struct("<iiiBBHH")
BAM_PLACE = struct.Struct("<iii")
BCF_FIXED = struct.Struct("<IIiii")

Data = bytes | bytearray
Scan = Callable[[Data, int, int, int, int], tuple[int, int, bool]]
"""From data, the offset of a record in them, the end of the data, a reference and a base to: the last record passed,
the record where the scan stopped, and whether that is the one looked for (or the data ended)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How records of a format are passed over, which is what takes the time.

    :param reaching: finds the first record of the reference that may reach beyond a base.
    :param beginning: finds the first record that begins at a base or later, or on another reference.
    """

    reaching: Scan
    beginning: Scan


def bam_reaching(data: Data, at: int, end: int, reference: int, base: int) -> tuple[int, int, bool]:
    """See :class:`Shape`."""
    before, end, unpack = at, end - 36, BAM_FIXED.unpack_from
    while at <= end:
        size, found, position, name, _, _, operations = unpack(data, at)
        if found == reference:
            cigar = at + 36 + name
            if position < base and cigar + 4 * operations > len(data):
                break  # it goes on in the next block
            if position >= base:
                return before, at, True
            # A read of one operation spans no more than that: most are passed over without a closer look.
            brief = operations == 1 and int.from_bytes(data[cigar : cigar + 4], "little") >> 4 <= base - position
            if not brief and _span(data, cigar, operations) > base - position:
                return before, at, True
        if size < 32:
            raise _misled()
        before, at = at, at + size + 4
    return before, at, False


def bam_beginning(data: Data, at: int, end: int, reference: int, base: int) -> tuple[int, int, bool]:
    """See :class:`Shape`."""
    before, end, unpack = at, end - 36, BAM_PLACE.unpack_from
    while at <= end:
        size, found, position = unpack(data, at)
        if position >= base or found != reference:
            return before, at, True
        if size < 32:
            raise _misled()
        before, at = at, at + size + 4
    return before, at, False


def bcf_reaching(data: Data, at: int, end: int, reference: int, base: int) -> tuple[int, int, bool]:
    """See :class:`Shape`."""
    before, end, unpack = at, end - 32, BCF_FIXED.unpack_from
    while at <= end:
        shared, individual, found, position, length = unpack(data, at)
        if found == reference and position + max(1, length) > base:
            return before, at, True
        if shared + individual < 24:
            raise _misled()
        before, at = at, at + shared + individual + 8
    return before, at, False


def bcf_beginning(data: Data, at: int, end: int, reference: int, base: int) -> tuple[int, int, bool]:
    """See :class:`Shape`."""
    before, end, unpack = at, end - 32, BCF_FIXED.unpack_from
    while at <= end:
        shared, individual, found, position, _ = unpack(data, at)
        if position >= base or found != reference:
            return before, at, True
        if shared + individual < 24:
            raise _misled()
        before, at = at, at + shared + individual + 8
    return before, at, False


BAM = Shape(bam_reaching, bam_beginning)
BCF = Shape(bcf_reaching, bcf_beginning)


def _span(data: Data, cigar: int, operations: int) -> int:
    """Reference bases of a read, at least one; :data:`FAR` if its CIGAR is very long."""
    if operations > MOST_OPERATIONS:
        return FAR
    if operations == 1:
        code = int.from_bytes(data[cigar : cigar + 4], "little")
        return code >> 4 if code & 15 in CONSUMING else 1
    codes: tuple[int, ...] = struct.unpack_from(f"<{operations}I", data, cigar)
    return max(1, sum(code >> 4 for code in codes if code & 15 in CONSUMING))


def _misled() -> DamagedIndex:
    return DamagedIndex("the index does not belong to the file: no record begins where it says")


def narrowed_begin(blocks: Blocks, chunk: Chunk, shape: Shape, reference: int, start: int, likely: int) -> int:
    """Virtual offset in ``chunk`` before which no record of the reference reaches beyond ``start``.

    :param likely: a record boundary before which no mapped record reaches ``start``. Only reads without a mapping are
        left out of it, and they stand where they are placed: if the record there begins before ``start``, so do they.
    """
    if chunk[0] < likely < chunk[1]:
        walk = _Walk(blocks, (likely, chunk[1]))
        if walk.begins_before(shape.beginning, reference, start):
            return walk.until(shape.reaching, reference, start)[0]
    return _Walk(blocks, chunk).until(shape.reaching, reference, start)[0]


def narrowed_end(blocks: Blocks, chunk: Chunk, shape: Shape, reference: int, stop: int) -> int:
    """Virtual offset in ``chunk`` from which every record begins at ``stop`` or later; its end if that is too far."""
    place, found = _Walk(blocks, chunk).until(shape.beginning, reference, stop)
    return place if found else chunk[1]


class _Walk:
    """Goes from record to record, inflating blocks as they are needed."""

    def __init__(self, blocks: Blocks, chunk: Chunk) -> None:
        self._blocks = blocks
        self._chunk = chunk
        self._next = chunk[0] >> 16
        self._data: Data = b""
        self._starts: list[int] = []  # of the blocks, in the data
        self._places: list[int] = []  # of the blocks, in the file
        self._limit = FAR  # end of the chunk in the data, once it is known

    def begins_before(self, scan: Scan, reference: int, base: int) -> bool:
        """Whether the first record lies in one block, is of the reference and begins before ``base``.

        :param scan: finds the first record that begins at a base or later, or on another reference.
        """
        at = self._chunk[0] & 0xFFFF
        if not self._inflate() or at + LONGEST_FIXED > len(self._data):
            return False
        return not scan(self._data, at, at + LONGEST_FIXED, reference, base)[2]

    def until(self, scan: Scan, reference: int, base: int) -> tuple[int, bool]:
        """Virtual offset of the record that ``scan`` looks for, and whether it was found.

        If it was not, the offset is the end of the chunk, or the last record that could be looked at.
        """
        at = before = self._chunk[0] & 0xFFFF
        while self._starts or self._inflate():
            passed, at, found = scan(self._data, at, min(self._limit, len(self._data)), reference, base)
            if found:
                return self._offset(at), True
            before = max(before, passed)
            if at >= self._limit:
                return self._chunk[1], False
            if not self._inflate():
                break
        return self._offset(before), False

    def _inflate(self) -> bool:
        """Inflate the next block; False if that would be too much, or is beyond the chunk."""
        if self._limit != FAR or len(self._data) > MOST_INFLATED:
            return False
        if self._next - (self._chunk[0] >> 16) > MOST_COMPRESSED:
            return False
        try:
            block = self._blocks.block(self._next)
        except DamagedFile:  # it will be met when the slice is cut, should it lie at an edge
            return False
        self._starts.append(len(self._data))
        self._places.append(self._next)
        if not self._data:
            self._data = block.data  # as a rule the only one: not copied
        elif isinstance(self._data, bytearray):
            self._data += block.data
        else:
            self._data = bytearray(self._data) + block.data
        self._next += block.size
        last, kept = self._chunk[1] >> 16, self._chunk[1] & 0xFFFF
        if self._places[-1] >= last:
            self._limit = self._starts[-1] + kept
        elif self._next >= last and not kept:
            self._limit = len(self._data)
        return True

    def _offset(self, at: int) -> int:
        """Virtual offset of a place in the data."""
        if not self._starts:
            return self._chunk[0]
        block = bisect_right(self._starts, at) - 1
        return self._places[block] << 16 | at - self._starts[block]
