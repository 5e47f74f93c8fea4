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

from adapters.reads.binning import BinnedIndex, Bins, first_bin
from adapters.reads.errors import DamagedIndex

LARGEST_INDEX: Final = 1 << 27  # bytes, inflated; the CSI of the largest plant genomes stays below
BAI_SHIFT, BAI_DEPTH = 14, 5
DEEPEST: Final = 9  # bin numbers have 31 bits
WIDEST_SHIFT: Final = 30
TABIX_FIELDS: Final = 28
MOST_REFERENCES: Final = 1 << 22  # contigs of the most fragmented assemblies
_BIN = struct.Struct("<II")  # number, chunks
_CSI_BIN = struct.Struct("<IQI")  # number, first record, chunks


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


def inflated(data: bytes, limit: int = LARGEST_INDEX) -> bytes:
    """All members of a gzip file, one after the other.

    :raises DamagedIndex: if it is broken, or inflates to more than ``limit`` bytes.
    """
    pieces: list[bytes] = []
    left = limit
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            pieces.append(member.decompress(data, left + 1))
        except zlib.error as error:
            raise DamagedIndex(f"the index cannot be inflated: {error}") from error
        left -= len(pieces[-1])
        if left < 0:
            raise DamagedIndex(f"the index inflates to more than {limit} bytes")
        if not member.eof:
            raise DamagedIndex("the index is cut off")
        data = member.unused_data
    return b"".join(pieces)


def _bai(data: bytes) -> BinnedIndex:
    (count,) = struct.unpack_from("<I", data, 4)
    return BinnedIndex(BAI_SHIFT, BAI_DEPTH, True, _binned(data, 8, count), None, len(data))


def _tbi(data: bytes) -> BinnedIndex:
    (count,) = struct.unpack_from("<I", data, 4)
    names, at = _tabix_names(data, 8)
    return BinnedIndex(BAI_SHIFT, BAI_DEPTH, True, _binned(data, at, count), names, len(data))


def _csi(data: bytes) -> BinnedIndex:
    min_shift, depth, extra = struct.unpack_from("<iiI", data, 4)
    if not (0 < min_shift <= WIDEST_SHIFT and 0 <= depth <= DEEPEST):
        raise DamagedIndex(f"the CSI has min_shift {min_shift} and depth {depth}")
    names = _tabix_names(data[: 16 + extra], 16)[0] if extra >= TABIX_FIELDS else None
    (count,) = struct.unpack_from("<I", data, 16 + extra)
    bins = _binned_csi(data, 20 + extra, count, depth)
    return BinnedIndex(min_shift, depth, False, bins, names, len(data))


def _tabix_names(data: bytes, at: int) -> tuple[tuple[str, ...], int]:
    """Names of the tabix header at ``at``, and where it ends."""
    (length,) = struct.unpack_from("<I", data, at + 24)
    end = at + TABIX_FIELDS + length
    if end > len(data):
        raise DamagedIndex("the names of the index are cut off")
    names = data[at + TABIX_FIELDS : end].split(b"\0")[:-1]
    return tuple(name.decode("utf-8", "replace") for name in names), end


def _binned(data: bytes, at: int, count: int) -> Bins:
    """Bins and windows of ``count`` references, as BAI and TBI have them."""
    bins = Bins()
    known = first_bin(BAI_DEPTH + 1)
    for _ in range(_believable(count)):
        at = _reference(data, at, _BIN, known, bins)
        (windows,) = struct.unpack_from("<I", data, at)
        bins.windows.extend(_integers(data, at + 4, windows))
        at += 4 + 8 * windows
        bins.end_reference()
    return bins


def _binned_csi(data: bytes, at: int, count: int, depth: int) -> Bins:
    """Bins of ``count`` references, as CSI has them."""
    bins = Bins()
    known = first_bin(depth + 1)
    for _ in range(_believable(count)):
        at = _reference(data, at, _CSI_BIN, known, bins)
        bins.end_reference()
    return bins


def _believable(count: int) -> int:
    if count > MOST_REFERENCES:
        raise DamagedIndex(f"the index claims {count} references; at most {MOST_REFERENCES} are read")
    return count


def _reference(data: bytes, at: int, entry: struct.Struct, known: int, bins: Bins) -> int:
    """Append the bins of a reference; the place after them.

    :param known: numbers from here on are not bins; one of them holds counts.
    """
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    found: list[int] = []  # number and place in one integer: a million of them take little memory and sort fast
    for _ in range(count):
        number, *_, chunks = entry.unpack_from(data, at)
        if number < known and chunks:
            found.append(number << 32 | at)
        at += entry.size + 16 * chunks
    if at > len(data):
        raise DamagedIndex("the chunks of the index are cut off")
    for place in sorted(found):
        number, *first, chunks = entry.unpack_from(data, place & 0xFFFFFFFF)
        bins.numbers.append(number)
        bins.firsts.extend(first)
        bins.chunks.extend(_integers(data, (place & 0xFFFFFFFF) + entry.size, 2 * chunks))
        bins.begins.append(bins.begins[-1] + chunks)
    return at


def _integers(data: bytes, at: int, count: int) -> array[int]:
    """``count`` little-endian 64-bit integers."""
    if at + 8 * count > len(data):
        raise DamagedIndex("a table of the index is cut off")
    integers = array("Q", data[at : at + 8 * count])
    if sys.byteorder == "big":
        integers.byteswap()
    return integers
