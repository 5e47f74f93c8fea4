"""Exact tables of keys and of names, by open addressing."""

from __future__ import annotations

import numpy as np

from adapters.qc.compiled import compiled, inlined
from adapters.qc.tally import Bytes, Ints, Keys

NONE = -1


@inlined
def slot_of(key: np.uint64, slots: int) -> np.int64:
    """First slot of a key; ``slots`` is a power of two."""
    h = key * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((h >> np.uint64(20)) & np.uint64(slots - 1))


@compiled
def index(keys: Keys, slots: Ints) -> None:
    """Enter distinct ``keys`` into ``slots``, which are :data:`NONE`."""
    for i in range(len(keys)):
        slot = slot_of(keys[i], len(slots))
        while slots[slot] != NONE:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = i


@inlined
def find(key: np.uint64, keys: Keys, slots: Ints) -> int:
    """Place of ``key`` in ``keys``, or :data:`NONE`."""
    slot = slot_of(key, len(slots))
    while slots[slot] != NONE:
        if keys[slots[slot]] == key:
            return int(slots[slot])
        slot = (slot + 1) & (len(slots) - 1)
    return NONE


@compiled
def count_all(rows: Keys, keys: Keys, slots: Ints, counts: Ints) -> None:
    """Count how often each of ``keys`` is among ``rows``."""
    for i in range(len(rows)):
        at = find(rows[i], keys, slots)
        if at != NONE:
            counts[at] += 1


@compiled
def mark_all(rows: Keys, keys: Keys, slots: Ints, marks: Bytes) -> None:
    """``marks[i]`` becomes 1 where ``rows[i]`` is one of ``keys``."""
    for i in range(len(rows)):
        if find(rows[i], keys, slots) != NONE:
            marks[i] = 1


class KeyTable:
    """A set of keys."""

    def __init__(self, keys: Keys) -> None:
        """Hold distinct ``keys``: 8 bytes each, and 16 or more of slots."""
        self.keys = keys
        self.slots = empty_slots(len(keys))
        index(keys, self.slots)

    def find(self, rows: Keys) -> Bytes:
        """For each key 1 if it is in the set."""
        marks = np.zeros(len(rows), np.uint8)
        mark_all(rows, self.keys, self.slots, marks)
        return marks


def empty_slots(keys: int) -> Ints:
    """Slots for so many keys, at most half of them taken."""
    return np.full(1 << max(4, (2 * keys - 1).bit_length()), NONE, np.int64)
