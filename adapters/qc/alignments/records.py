"""The kernel: checks every record of a block of BAM (SAM specification 4.2) and counts."""

from __future__ import annotations

import numpy as np

from adapters.qc.alignments import counted as c_
from adapters.qc.alignments import kinds
from adapters.qc.alignments.counted import Counted
from adapters.qc.alignments.tags import check_tags
from adapters.qc.compiled import compiled, inlined
from adapters.qc.tally import Bytes, Ints, Keys

FIXED = 32
LARGEST = 1 << 28
"""Bytes of the largest record that is believed."""
COORDINATE, QUERYNAME = 1, 2

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
SECOND_ALIGNMENTS = 0x100 | 0x800
OF_PAIRS = 0x2 | 0x8 | 0x20 | 0x40 | 0x80
KNOWN_FLAGS = 0xFFF
HIGHEST_QUALITY = 93
ABSENT = 255
UNPLACED_RANK = 1 << 40
HARD, SOFT, LAST_OPERATION = 5, 4, 8
QUERY = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1], np.int64)
"""By operation of a CIGAR (MIDNSHP=X): whether it takes bases of the read."""
REFERENCE = np.array([1, 0, 1, 1, 0, 0, 0, 1, 1], np.int64)
"""Whether it takes bases of the reference."""


@compiled
def note(t: Counted, kind: int, at: int, value: int) -> None:
    """Count a finding in the record that begins at ``at`` in the block."""
    seen = t.counts[kind]
    t.counts[kind] = seen + 1
    if seen < c_.FIRSTS:
        t.firsts[kind, seen, 0] = t.state[c_.RECORDS] + 1
        t.firsts[kind, seen, 1] = t.state[c_.BYTES_READ] + at
        t.firsts[kind, seen, 2] = value


@inlined
def int32(buf: Bytes, at: int) -> int:
    """A little-endian signed integer."""
    raw = np.int64(buf[at]) | np.int64(buf[at + 1]) << 8 | np.int64(buf[at + 2]) << 16 | np.int64(buf[at + 3]) << 24
    return int((raw ^ 0x80000000) - 0x80000000)


@inlined
def int16(buf: Bytes, at: int) -> int:
    """A little-endian unsigned integer."""
    return int(np.int64(buf[at]) | np.int64(buf[at + 1]) << 8)


@compiled
def check_name(buf: Bytes, at: int, length: int) -> bool:
    """Whether a name is as it should be; ``length`` counts its NUL."""
    if length < 2 or buf[at + length - 1] != 0:
        return False
    for i in range(at, at + length - 1):  # noqa: SIM110 - no generators in compiled code
        if buf[i] < 33 or buf[i] > 126 or buf[i] == 64:
            return False
    return True


@compiled
def check_cigar(buf: Bytes, at: int, operations: int, bases: int) -> tuple[bool, int]:
    """Whether a CIGAR is as it should be, and how many bases of the reference it spans."""
    query = 0
    span = 0
    good = True
    for i in range(operations):
        value = int32(buf, at + 4 * i) & 0xFFFFFFFF
        operation = value & 15
        if operation > LAST_OPERATION:
            return False, span
        inside = 0 < i < operations - 1
        if operation == HARD and inside:
            good = False
        if operation == SOFT and inside:
            before = buf[at + 4 * (i - 1)] & 15
            after = buf[at + 4 * (i + 1)] & 15
            if not ((i == 1 and before == HARD) or (i == operations - 2 and after == HARD)):
                good = False
        query += (value >> 4) * int(QUERY[operation])
        span += (value >> 4) * int(REFERENCE[operation])
    return good and (bases == 0 or operations == 0 or query == bases), span


@inlined
def check_place(t: Counted, lengths: Ints, start: int, kind: int, at: tuple[int, int], span: int) -> None:
    """Whether a place (reference, 0-based position) is within the references, ``span`` bases from it on."""
    reference, position = at
    if (
        reference < -1
        or reference >= len(lengths)
        or position < -1
        or (reference >= 0 and position + max(1, span) > lengths[reference])
    ):
        note(t, kind, start, reference)


@inlined
def check_flags(t: Counted, start: int, flags: int, reference: int, position: int) -> None:
    """Whether the flags agree with each other (SAM specification 1.4)."""
    if (
        (not flags & PAIRED and flags & OF_PAIRS)
        or (flags & PROPER and flags & (UNMAPPED | MATE_UNMAPPED))
        or (not flags & UNMAPPED and (reference < 0 or position < 0))
        or flags & ~KNOWN_FLAGS
    ):
        note(t, kinds.FLAGS, start, flags)


@compiled
def natural(buf: Bytes, at: int, length: int, last: Bytes, last_length: int) -> int:
    """As :func:`by_bytes`, but runs of figures count as numbers, as in samtools."""
    i = j = 0
    while i < length and j < last_length:
        a, b = int(np.int64(buf[at + i])), int(np.int64(last[j]))
        if 48 <= a <= 57 and 48 <= b <= 57:
            while i < length and buf[at + i] == 48:
                i += 1
            while j < last_length and last[j] == 48:
                j += 1
            first = 0
            while i < length and j < last_length and 48 <= buf[at + i] <= 57 and 48 <= last[j] <= 57:
                if first == 0:
                    first = int(np.int64(buf[at + i])) - int(np.int64(last[j]))
                i += 1
                j += 1
            more_a = i < length and 48 <= buf[at + i] <= 57
            more_b = j < last_length and 48 <= last[j] <= 57
            if more_a != more_b:
                return 1 if more_a else -1
            if first != 0:
                return first
        else:
            if a != b:
                return a - b
            i += 1
            j += 1
    return (length - i) - (last_length - j)


@compiled
def by_bytes(buf: Bytes, at: int, length: int, last: Bytes, last_length: int) -> int:
    """Order of a name and the last one byte by byte: below 0 if it comes before."""
    for i in range(min(length, last_length)):
        if buf[at + i] != last[i]:
            return int(np.int64(buf[at + i])) - int(np.int64(last[i]))
    return length - last_length


@compiled
def check_order(buf: Bytes, t: Counted, start: int, order: int, reference: int, position: int) -> None:
    """Whether the record comes after the one before it."""
    if order == COORDINATE:
        rank = reference if reference >= 0 else UNPLACED_RANK
        if rank < t.state[c_.LAST_REFERENCE] or (
            rank == t.state[c_.LAST_REFERENCE] and reference >= 0 and position < t.state[c_.LAST_POSITION]
        ):
            note(t, kinds.SORT_ORDER, start, 0)
        t.state[c_.LAST_REFERENCE] = rank
        t.state[c_.LAST_POSITION] = position
    elif order == QUERYNAME:
        at, length = start + 4 + FIXED, int(np.int64(buf[start + 12])) - 1
        if t.state[c_.RECORDS]:
            last = int(t.state[c_.LAST_NAME])
            wrong_natural = natural(buf, at, length, t.name, last) < 0
            wrong_ascii = by_bytes(buf, at, length, t.name, last) < 0
            if wrong_natural and wrong_ascii:
                note(t, kinds.SORT_ORDER, start, 0)
        for i in range(length):
            t.name[i] = buf[at + i]
        t.state[c_.LAST_NAME] = length


@compiled
def check_record(buf: Bytes, start: int, size: int, lengths: Ints, groups: Keys, order: int, t: Counted) -> bool:
    """Check and count one record; False if its parts do not fit into it."""
    at = start + 4
    reference, position = int32(buf, at), int32(buf, at + 4)
    name_length, operations, flags = int(np.int64(buf[at + 8])), int16(buf, at + 12), int16(buf, at + 14)
    bases = int32(buf, at + 16)
    cigar = at + FIXED + name_length
    qualities = cigar + 4 * operations + (bases + 1) // 2
    tags = qualities + bases
    if bases < 0 or tags > start + 4 + size:
        return False
    if not check_name(buf, at + FIXED, name_length):
        note(t, kinds.RECORD_NAME, start, name_length)
    good, span = check_cigar(buf, cigar, operations, bases)
    if not good:
        note(t, kinds.CIGAR, start, bases)
    check_place(t, lengths, start, kinds.POSITION, (reference, position), 1 if flags & UNMAPPED else span)
    check_place(t, lengths, start, kinds.MATE_POSITION, (int32(buf, at + 20), int32(buf, at + 24)), 1)
    check_flags(t, start, flags, reference, position)
    check_order(buf, t, start, order, reference, position)
    for i in range(qualities, tags):
        if buf[i] > HIGHEST_QUALITY and buf[qualities] != ABSENT:
            note(t, kinds.RECORD_QUALITY, start, int(np.int64(buf[i])))
            break
    fit, known = check_tags(buf, tags, start + 4 + size, groups)
    if not fit:
        note(t, kinds.TAGS, start, 0)
    if not known:
        note(t, kinds.READ_GROUP, start, 0)
    count(t, flags, reference, bases)
    return True


@inlined
def count(t: Counted, flags: int, reference: int, bases: int) -> None:
    """Count a record as an index does, and its bases once for a read."""
    unmapped = 1 if flags & UNMAPPED else 0
    if 0 <= reference < len(t.placed):
        t.placed[reference, unmapped] += 1
    else:
        t.state[c_.UNPLACED] += 1
    if not flags & SECOND_ALIGNMENTS:
        t.state[c_.PRIMARY] += 1
        t.state[c_.BASES] += bases
        t.state[c_.UNMAPPED] += unmapped


@compiled
def check_block(
    buf: Bytes, pos: int, end: int, final: bool, lengths: Ints, groups: Keys, order: int, t: Counted
) -> int:
    """Check the records of ``buf[pos:end]``; where it stopped. Nothing is left if ``final``."""
    t.state[c_.BYTES_READ] -= pos
    while pos < end and not t.state[c_.STOPPED]:
        size = int32(buf, pos) if pos + 4 <= end else 0
        if pos + 4 <= end and (size < FIXED or size > LARGEST):
            note(t, kinds.RECORD_SIZE, pos, size)
            t.state[c_.STOPPED] = 1
        elif pos + 4 > end or pos + 4 + size > end:
            if not final:
                break
            note(t, kinds.RECORD_CUT, pos, end - pos)
            t.state[c_.STOPPED] = 1
        elif check_record(buf, pos, size, lengths, groups, order, t):
            t.state[c_.RECORDS] += 1
            pos += 4 + size
        else:
            note(t, kinds.RECORD_SIZE, pos, size)
            t.state[c_.STOPPED] = 1
    if t.state[c_.STOPPED]:
        pos = end
    t.state[c_.BYTES_READ] += pos
    return pos
