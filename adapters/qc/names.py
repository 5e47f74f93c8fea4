"""Names of reads: where a name ends, its mate marker, and the key that stands for both.

Two reads have the same name if their names without the marker are equal byte for byte and the markers are equal.
A marker is ``/1`` or ``/2`` at the end of the name, or the first figure of a Casava comment (``1:N:0:…``).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from adapters.qc.compiled import inlined
from adapters.qc.tally import Bytes
from adapters.qc.words import first_odd, load

SPACE: Final = 32
TAB: Final = 9
SLASH: Final = 47
COLON: Final = 58
MARKERS: Final = np.uint64(3)
"""The two lowest bits of a key are the marker: 0 none, 1 first, 2 second, 3 third read of a set."""
_A: Final = np.uint64(0x9E3779B185EBCA87)
_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_C: Final = np.uint64(0x165667B19E3779F9)
_1: Final = 49


@inlined
def token_end(buf: Bytes, start: int, end: int) -> int:
    """End of the name that begins at ``start``: the first blank or tab, or ``end``."""
    i = first_odd(buf, start, end)
    while i < end and buf[i] != SPACE and buf[i] != TAB:
        i = first_odd(buf, i + 1, end)
    return i


@inlined
def marker(buf: Bytes, start: int, stop: int, end: int) -> int:
    """Mate marker of the name ``start…stop`` on a line that ends at ``end``; 0 where there is none."""
    if stop - start > 2 and buf[stop - 2] == SLASH and 1 <= buf[stop - 1] - _1 + 1 <= 2:
        return int(buf[stop - 1]) - _1 + 1
    if end - stop > 4 and buf[stop + 2] == COLON and buf[stop + 4] == COLON and 0 <= int(buf[stop + 1]) - _1 <= 2:
        return int(buf[stop + 1]) - _1 + 1
    return 0


@inlined
def base_end(buf: Bytes, start: int, stop: int) -> int:
    """End of the name without ``/1`` or ``/2``."""
    if stop - start > 2 and buf[stop - 2] == SLASH and 1 <= buf[stop - 1] - _1 + 1 <= 2:
        return stop - 2
    return stop


@inlined
def mixed(h: np.uint64, w: np.uint64) -> np.uint64:
    """One round."""
    w *= _B
    w = (w << np.uint64(31)) | (w >> np.uint64(33))
    h ^= w * _A
    return ((h << np.uint64(27)) | (h >> np.uint64(37))) * _A + _C


@inlined
def digest(buf: Bytes, start: int, stop: int, seed: np.uint64) -> np.uint64:
    """64-bit hash of ``buf[start:stop]``."""
    h = seed ^ (np.uint64(stop - start) * _A)
    i = start
    while i + 8 <= stop:
        h = mixed(h, load(buf, i))
        i += 8
    if i == start:
        rest = np.uint64(0)
        while i < stop:
            rest = (rest << np.uint64(8)) | np.uint64(buf[i])
            i += 1
        h = mixed(h, rest)
    elif i < stop:
        h = mixed(h, load(buf, stop - 8))
    h ^= h >> np.uint64(33)
    h *= _B
    h ^= h >> np.uint64(29)
    h *= _C
    return h ^ (h >> np.uint64(32))
