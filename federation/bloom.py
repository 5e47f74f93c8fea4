"""A Bloom filter over pseudonyms. They are random already, so that their own bytes serve as its hashes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS_EACH = 12
HASHES = 8
"""With 12 bits each and 8 hashes, 3 in 1,000 who are not in the filter pass it."""

MOST_BYTES = 4 << 20
Blocks = NDArray[np.uint8]
"""Pseudonyms, one of 16 bytes a row."""


@dataclass(frozen=True)
class Bloom:
    """The filter's bits, eight to a byte, the first in the highest bit."""

    packed: bytes

    @classmethod
    def of(cls, pseudonyms: Blocks) -> Bloom:
        """A filter that all of ``pseudonyms`` pass; at most :data:`MOST_BYTES` long."""
        size = min(max(len(pseudonyms) * BITS_EACH // 8, 64), MOST_BYTES)
        bits = np.zeros(size * 8, dtype=bool)
        for place in range(HASHES):
            bits[_at(pseudonyms, place, len(bits))] = True
        return cls(np.packbits(bits).tobytes())

    def passing(self, pseudonyms: Blocks) -> Blocks:
        """Those that may be in the filter, in their order.

        :raises ValueError: for a filter without bits.
        """
        if not self.packed:
            raise ValueError("the filter is empty")
        bits = np.unpackbits(np.frombuffer(self.packed, np.uint8)).view(bool)
        for place in range(HASHES):
            pseudonyms = pseudonyms[bits[_at(pseudonyms, place, len(bits))]]
        return pseudonyms


def _at(pseudonyms: Blocks, place: int, size: int) -> NDArray[np.uint64]:
    """Where hash number ``place`` of each pseudonym falls: double hashing by its two halves."""
    halves = np.ascontiguousarray(pseudonyms).view("<u8")
    found: NDArray[np.uint64] = (halves[:, 0] + np.uint64(place) * (halves[:, 1] | np.uint64(1))) % np.uint64(size)
    return found
