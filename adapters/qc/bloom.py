"""A blocked Bloom filter over keys of names: eight bits of a key in one 32-byte block, one cache line per look-up.

A key that was added is always found again; one that was not is found with a probability of about 0.5 % at
:data:`BITS_PER_KEY`. A filter that holds as many keys as it was made for is followed by a second one, twice as large.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.qc.compiled import compiled, inlined
from adapters.qc.tally import Bytes, Keys
from adapters.qc.words import fetch

BITS_PER_KEY: Final = 12
_LANES: Final = 8
_BLOCK_BITS: Final = 256
_AHEAD: Final = 16
"""Keys by which the memory of a block is asked for before it is needed: a filter is larger than any cache."""
_SALTS = np.array(
    [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], np.uint32
)

Words = NDArray[np.uint32]


@inlined
def block_of(key: np.uint64, blocks: int) -> np.int64:
    """First lane of the block of a key."""
    return np.int64(((key >> np.uint64(32)) * np.uint64(blocks)) >> np.uint64(32)) * _LANES


@compiled
def add_all(keys: Keys, count: int, words: Words, seen: Bytes) -> None:
    """Add ``keys[:count]``; ``seen[i]`` becomes 1 where the filter held all bits of a key already."""
    blocks = len(words) // _LANES
    for i in range(count):
        fetch(words, block_of(keys[min(i + _AHEAD, count - 1)], blocks))
        at = block_of(keys[i], blocks)
        low = np.uint32(keys[i] >> np.uint64(2))
        missing = np.uint32(0)
        for lane in range(_LANES):
            bit = np.uint32(1) << ((low * _SALTS[lane]) >> np.uint32(27))
            missing |= bit & ~words[at + lane]
            words[at + lane] |= bit
        if not missing:
            seen[i] = 1


@compiled
def find_all(keys: Keys, count: int, words: Words, seen: Bytes) -> None:
    """``seen[i]`` becomes 1 where the filter holds all bits of ``keys[i]``."""
    blocks = len(words) // _LANES
    for i in range(count):
        fetch(words, block_of(keys[min(i + _AHEAD, count - 1)], blocks))
        at = block_of(keys[i], blocks)
        low = np.uint32(keys[i] >> np.uint64(2))
        missing = np.uint32(0)
        for lane in range(_LANES):
            missing |= (np.uint32(1) << ((low * _SALTS[lane]) >> np.uint32(27))) & ~words[at + lane]
        if not missing:
            seen[i] = 1


class BloomFilter:
    """A chain of filters, of which the last is filled."""

    def __init__(self, expected: int, *, grows: bool = True) -> None:
        """Make room for ``expected`` keys; one that does not grow errs more often beyond them."""
        self.grows = grows
        self.capacity = max(expected, 1 << 12)
        self.filters = [_words(self.capacity)]
        self.held = 0

    @property
    def bytes(self) -> int:
        """Memory of all filters."""
        return sum(words.nbytes for words in self.filters)

    def full(self, more: int) -> bool:
        """Whether ``more`` keys need another filter."""
        return self.held > 0 and self.held + more > self.capacity

    def add(self, keys: Keys) -> Bytes:
        """Add keys; for each 1 if it was (or seems to have been) added before, in this call too."""
        if self.grows and self.full(len(keys)):
            self.capacity = 2 * self.capacity
            self.filters.append(_words(self.capacity))
            self.held = 0
        seen = np.zeros(len(keys), np.uint8)
        for words in self.filters[:-1]:
            find_all(keys, len(keys), words, seen)
        add_all(keys, len(keys), self.filters[-1], seen)
        self.held += len(keys)
        return seen

    def find(self, keys: Keys) -> Bytes:
        """For each key 1 if it was (or seems to have been) added."""
        seen = np.zeros(len(keys), np.uint8)
        for words in self.filters:
            find_all(keys, len(keys), words, seen)
        return seen


def size(expected: int) -> int:
    """Bytes of a filter for ``expected`` keys."""
    return -(-expected * BITS_PER_KEY // _BLOCK_BITS) * _BLOCK_BITS // 8


def _words(expected: int) -> Words:
    return np.zeros(max(size(expected), _BLOCK_BITS // 8) // 4, np.uint32)
