"""First reads of each name among the candidates; every later read is compared with them byte for byte."""

from __future__ import annotations

from typing import Final

import numpy as np

from adapters.qc.compiled import compiled
from adapters.qc.table import NONE, empty_slots, slot_of
from adapters.qc.tally import Bytes, Ints, Keys

RECORD: Final = 0
LINE: Final = 1
BYTE: Final = 2
OFFSET: Final = 3
SIZE: Final = 4
COUNT: Final = 5
COLUMNS: Final = 6


@compiled
def equal(a: Bytes, a_start: int, b: Bytes, b_start: int, size: int) -> bool:
    """Whether two stretches of bytes are equal."""
    for i in range(size):  # noqa: SIM110 - the compiler knows no generators
        if a[a_start + i] != b[b_start + i]:
            return False
    return True


@compiled
def meet(
    text: Bytes, keys: Keys, rows: Ints, begin: int, held: Keys, info: Ints, names: Bytes, used: Ints, slots: Ints,
    first_of: Ints,
) -> int:  # fmt: skip
    """Meet reads ``begin…`` in file order; returns the first for which there was no more room, or ``len(keys)``.

    ``rows[i]`` = (record, line, byte, begin of the name in ``text``, its length). ``first_of[i]`` is the place of the
    read that had the name first, :data:`NONE` if this is it. ``used`` = (names held, bytes of names held).
    """
    for i in range(begin, len(keys)):
        size = rows[i, 4]
        slot = slot_of(keys[i], len(slots))
        first = NONE
        while slots[slot] != NONE and first == NONE:
            at = slots[slot]
            same = held[at] == keys[i] and info[at, SIZE] == size
            if same and equal(text, rows[i, 3], names, info[at, OFFSET], size):
                first = at
                continue
            slot = (slot + 1) & (len(slots) - 1)
        first_of[i] = first
        if first != NONE:
            info[first, COUNT] += 1
            continue
        at, offset = used[0], used[1]
        if at == len(held) or offset + size > len(names):
            return i
        held[at] = keys[i]
        info[at, RECORD], info[at, LINE], info[at, BYTE] = rows[i, 0], rows[i, 1], rows[i, 2]
        info[at, OFFSET], info[at, SIZE], info[at, COUNT] = offset, size, 1
        for k in range(size):  # an assignment of a stretch would make an array
            names[offset + k] = text[rows[i, 3] + k]
        slots[slot] = at
        used[0], used[1] = at + 1, offset + size
    return len(keys)


class Representatives:
    """Names met so far. Memory grows with the distinct names, not with the reads."""

    def __init__(self, expected: int) -> None:
        """Make room for ``expected`` distinct names."""
        expected = max(expected, 16)
        self.held = np.zeros(expected, np.uint64)
        self.info = np.zeros((expected, COLUMNS), np.int64)
        self.names = np.zeros(48 * expected, np.uint8)
        self.used = np.zeros(2, np.int64)
        self.slots = empty_slots(expected)

    def meet(self, text: Bytes, keys: Keys, rows: Ints) -> Ints:
        """Meet reads in file order; for each the place of the read with its name before it, or :data:`NONE`."""
        first_of = np.full(len(keys), NONE, np.int64)
        begin = 0
        while True:
            arrays = (self.held, self.info, self.names, self.used, self.slots, first_of)
            begin = meet(text, keys, rows, begin, *arrays)
            if begin == len(keys):
                return first_of
            self._grow(int(rows[begin, 4]))

    def name(self, at: int) -> bytes:
        """A name."""
        offset = int(self.info[at, OFFSET])
        return self.names[offset : offset + int(self.info[at, SIZE])].tobytes()

    def _grow(self, size: int) -> None:
        count = int(self.used[0])
        if count == len(self.held):
            self.held = np.concatenate((self.held, np.zeros_like(self.held)))
            self.info = np.concatenate((self.info, np.zeros_like(self.info)))
            self.slots = empty_slots(len(self.held))
            enter(self.held, count, self.slots)
        if int(self.used[1]) + size > len(self.names):
            self.names = np.concatenate((self.names, np.zeros(len(self.names) + size, np.uint8)))


@compiled
def enter(held: Keys, count: int, slots: Ints) -> None:
    """Enter the first ``count`` names into empty ``slots``; equal keys stand one after the other."""
    for at in range(count):
        slot = slot_of(held[at], len(slots))
        while slots[slot] != NONE:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = at
