"""Lines and records in a block of text: the one place that says where a FASTQ record begins and ends.

A record is four lines. Where a line is missing or is one too many, the record that contains the fault is given up and
reading goes on at the next four lines that fit together, so that one fault is not reported as thousands.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types

from adapters.qc.compiled import compiled, inlined
from adapters.qc.tally import Bytes, Ints

RECORD: Final = 0
MORE: Final = 1
DONE: Final = 2
DROP: Final = 3
PARTIAL: Final = 4

LINES: Final = 11
"""Lines that are looked at before a faulty record is judged: itself, and the two after it."""
START: Final = 0
END: Final = 1
NEXT: Final = 2
NEWLINE: Final = 10
CR: Final = 13
AT: Final = 64
PLUS: Final = 43

# libc's search for a byte: the loop that finds line ends is the only one that vectorises by hand.
_memchr: Any = types.ExternalFunction("memchr", types.intp(types.intp, types.int32, types.uintp))


@inlined
def lines(buf: Bytes, pos: int, end: int, final: bool, at: Ints, limit: int) -> int:
    """Find up to ``limit`` lines from ``pos``: ``at[i] = (start, end without line end, start of the next)``.

    Without ``final`` a line that has no line end yet is not counted.
    """
    found = 0
    base = buf.ctypes.data
    while found < limit and pos < end:
        hit = _memchr(base + pos, NEWLINE, end - pos)
        if hit == 0:
            if not final:
                break
            stop = end
            following = end
        else:
            stop = hit - base
            following = stop + 1
            if stop > pos and buf[stop - 1] == CR:
                stop -= 1
        at[found, START] = pos
        at[found, END] = stop
        at[found, NEXT] = following
        pos = following
        found += 1
    return found


@inlined
def begins(buf: Bytes, at: Ints, line: int, byte: int) -> bool:
    """Whether a line begins with ``byte``."""
    return bool(at[line, END] > at[line, START] and buf[at[line, START]] == byte)


@inlined
def same_length(at: Ints, line: int) -> bool:
    """Whether sequence and quality of the record that begins at ``line`` are equally long."""
    return bool(at[line + 1, END] - at[line + 1, START] == at[line + 3, END] - at[line + 3, START])


@inlined
def perfect(buf: Bytes, at: Ints, line: int, found: int) -> bool:
    """Whether the four lines from ``line`` fit together as a record."""
    if line + 4 > found:
        return False
    return begins(buf, at, line, AT) and begins(buf, at, line + 2, PLUS) and same_length(at, line)


@inlined
def next_item(buf: Bytes, pos: int, end: int, final: bool, at: Ints) -> tuple[int, int]:
    """What comes at ``pos``: ``(RECORD, 4)``, ``(DROP, lines)``, ``(PARTIAL, lines)``, ``(MORE, 0)``, ``(DONE, 0)``."""
    found = lines(buf, pos, end, final, at, 4)
    if found == 4 and perfect(buf, at, 0, 4):
        return RECORD, 4
    if found == 0 and final:
        return DONE, 0
    if not final:
        found = lines(buf, pos, end, final, at, LINES)
        if found < LINES:
            return MORE, 0
        return judge(buf, at, found, end)
    return judge(buf, at, lines(buf, pos, end, final, at, LINES), end)


@compiled
def judge(buf: Bytes, at: Ints, found: int, end: int) -> tuple[int, int]:
    """Whether four lines that do not fit together are one record with a fault, or a place where lines are missing."""
    if at[0, END] == at[0, START]:
        return DROP, 1
    for line in range(1, 4):
        if perfect(buf, at, line, found):
            return DROP, line
    if found < 4:
        return PARTIAL, found
    anchor = found == 4 or begins(buf, at, 4, AT) or (found > 6 and begins(buf, at, 6, PLUS))
    if not anchor:
        for line in range(5, 8):
            if perfect(buf, at, line, found):
                return DROP, line
    fits = int(begins(buf, at, 0, AT)) + int(begins(buf, at, 2, PLUS))
    if fits == 2 and found == 4 and at[3, NEXT] == end and buf[end - 1] != NEWLINE and shorter(at):
        return PARTIAL, 4
    if fits + int(same_length(at, 0)) >= 2 or (fits >= 1 and anchor):
        return RECORD, 4
    line = 1
    while line < found and not begins(buf, at, line, AT):
        line += 1
    return DROP, line


@compiled
def shorter(at: Ints) -> bool:
    """Whether the quality is shorter than the sequence, as in a file that was cut."""
    return bool(at[3, END] - at[3, START] < at[1, END] - at[1, START])


def places() -> Ints:
    """Room for the places of :data:`LINES` lines."""
    return np.zeros((LINES, 3), np.int64)
