"""Sets of people as bytes: per set the smallest of sparse array, flat bitset and roaring bitmap.

The first byte tells the form. ``H``: sorted 16-bit ordinals, for the rare alleles that most alleles are. ``B``: a flat
bitset after the ordinal of its first bit, for common alleles of a cohort. ``R``: a portable roaring bitmap, for what
is large or spread. The forms are decoded without numpy, so that a serving process stays small.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Mapping

from pyroaring import BitMap

ARRAY, BITS, ROARING = b"H", b"B", b"R"
# Header of a portable roaring bitmap with one array container for the ordinals 0…65535 (RoaringFormatSpec).
_CONTAINER = struct.Struct("<IIHHI")
_COOKIE, _CONTAINERS, _DATA_OFFSET = 12346, 1, 16
ARRAYS_BELOW, ARRAY_MOST = 1 << 16, 4096  # ordinals, and how many of them, that an array has room for
SMALL = 64  # bytes: what is not larger is not tried as roaring bitmap
_BLOCK = (1 << 16) - 1  # bitsets that begin within so many bits of each other are joined as one
_INVERTED = bytes(255 - byte for byte in range(256))
_BITS_OF_BYTE = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def encode(people: BitMap) -> bytes:
    """The smallest form of a set of ordinals (each below 2^32)."""
    if not people:
        return ARRAY
    first, last = people.min() // 8 * 8, people.max()
    sizes = {BITS: 5 + (last - first) // 8 + 1}
    if last < ARRAYS_BELOW and len(people) <= ARRAY_MOST:
        sizes[ARRAY] = 1 + 2 * len(people)
    roaring = ROARING + _roaring(people) if min(sizes.values()) > SMALL else None
    if roaring is not None and len(roaring) < min(sizes.values()):
        return roaring
    if min(sizes, key=lambda form: sizes[form]) == ARRAY:
        return ARRAY + struct.pack(f"<{len(people)}H", *people)
    return BITS + struct.pack("<I", first) + _bitset(people, first).to_bytes(sizes[BITS] - 5, "little")


def smallest(people: BitMap, plain: bytes) -> bytes:
    """``plain``, which is the array or bitset of ``people``, or their roaring bitmap if that is smaller."""
    return min(plain, ROARING + _roaring(people), key=len)


def decode(data: bytes) -> BitMap:
    """The set of ordinals of :func:`encode`."""
    form = data[:1]
    if form == ARRAY:
        return _from_array(data)
    if form == BITS:
        (base,) = struct.unpack_from("<I", data, 1)
        return _from_bytes(base, data[5:])
    return BitMap.deserialize(data[1:])


def union(parts: Iterable[bytes]) -> BitMap:
    """The union of many encoded sets; those of a form are joined before they are decoded."""
    bits: dict[int, int] = {}
    arrays: list[bytes] = []
    maps: list[BitMap] = []
    for data in parts:
        form = data[:1]
        if form == ARRAY:
            arrays.append(data[1:])
        elif form == BITS:
            (base,) = struct.unpack_from("<I", data, 1)
            block = base & ~_BLOCK
            bits[block] = bits.get(block, 0) | int.from_bytes(data[5:], "little") << (base & _BLOCK)
        else:
            maps.append(decode(data))
    if arrays:
        ordinals = array("H", b"".join(arrays))
        if sys.byteorder == "big":
            ordinals.byteswap()
        maps.append(BitMap(set(ordinals)))
    maps += [_from_bytes(base, value.to_bytes((value.bit_length() + 7) // 8, "little")) for base, value in bits.items()]
    return BitMap.union(*maps) if maps else BitMap()


class Mask:
    """A set of people that many encoded sets are intersected with."""

    def __init__(self, people: BitMap) -> None:
        self.people = people
        self._bits: int | None = None

    def count(self, data: bytes) -> int:
        """How many people of the encoded set are in the mask."""
        if data[:1] != BITS:
            return int(decode(data).intersection_cardinality(self.people))
        (base,) = struct.unpack_from("<I", data, 1)
        bits: int = int.from_bytes(data[5:], "little") & (self._as_bits() >> base)
        return bits.bit_count()

    def meets(self, data: bytes) -> bool:
        """Whether anybody of the encoded set is in the mask."""
        if data[:1] != BITS:
            return bool(decode(data).intersect(self.people))
        return self.count(data) > 0

    def of(self, data: bytes) -> BitMap:
        """The people of the encoded set who are in the mask."""
        return decode(data) & self.people

    def _as_bits(self) -> int:
        if self._bits is None:
            self._bits = _bitset(self.people, 0) if self.people else 0
        return self._bits


class Masks:
    """A mask for each data set, or one for all of them."""

    def __init__(self, people: BitMap | Mapping[str, BitMap]) -> None:
        self._all = Mask(people) if isinstance(people, BitMap) else None
        self._each = {} if isinstance(people, BitMap) else {dataset: Mask(of) for dataset, of in people.items()}

    def of(self, dataset: str) -> Mask:
        """The mask of a data set."""
        return self._all if self._all is not None else self._each[dataset]


def _roaring(people: BitMap) -> bytes:
    packed = BitMap(people)
    packed.run_optimize()
    return bytes(packed.serialize())


def _bitset(people: BitMap, base: int) -> int:
    last = people.max()
    size = (last - base) // 8 + 1
    if 2 * len(people) < last - base:
        data = bytearray(size)
        for ordinal in people:
            data[(ordinal - base) >> 3] |= 1 << ((ordinal - base) & 7)
        return int.from_bytes(data, "little")
    data = bytearray(b"\xff") * size
    for ordinal in BitMap(range(base, base + 8 * size)) - people:  # fewer are absent than present
        data[(ordinal - base) >> 3] &= ~(1 << ((ordinal - base) & 7))
    return int.from_bytes(data, "little")


def _from_array(data: bytes) -> BitMap:
    size = (len(data) - 1) // 2
    if size == 0:
        return BitMap()
    return BitMap.deserialize(_CONTAINER.pack(_COOKIE, _CONTAINERS, 0, size - 1, _DATA_OFFSET) + data[1:])


def _from_bytes(base: int, data: bytes) -> BitMap:
    if 2 * int.from_bytes(data, "little").bit_count() > 8 * len(data):  # fewer are absent than present
        return BitMap(range(base, base + 8 * len(data))) - _ones(base, data.translate(_INVERTED))
    return _ones(base, data)


def _ones(base: int, data: bytes) -> BitMap:
    ordinals = array("I")
    for index, byte in enumerate(data):
        if byte:
            start = base + index * 8
            ordinals.extend([start + bit for bit in _BITS_OF_BYTE[byte]])
    return BitMap(ordinals)
