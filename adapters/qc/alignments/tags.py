"""The tags of a record (SAM specification 4.2.4)."""

from __future__ import annotations

import numpy as np

from adapters.qc.compiled import compiled
from adapters.qc.tally import Bytes, Keys

OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def _sizes() -> Bytes:
    """By type: bytes of a value; 0 where it is not known, 255 for text that a NUL ends, 254 for arrays."""
    table = np.zeros(256, np.uint8)
    for letters, size in ((b"AcC", 1), (b"sS", 2), (b"iIf", 4), (b"ZH", 255), (b"B", 254)):
        for letter in letters:
            table[letter] = size
    return table


SIZES = _sizes()
TEXT, ARRAY = 255, 254


@compiled
def check_tags(buf: Bytes, at: int, end: int, groups: Keys) -> tuple[bool, bool]:
    """Whether the tags fill ``buf[at:end]`` exactly, and whether the read group is one of ``groups`` (their hashes)."""
    known = True
    while at < end:
        if at + 4 > end:
            return False, known
        size = int(np.int64(SIZES[buf[at + 2]]))
        value = at + 3
        if size == 0:
            return False, known
        if size == TEXT:
            stop = value
            while stop < end and buf[stop] != 0:
                stop += 1
            if stop == end:
                return False, known
            if buf[at] == 82 and buf[at + 1] == 71:  # RG
                known = is_group(hashed(buf, value, stop), groups)
            at = stop + 1
        elif size == ARRAY:
            item = int(np.int64(SIZES[buf[value]]))
            if value + 5 > end or item == 0 or item > 4 or buf[value] == 65:  # no arrays of letters
                return False, known
            many = 0
            for i in range(4):
                many |= int(np.int64(buf[value + 1 + i])) << (8 * i)
            at = value + 5 + item * many
        else:
            at = value + size
    return at == end, known


@compiled
def is_group(h: np.uint64, groups: Keys) -> bool:
    """Whether a hash is among those of the header."""
    for i in range(len(groups)):  # noqa: SIM110 - no generators in compiled code
        if groups[i] == h:
            return True
    return False


@compiled
def hashed(buf: Bytes, start: int, stop: int) -> np.uint64:
    """FNV-1a of some bytes."""
    h = OFFSET
    for i in range(start, stop):
        h = (h ^ np.uint64(buf[i])) * PRIME
    return h


def hash_of(text: bytes) -> int:
    """The same of bytes that are at hand."""
    return int(hashed(np.frombuffer(text + b"\0", np.uint8), 0, len(text)))
