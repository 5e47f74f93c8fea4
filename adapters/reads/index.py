"""BAI, CSI and TBI files (SAM specification sections 5.2 and 5.3, tabix and CSI specifications).

Length fields are never believed: a table is only as long as the bytes that are there, so a broken or hostile index
costs time and memory in proportion to its own size.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from typing import Final

from adapters.reads.binning import BinnedIndex, Reference, first_bin
from adapters.reads.errors import DamagedIndex

LARGEST_INDEX: Final = 1 << 28  # bytes, inflated; the CSI of the largest plant genomes stays below
BAI_SHIFT, BAI_DEPTH = 14, 5
DEEPEST: Final = 9  # bin numbers have 31 bits
WIDEST_SHIFT: Final = 30
TABIX_FIELDS: Final = 28


def parse_index(data: bytes) -> BinnedIndex:
    """Parse an index of any of the three kinds, told apart by their magic numbers.

    :raises DamagedIndex: if it is none of them, cut off or inconsistent.
    """
    if data[:2] == b"\x1f\x8b":
        data = inflated(data)
    try:
        match data[:4]:
            case b"BAI\1":
                return _bai(data)
            case b"CSI\1":
                return _csi(data)
            case b"TBI\1":
                return _tbi(data)
    except struct.error as error:
        raise DamagedIndex(f"the index of {len(data)} bytes is cut off") from error
    raise DamagedIndex("the index is neither BAI nor CSI nor TBI")


def inflated(data: bytes) -> bytes:
    """All members of a gzip file, one after the other.

    :raises DamagedIndex: if it is broken, or inflates to more than 256 MiB.
    """
    pieces: list[bytes] = []
    left = LARGEST_INDEX
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            pieces.append(member.decompress(data, left + 1))
        except zlib.error as error:
            raise DamagedIndex(f"the index cannot be inflated: {error}") from error
        left -= len(pieces[-1])
        if left < 0:
            raise DamagedIndex(f"the index inflates to more than {LARGEST_INDEX} bytes")
        if not member.eof:
            raise DamagedIndex("the index is cut off")
        data = member.unused_data
    return b"".join(pieces)


def _bai(data: bytes) -> BinnedIndex:
    (count,) = struct.unpack_from("<I", data, 4)
    references = _references(data, 8, count, BAI_DEPTH, csi=False)
    return BinnedIndex(BAI_SHIFT, BAI_DEPTH, references, None, len(data))


def _tbi(data: bytes) -> BinnedIndex:
    (count,) = struct.unpack_from("<I", data, 4)
    names, at = _tabix_names(data, 8)
    references = _references(data, at, count, BAI_DEPTH, csi=False)
    return BinnedIndex(BAI_SHIFT, BAI_DEPTH, references, names, len(data))


def _csi(data: bytes) -> BinnedIndex:
    min_shift, depth, extra = struct.unpack_from("<iiI", data, 4)
    if not (0 < min_shift <= WIDEST_SHIFT and 0 <= depth <= DEEPEST):
        raise DamagedIndex(f"the CSI has min_shift {min_shift} and depth {depth}")
    names = _tabix_names(data[: 16 + extra], 16)[0] if extra >= TABIX_FIELDS else None
    (count,) = struct.unpack_from("<I", data, 16 + extra)
    references = _references(data, 20 + extra, count, depth, csi=True)
    return BinnedIndex(min_shift, depth, references, names, len(data))


def _tabix_names(data: bytes, at: int) -> tuple[tuple[str, ...], int]:
    """Names of the tabix header at ``at``, and where it ends."""
    (length,) = struct.unpack_from("<I", data, at + 24)
    end = at + TABIX_FIELDS + length
    if end > len(data):
        raise DamagedIndex("the names of the index are cut off")
    names = data[at + TABIX_FIELDS : end].split(b"\0")[:-1]
    return tuple(name.decode("utf-8", "replace") for name in names), end


def _references(data: bytes, at: int, count: int, depth: int, *, csi: bool) -> tuple[Reference, ...]:
    references: list[Reference] = []
    for _ in range(count):
        reference, at = _reference(data, at, depth, csi)
        references.append(reference)
    return tuple(references)


def _reference(data: bytes, at: int, depth: int, csi: bool) -> tuple[Reference, int]:
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    known = first_bin(depth + 1)  # numbers from here on are not bins; one of them holds counts
    found: list[tuple[int, int, int, int]] = []  # number, first overlapping record, place of chunks, number of chunks
    for _ in range(count):
        if csi:
            number, first, chunks = struct.unpack_from("<IQI", data, at)
            at += 16
        else:
            number, chunks = struct.unpack_from("<II", data, at)
            first = 0
            at += 8
        if at + 16 * chunks > len(data):
            raise DamagedIndex(f"the chunks of bin {number} are cut off")
        if number < known:
            found.append((number, first, at, chunks))
        at += 16 * chunks
    linear = array("Q")
    if not csi:
        (windows,) = struct.unpack_from("<I", data, at)
        at += 4
        linear = _integers(data, at, windows)
        at += 8 * windows
    return _assembled(data, found, linear, csi), at


def _assembled(data: bytes, found: list[tuple[int, int, int, int]], linear: array[int], csi: bool) -> Reference:
    found.sort()
    bins, begins, chunks, firsts = array("I"), array("L", [0]), array("Q"), array("Q")
    for number, first, at, count in found:
        bins.append(number)
        firsts.append(first)
        chunks.extend(_integers(data, at, 2 * count))
        begins.append(begins[-1] + count)
    return Reference(bins, begins, chunks, firsts if csi else None, linear)


def _integers(data: bytes, at: int, count: int) -> array[int]:
    """``count`` little-endian 64-bit integers."""
    if at + 8 * count > len(data):
        raise DamagedIndex("a table of the index is cut off")
    integers = array("Q", data[at : at + 8 * count])
    if sys.byteorder == "big":
        integers.byteswap()
    return integers
