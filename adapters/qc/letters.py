"""Eight bases in one machine word: are they all A, C, G or T, and which.

Bits 1 and 2 of the four letters differ: A 00, C 01, T 10, G 11. The lower is set for C and G.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from adapters.qc.compiled import inlined
from adapters.qc.words import ONES

LETTERS: Final = np.array([0, 1, 3, 2])
"""Code of the kernel for each of the four pairs of bits."""
TWO: Final = ONES * np.uint64(3)
A: Final = ONES * np.uint64(0x41)
NIBBLES: Final = np.uint64(0x000F000F000F000F)


@inlined
def all_acgt(word: np.uint64) -> bool:
    """Whether all eight bytes are ``A``, ``C``, ``G`` or ``T``: they are what their two bits stand for."""
    low = (word >> np.uint64(1)) & ONES
    high = (word >> np.uint64(2)) & ONES
    meant = A + low * np.uint64(2) + high * np.uint64(0x13) - (low & high) * np.uint64(0x0F)
    return bool(meant == word)


@inlined
def gc_of(word: np.uint64) -> int:
    """How many are C or G."""
    return int(np.int64((((word >> np.uint64(1)) & ONES) * ONES) >> np.uint64(56)))


@inlined
def packed(word: np.uint64) -> np.uint64:
    """The first four in bits 0 to 7, two bits each, the others in bits 32 to 39."""
    bits = (word >> np.uint64(1)) & TWO
    pairs = (bits | (bits >> np.uint64(6))) & NIBBLES
    return pairs | (pairs >> np.uint64(12))
