"""The second pass: names of reads and where they stand, of which the duplicates are told exactly."""

from __future__ import annotations

import numpy as np

from adapters.qc.compiled import compiled, inlined
from adapters.qc.framing import AT, END, NEXT, RECORD, START, next_item
from adapters.qc.names import base_end, digest, marker, token_end
from adapters.qc.tally import Bytes, Ints, Keys

RECORDS, LINES, BYTES = 0, 1, 2


@inlined
def name_key(buf: Bytes, start: int, end: int, masked: np.uint64, seed: np.uint64) -> tuple[np.uint64, int, int]:
    """Key of the name on a line, and where the name without its marker begins and ends.

    The key is 0 where there is no name. ``masked`` are the bits that are kept; all, unless a test wants collisions.
    """
    begin = start + 1 if end > start and buf[start] == AT else start
    stop = token_end(buf, begin, end)
    base = base_end(buf, begin, stop)
    if stop == begin:
        return np.uint64(0), begin, begin
    mark = marker(buf, begin, stop, end)
    key = (digest(buf, begin, base, seed) & masked & ~np.uint64(3)) | np.uint64(mark)
    return (key if key else np.uint64(4)), begin, base


@compiled
def name_block(
    buf: Bytes, pos: int, end: int, final: bool, at: Ints, state: Ints, keys: Keys, found: Ints, seed: Keys
) -> tuple[int, int]:
    """Names of the records of ``buf[pos:end]``: where it stopped, and how many there are.

    ``found[i]`` = (begin, end without marker, line 1-based, byte of the record 0-based). ``seed`` = (seed, bits kept).
    """
    state[BYTES] -= pos
    written = 0
    while written < len(keys):
        what, count = next_item(buf, pos, end, final, at)
        if what == RECORD:
            key, begin, stop = name_key(buf, at[0, START], at[0, END], seed[1], seed[0])
            keys[written] = key
            found[written, 0] = begin
            found[written, 1] = stop
            found[written, 2] = state[LINES] + 1
            found[written, 3] = state[BYTES] + at[0, START]
            written += 1
            state[RECORDS] += 1
        elif count == 0:
            break
        state[LINES] += count
        pos = at[count - 1, NEXT]
    state[BYTES] += pos
    return pos, written
