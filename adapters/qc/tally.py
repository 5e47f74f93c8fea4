"""What is counted while a file is read: plain arrays that the kernel fills."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adapters.qc.kinds import RECORD_KINDS

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

CYCLES: Final = 1024
"""Cycles counted one by one; after them each row is half an octave."""
OCTAVE_ROWS: Final = 44
ROWS: Final = CYCLES + OCTAVE_ROWS
CODES: Final = 16
QUALITIES: Final = 128
FOURS: Final = 256
"""Ways in which four cycles can be A, C, G and T."""
FIRSTS: Final = 5
"""Positions kept of each kind of finding."""
LENGTHS: Final = 2048
"""Lengths counted one by one; after them each bin is a 16th of an octave."""
LENGTH_BINS: Final = LENGTHS + 16 * 32
SAMPLE: Final = 1 << 16
"""Distinct sequences kept at most, of which the duplication profile is made."""
SAMPLE_SLOTS: Final = 2 * SAMPLE

# Places in ``Tally.state``.
RECORDS: Final = 0
LINES_READ: Final = 1
BYTES_READ: Final = 2
CRLF: Final = 3
LF: Final = 4
DROPPED: Final = 5
LAST_WAS_DROPPED: Final = 6
BASES: Final = 7
SHORTEST: Final = 8
LONGEST: Final = 9
SAMPLE_BITS: Final = 10
SAMPLED: Final = 11
FIRST_CRLF: Final = 12
FIRST_LF: Final = 13
UNNAMED: Final = 14
STATES: Final = 15


class Position(NamedTuple):
    """Where something is: ``record`` and ``line`` 1-based, ``byte`` 0-based in the decompressed text,
    ``column`` 1-based in the line, ``value`` the byte there or a length."""

    record: int
    line: int
    byte: int
    column: int
    value: int


class Tally(NamedTuple):
    """Arrays of one file.

    ``bases`` and ``qualities`` have a place per cycle for each code or quality; the places of one quality are
    neighbours, because few qualities are common. ``fours`` has a place for each way in which the bases of four cycles
    can be, two bits each. They are 32 bits wide and emptied into the 64-bit totals in time.
    """

    counts: Ints
    firsts: Any
    state: Ints
    bases: NDArray[np.uint32]
    qualities: NDArray[np.uint32]
    fours: NDArray[np.uint32]
    lengths: Ints
    means: Ints
    gc: Ints
    markers: Ints
    sample_keys: Keys
    sample_counts: Ints
    spare_keys: Keys
    spare_counts: Ints


def tally() -> Tally:
    """An empty tally."""
    made = Tally(
        counts=np.zeros(len(RECORD_KINDS), np.int64),
        firsts=np.zeros((len(RECORD_KINDS), FIRSTS, len(Position._fields)), np.int64),
        state=np.zeros(STATES, np.int64),
        bases=np.zeros(ROWS * CODES, np.uint32),
        qualities=np.zeros(ROWS * QUALITIES, np.uint32),
        fours=np.zeros(CYCLES // 4 * FOURS, np.uint32),
        lengths=np.zeros(LENGTH_BINS, np.int64),
        means=np.zeros(128, np.int64),
        gc=np.zeros(101, np.int64),
        markers=np.zeros(4, np.int64),
        sample_keys=np.zeros(SAMPLE_SLOTS, np.uint64),
        sample_counts=np.zeros(SAMPLE_SLOTS, np.int64),
        spare_keys=np.zeros(SAMPLE + 1, np.uint64),
        spare_counts=np.zeros(SAMPLE + 1, np.int64),
    )
    made.state[SHORTEST] = np.iinfo(np.int64).max
    made.state[FIRST_CRLF] = made.state[FIRST_LF] = -1
    return made
