"""The kernel: checks every record of a block and counts, in one pass over the text."""

from __future__ import annotations

import numpy as np

from adapters.qc import kinds
from adapters.qc import tally as t_
from adapters.qc.compiled import compiled, inlined
from adapters.qc.framing import AT, DROP, END, NEWLINE, NEXT, PARTIAL, PLUS, RECORD, START, begins, next_item
from adapters.qc.letters import all_acgt, gc_of, packed
from adapters.qc.names import SPACE, TAB, base_end, digest, marker, token_end
from adapters.qc.tally import FOURS, Bytes, Ints, Keys, Tally
from adapters.qc.words import HIGH, HIGHEST, LOWEST, bump, first_odd, halves, lanes_sum, load, strange_bits

UNALLOWED = 8
SEQUENCE_PREFIX = 64
"""Bases by which two sequences count as the same in the duplication profile."""


def _codes() -> Bytes:
    """By byte: 0 A, 1 C, 2 G, 3 T or U, 4 N, 7 other IUPAC code, 8 not allowed. Bit 0 of ``c ^ c >> 1`` says G or C."""
    table = np.full(256, UNALLOWED, np.uint8)
    for letters, code in ((b"A", 0), (b"C", 1), (b"G", 2), (b"TU", 3), (b"N", 4), (b"RYSWKMBDHV", 7)):
        for letter in letters + letters.lower():
            table[letter] = code
    return table


CODE = _codes()
OTHER = 7
LAST = np.uint8(127)
"""Column of the qualities for every byte beyond ASCII."""
WORDS = 64
"""Words of a row or of 512 cycles, whatever comes first."""


@compiled
def note(t: Tally, kind: int, line: int, start: int, column: int, value: int) -> None:
    """Count a finding; ``line`` counts from the record's first, ``start`` is the byte in the block."""
    seen = t.counts[kind]
    t.counts[kind] = seen + 1
    if seen < t_.FIRSTS:
        t.firsts[kind, seen, 0] = t.state[t_.RECORDS] + 1
        t.firsts[kind, seen, 1] = t.state[t_.LINES_READ] + line + 1
        t.firsts[kind, seen, 2] = t.state[t_.BYTES_READ] + start
        t.firsts[kind, seen, 3] = column
        t.firsts[kind, seen, 4] = value


@inlined
def row(cycle: int) -> int:
    """Row of a cycle (0-based): one each up to :data:`CYCLES`, then two per octave."""
    if cycle < t_.CYCLES:
        return cycle
    half = 0
    low = t_.CYCLES
    while cycle >= 2 * low:
        low *= 2
        half += 2
    if cycle >= low + low // 2:
        half += 1
    return t_.CYCLES + half


@compiled
def length_bin(length: int) -> int:
    """Bin of a length: one each up to :data:`LENGTHS`, then 16 per octave."""
    if length < t_.LENGTHS:
        return length
    low = t_.LENGTHS
    octave = 0
    while length >= 2 * low:
        low *= 2
        octave += 1
    return t_.LENGTHS + 16 * octave + (length - low) * 16 // low


@inlined
def count_bases(buf: Bytes, start: int, n: int, t: Tally) -> tuple[int, int]:
    """Count the bases by cycle; which codes occurred, and how many are G or C."""
    seen = np.int64(0)
    gc = np.int64(0)
    first = min(n, t_.CYCLES)
    done = 0
    while done + 8 <= first:
        word = load(buf, start + done)
        if all_acgt(word):
            fours = packed(word)
            place = done // 4 * FOURS
            bump(t.fours, place + np.int64(fours & np.uint64(255)))
            bump(t.fours, place + FOURS + np.int64((fours >> np.uint64(32)) & np.uint64(255)))
            gc += gc_of(word)
            done += 8
            continue
        for k in range(8):
            code = np.int64(CODE[(word >> np.uint64(8 * k)) & np.uint64(255)])
            bump(t.bases, done + k + code * t_.ROWS)
            seen |= code
            gc += (code ^ (code >> 1)) & 1
        done += 8
    while done < first:
        code = np.int64(CODE[buf[start + done]])
        bump(t.bases, done + code * t_.ROWS)
        seen |= code
        gc += (code ^ (code >> 1)) & 1
        done += 1
    i = t_.CYCLES
    while i < n:
        r = row(i)
        stop = i
        while stop < n and row(stop) == r:
            stop = min(n, stop + t_.CYCLES // 2)
        more, part = count_part(buf, start + i, start + stop, t.bases[r :: t_.ROWS])
        seen |= more
        gc += part
        i = stop
    return int(seen), int(gc)


@compiled
def count_part(buf: Bytes, start: int, stop: int, counts: np.ndarray) -> tuple[np.uint8, int]:
    """Count bases that share a row. The sums are kept in registers."""
    a = c = g = tu = n = bad = 0
    seen = np.uint8(0)
    for i in range(start, stop):
        code = CODE[buf[i]]
        seen |= code
        a += code == 0
        c += code == 1
        g += code == 2
        tu += code == 3
        n += code == 4
        bad += code == UNALLOWED
    counts[0] += np.uint32(a)
    counts[1] += np.uint32(c)
    counts[2] += np.uint32(g)
    counts[3] += np.uint32(tu)
    counts[4] += np.uint32(n)
    counts[UNALLOWED] += np.uint32(bad)
    counts[OTHER] += np.uint32(stop - start - a - c - g - tu - n - bad)
    return seen, c + g


@inlined
def count_qualities(buf: Bytes, start: int, n: int, t: Tally) -> None:
    """Count the qualities by cycle, and the read's mean."""
    summed = np.int64(0)
    strange = np.uint64(0)
    done = 0
    while done < n:
        # Up to 128 words at a time are summed without an overflow, and they share a row once rows are wide.
        stop = min(n, done + WORDS * 8)
        wide = done >= t_.CYCLES
        place = row(done)
        step = 0 if wide else 1
        lanes = np.uint64(0)
        while done + 8 <= stop:
            word = load(buf, start + done)
            strange |= strange_bits(word)
            lanes += halves(word)
            for k in range(8):
                bump(t.qualities, place + k * step + np.int64((word >> np.uint64(8 * k)) & np.uint64(127)) * t_.ROWS)
            place += 8 * step
            done += 8
        summed += lanes_sum(lanes)
        while done < stop:
            q = np.int64(buf[start + done])
            strange |= HIGH if q < LOWEST or q > HIGHEST else np.uint64(0)
            summed += q
            bump(t.qualities, place + (q & 127) * t_.ROWS)
            place += step
            done += 1
    t.means[min(127, int(summed) // n)] += 1
    if strange & HIGH:
        strange_qualities(buf, start, n, t)


@compiled
def strange_qualities(buf: Bytes, start: int, n: int, t: Tally) -> None:
    """Note the first quality that is none, and count bytes beyond ASCII where they belong."""
    i = first_odd(buf, start, start + n)
    note(t, kinds.QUALITY_RANGE, 3, i, i - start + 1, int(buf[i]))
    for k in range(n):
        if buf[start + k] > LAST:
            t.qualities[row(k) + int(buf[start + k] & LAST) * t_.ROWS] -= np.uint32(1)
            t.qualities[row(k) + int(LAST) * t_.ROWS] += np.uint32(1)


@inlined
def sample(buf: Bytes, start: int, n: int, t: Tally, seed: np.uint64) -> None:
    """Count the sequence if its hash is among those followed; follow half as many when there is no room."""
    h = digest(buf, start, start + min(n, SEQUENCE_PREFIX), seed)
    if h & ((np.uint64(1) << np.uint64(t.state[t_.SAMPLE_BITS])) - np.uint64(1)):
        return
    if put(t.sample_keys, t.sample_counts, h, 1):
        t.state[t_.SAMPLED] += 1
    while t.state[t_.SAMPLED] > t_.SAMPLE:
        halve(t)


@compiled
def put(keys: Keys, counts: Ints, h: np.uint64, by: int) -> bool:
    """Add ``by`` to the count of ``h``; whether it is new."""
    slots = np.uint64(len(keys) - 1)
    slot = (h >> np.uint64(32)) & slots
    while counts[slot] and keys[slot] != h:
        slot = (slot + np.uint64(1)) & slots
    new = counts[slot] == 0
    keys[slot] = h
    counts[slot] += by
    return bool(new)


@compiled
def halve(t: Tally) -> None:
    """Follow half as many sequences."""
    t.state[t_.SAMPLE_BITS] += 1
    mask = (np.uint64(1) << np.uint64(t.state[t_.SAMPLE_BITS])) - np.uint64(1)
    kept = 0
    for i in range(len(t.sample_keys)):
        if t.sample_counts[i] and not t.sample_keys[i] & mask:
            t.spare_keys[kept] = t.sample_keys[i]
            t.spare_counts[kept] = t.sample_counts[i]
            kept += 1
    t.sample_counts[:] = 0
    for i in range(kept):
        put(t.sample_keys, t.sample_counts, t.spare_keys[i], t.spare_counts[i])
    t.state[t_.SAMPLED] = kept


@inlined
def check_name(buf: Bytes, start: int, end: int, t: Tally, seed: Keys) -> np.uint64:
    """Check the name line; the key of the name, 0 where there is no name."""
    begin = start + 1 if end > start and buf[start] == AT else start
    if begin == start:
        note(t, kinds.AT_SIGN, 0, start, 1, int(buf[start]) if end > start else kinds.EOF_BYTE)
    i = first_odd(buf, begin, end)
    stop = i
    if i < end and buf[i] != SPACE and buf[i] != TAB:
        stop = token_end(buf, i + 1, end)
    while i < end and (buf[i] == SPACE or buf[i] == TAB):
        i = first_odd(buf, i + 1, end)
    if i < end:
        note(t, kinds.NAME_CHARACTERS, 0, i, i - start + 1, int(buf[i]))
    base = base_end(buf, begin, stop)
    if stop == begin:
        note(t, kinds.NAME_EMPTY, 0, start, 1, 0)
        t.state[t_.UNNAMED] += 1
        return np.uint64(0)
    if base - begin > kinds.NAME_LIMIT:
        note(t, kinds.NAME_LENGTH, 0, start, 1, base - begin)
    mark = marker(buf, begin, stop, end)
    t.markers[mark] += 1
    key = (digest(buf, begin, base, seed[0]) & seed[1] & ~np.uint64(3)) | np.uint64(mark)
    return key if key else np.uint64(4)


@inlined
def check_plus(buf: Bytes, at: Ints, t: Tally) -> None:
    """The third line: ``+``, alone or with the first line's text."""
    start, end = at[2, START], at[2, END]
    if end - start == 1 and buf[start] == PLUS:
        return
    if end == start or buf[start] != PLUS:
        note(t, kinds.PLUS_LINE, 2, start, 1, int(buf[start]) if end > start else kinds.EOF_BYTE)
        return
    if not begins(buf, at, 0, AT):
        return
    first = at[0, START]
    same = at[0, END] - first == end - start
    if same:
        for i in range(1, end - start):
            if buf[first + i] != buf[start + i]:
                same = False
                break
    if not same:
        note(t, kinds.PLUS_NAME, 2, start, 1, end - start - 1)


@inlined
def check_record(buf: Bytes, at: Ints, t: Tally, seed: Keys) -> np.uint64:
    """Check and count one record; the key of its name."""
    key = check_name(buf, at[0, START], at[0, END], t, seed)
    start = at[1, START]
    n = at[1, END] - start
    qualities = at[3, END] - at[3, START]
    if n == 0:
        note(t, kinds.EMPTY_READ, 1, start, 1, 0)
    else:
        seen, gc = count_bases(buf, start, n, t)
        t.gc[(gc * 200 + n) // (2 * n)] += 1
        sample(buf, start, n, t, seed[0])
        if seen & UNALLOWED:
            for i in range(start, start + n):
                if CODE[buf[i]] == UNALLOWED:
                    note(t, kinds.ALPHABET, 1, i, i - start + 1, int(buf[i]))
                    break
    check_plus(buf, at, t)
    if n != qualities:
        note(t, kinds.LENGTH, 3, at[3, START], n, qualities)
    if qualities:
        count_qualities(buf, at[3, START], qualities, t)
    t.lengths[length_bin(n)] += 1
    t.state[t_.BASES] += n
    t.state[t_.SHORTEST] = min(t.state[t_.SHORTEST], n)
    t.state[t_.LONGEST] = max(t.state[t_.LONGEST], n)
    return key


@inlined
def line_ends(buf: Bytes, at: Ints, count: int, t: Tally) -> None:
    """Count the line ends of ``count`` lines."""
    for i in range(count):
        stop = at[i, NEXT] - 1
        if buf[stop] != NEWLINE:
            continue
        if at[i, END] < stop:
            t.state[t_.CRLF] += 1
            if t.state[t_.FIRST_CRLF] < 0:
                t.state[t_.FIRST_CRLF] = t.state[t_.LINES_READ] + i + 1
        else:
            t.state[t_.LF] += 1
            if t.state[t_.FIRST_LF] < 0:
                t.state[t_.FIRST_LF] = t.state[t_.LINES_READ] + i + 1


@compiled
def drop(at: Ints, count: int, t: Tally) -> None:
    """Note lines that belong to no record: blank lines one by one, others once for each place."""
    for i in range(count):
        if at[i, END] == at[i, START]:
            note(t, kinds.BLANK_LINE, i, at[i, START], 1, 0)
            t.state[t_.LAST_WAS_DROPPED] = 0
            continue
        t.state[t_.DROPPED] += 1
        if not t.state[t_.LAST_WAS_DROPPED]:
            note(t, kinds.BROKEN_RECORD, i, at[i, START], 1, 0)
        t.state[t_.LAST_WAS_DROPPED] = 1


@compiled
def check_block(
    buf: Bytes, pos: int, end: int, final: bool, at: Ints, t: Tally, keys: Keys, seed: Keys
) -> tuple[int, int]:
    """Check the records of ``buf[pos:end]``: where it stopped, and how many keys it wrote.

    ``seed`` = (seed of the hashes, bits of a key that are kept: all, unless a test wants collisions). What is left is
    the beginning of a record that the next block completes; nothing is left if ``final``.
    """
    t.state[t_.BYTES_READ] -= pos
    written = 0
    while written < len(keys):
        what, count = next_item(buf, pos, end, final, at)
        if what == RECORD:
            keys[written] = check_record(buf, at, t, seed)
            written += 1
            line_ends(buf, at, 4, t)
            t.state[t_.RECORDS] += 1
            t.state[t_.LAST_WAS_DROPPED] = 0
        elif what == DROP:
            line_ends(buf, at, count, t)
            drop(at, count, t)
        elif what == PARTIAL:
            line_ends(buf, at, count, t)
            note(t, kinds.PARTIAL_RECORD, 0, at[0, START], 1, count)
        else:
            break
        t.state[t_.LINES_READ] += count
        pos = at[count - 1, NEXT]
    t.state[t_.BYTES_READ] += pos
    return pos, written
