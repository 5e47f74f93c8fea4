"""What is counted while records are read: plain arrays that the kernel fills."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from adapters.qc.alignments.kinds import RECORD_KINDS
from adapters.qc.tally import Bytes, Ints

FIRSTS: Final = 5

# Places in ``Counted.state``.
RECORDS: Final = 0
BYTES_READ: Final = 1
BASES: Final = 2
PRIMARY: Final = 3
UNMAPPED: Final = 4
UNPLACED: Final = 5
LAST_REFERENCE: Final = 6
LAST_POSITION: Final = 7
LAST_NAME: Final = 8  # its length
STOPPED: Final = 9
STATES: Final = 10


class Counted(NamedTuple):
    """Arrays of one file. ``placed`` are mapped and unmapped records by reference, ``name`` that of the last record."""

    counts: Ints
    firsts: Any
    state: Ints
    placed: Any
    name: Bytes


def counted(references: int) -> Counted:
    """Nothing counted yet."""
    kinds = len(RECORD_KINDS)
    return Counted(
        np.zeros(kinds, np.int64),
        np.zeros((kinds, FIRSTS, 3), np.int64),
        np.zeros(STATES, np.int64),
        np.zeros((max(1, references), 2), np.int64),
        np.zeros(256, np.uint8),
    )
