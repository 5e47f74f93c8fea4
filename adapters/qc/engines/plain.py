"""The same check in plain Python, line by line and written apart from the kernel: slow, and easy to believe.

It finds what the kernel finds and makes no profiles.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import numpy as np

from adapters.qc import kinds, wording
from adapters.qc.detection import Container
from adapters.qc.engines.sets import Add
from adapters.qc.errors import CannotCheck
from adapters.qc.outcome import Limits, Outcome, Progress
from adapters.qc.profile import encoding
from adapters.qc.repeats import Repeat, Repeated
from adapters.qc.source import LONGEST_RECORD, Source
from adapters.qc.spool import Spool
from adapters.qc.tally import FIRSTS, Keys, Position

AHEAD: Final = 11
ALLOWED: Final = frozenset(b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv")
ACGTU: Final = b"ACGTUacgtu"
Q30: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; ``number`` is 1-based, ``byte`` 0-based; ``end`` is what ended it."""

    text: bytes
    number: int
    byte: int
    end: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """Four lines."""

    name: Line
    sequence: Line
    plus: Line
    quality: Line

    @property
    def key(self) -> bytes:
        """Name without mate marker, and the marker; empty where there is no name."""
        return key_of(self.name.text[self.name.text[:1] == b"@" :])


def key_of(title: bytes) -> bytes:
    """The name in a first line without ``@``: without its mate marker, then the marker (0 for none)."""
    token, _, comment = title.replace(b"\t", b" ").partition(b" ")
    if not token:
        return b""
    if len(token) > 2 and token[-2:] in (b"/1", b"/2"):
        return token[:-2] + b"\n" + token[-1:]
    if comment[1:2] == b":" == comment[3:4] and comment[:1] in (b"1", b"2", b"3"):
        return token + b"\n" + comment[:1]
    return token + b"\n0"


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that belong to no record; ``partial`` if they are the beginning of the last one."""

    lines: list[Line]
    partial: bool


@dataclass(slots=True)
class Notes:
    """What was found while reading."""

    counts: dict[int, int] = field(default_factory=dict)
    first: dict[int, list[Position]] = field(default_factory=dict)
    reads: int = 0
    bases: int = 0
    acgtu: int = 0
    qualities: set[int] = field(default_factory=set)
    means: list[int] = field(default_factory=lambda: [0] * 256)
    markers: list[int] = field(default_factory=lambda: [0] * 4)
    ends: dict[bytes, list[int]] = field(default_factory=dict)

    last_was_dropped: bool = False

    def note(self, kind: int, line: Line, value: int = 0, *, column: int = 1, offset: int = 0) -> None:
        """Count a finding in the record that is being read; ``offset`` is counted from the line's beginning."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        places = self.first.setdefault(kind, [])
        if len(places) < FIRSTS:
            places.append(Position(self.reads + 1, line.number, line.byte + offset, column, value))

    def character(self, kind: int, line: Line, offset: int) -> None:
        """Count a finding about one character."""
        self.note(kind, line, line.text[offset], column=offset + 1, offset=offset)


class Plain:
    """Python, and a set of names in which duplicates are looked for; a second pass confirms them."""

    claims = frozenset(kinds.KINDS)

    def __init__(self, name: str, make: Callable[[], Add]) -> None:
        """Look for duplicates with sets that ``make`` makes."""
        self.name = name
        self.make = make

    def check(self, file: BinaryIO, container: Container, seed: Keys, limits: Limits, progress: Progress) -> Outcome:
        """Check an open file, whole."""
        file.seek(0)
        source = Source(file, container)
        notes, add, spool = Notes(), self.make(), Spool(limits.folder)
        candidates: set[bytes] = set()
        keys: list[int] = []
        for item in items(lines(source, progress)):
            if isinstance(item, Gap):
                gap(notes, item)
                continue
            inspect(notes, item)
            key = item.key
            keys.append(number(key, seed))
            if key and add(key):
                candidates.add(key)
            notes.reads += 1
        spool.write(np.array(keys, np.uint64))
        file.seek(0)
        again = confirmed(named(items(lines(Source(file, container), lambda _: None))), candidates)
        return _outcome(notes, again, source, spool)


def lines(source: Source, progress: Progress) -> Iterator[Line]:
    """Lines of the decompressed text.

    :raises CannotCheck: if a line is longer than any record may be.
    """
    rest, number, byte, told = b"", 1, 0, 0
    for piece in source.pieces():
        progress(source.stored - told)
        told = source.stored
        *whole, rest = (rest + piece).split(b"\n")
        for text in whole:
            bare = text.removesuffix(b"\r")
            yield Line(bare, number, byte, text[len(bare) :] + b"\n")
            number, byte = number + 1, byte + len(text) + 1
        if len(rest) > LONGEST_RECORD:
            raise CannotCheck(f"{source.file.name}: a record is longer than {LONGEST_RECORD:,} bytes")
    if rest:
        yield Line(rest, number, byte, b"")


def items(text: Iterator[Line]) -> Iterator[Record | Gap]:
    """Records, and lines that belong to none."""
    ahead: deque[Line] = deque()
    while True:
        while len(ahead) < AHEAD and (line := next(text, None)) is not None:
            ahead.append(line)
        if not ahead:
            return
        count, partial = judge(list(ahead))
        taken = [ahead.popleft() for _ in range(count or 4)]
        yield Gap(taken, partial) if count else Record(*taken)


def fits(four: list[Line]) -> list[bool]:
    """Whether the first line, the third and the lengths are those of a record."""
    if len(four) < 4:
        return [False] * 3
    return [four[0].text[:1] == b"@", four[2].text[:1] == b"+", len(four[1].text) == len(four[3].text)]


def judge(ahead: list[Line]) -> tuple[int, bool]:
    """How many lines are no record, and whether they are the file's cut end; ``(0, False)`` for a record."""
    if all(fits(ahead[:4])):
        return 0, False
    if not ahead[0].text:
        return 1, False
    for line in (1, 2, 3):
        if all(fits(ahead[line : line + 4])):
            return line, False
    if len(ahead) < 4:
        return len(ahead), True
    after = ahead[4:]
    anchored = not after or after[0].text[:1] == b"@" or (len(after) > 2 and after[2].text[:1] == b"+")
    for line in (5, 6, 7):
        if not anchored and all(fits(ahead[line : line + 4])):
            return line, False
    at, plus, long = fits(ahead[:4])
    if at and plus and not after and not ahead[3].end and len(ahead[3].text) < len(ahead[1].text):
        return 4, True
    if at + plus + long >= 2 or ((at or plus) and anchored):
        return 0, False
    return next((n for n, line in enumerate(ahead) if n and line.text[:1] == b"@"), len(ahead)), False


def gap(notes: Notes, missing: Gap) -> None:
    """Note lines that belong to no record."""
    _ends(notes, missing.lines)
    if missing.partial:
        notes.note(kinds.PARTIAL_RECORD, missing.lines[0], len(missing.lines))
        return
    for line in missing.lines:
        if not line.text:
            notes.note(kinds.BLANK_LINE, line)
        elif not notes.last_was_dropped:
            notes.note(kinds.BROKEN_RECORD, line)
        notes.last_was_dropped = bool(line.text)


def inspect(notes: Notes, record: Record) -> None:
    """Check a record."""
    name, sequence, plus, quality = record.name, record.sequence, record.plus, record.quality
    _ends(notes, [name, sequence, plus, quality])
    notes.last_was_dropped = False
    inspect_name(notes, record)
    if not sequence.text:
        notes.note(kinds.EMPTY_READ, sequence)
    wrong = [offset for offset, base in enumerate(sequence.text) if base not in ALLOWED]
    if wrong:
        notes.character(kinds.ALPHABET, sequence, wrong[0])
    if plus.text[:1] != b"+":
        notes.note(kinds.PLUS_LINE, plus, plus.text[0] if plus.text else kinds.EOF_BYTE)
    elif len(plus.text) > 1 and name.text[:1] == b"@" and name.text[1:] != plus.text[1:]:
        notes.note(kinds.PLUS_NAME, plus, len(plus.text) - 1)
    if len(sequence.text) != len(quality.text):
        notes.note(kinds.LENGTH, quality, len(quality.text), column=len(sequence.text))
    wrong = [offset for offset, q in enumerate(quality.text) if not 33 <= q <= 126]
    if wrong:
        notes.character(kinds.QUALITY_RANGE, quality, wrong[0])
    notes.bases += len(sequence.text)
    notes.acgtu += sum(sequence.text.count(base) for base in ACGTU)
    notes.qualities.update(quality.text)
    if quality.text:
        notes.means[min(127, sum(quality.text) // len(quality.text))] += 1


def inspect_name(notes: Notes, record: Record) -> None:
    """Check the first line of a record."""
    text = record.name.text
    begin = int(text[:1] == b"@")
    if not begin:
        notes.note(kinds.AT_SIGN, record.name, text[0] if text else kinds.EOF_BYTE)
    wrong = [offset for offset in range(begin, len(text)) if not (32 <= text[offset] <= 126 or text[offset] == 9)]
    if wrong:
        notes.character(kinds.NAME_CHARACTERS, record.name, wrong[0])
    key = record.key
    if not key:
        notes.note(kinds.NAME_EMPTY, record.name)
        return
    if len(key) - 2 > kinds.NAME_LIMIT:
        notes.note(kinds.NAME_LENGTH, record.name, len(key) - 2)
    notes.markers[int(key[-1:])] += 1


def _ends(notes: Notes, found: list[Line]) -> None:
    for line in found:
        if line.end:
            notes.ends.setdefault(line.end, [0, line.number])[0] += 1


def named(found: Iterator[Record | Gap]) -> Iterator[tuple[bytes, int]]:
    """Key and line of each record."""
    return ((item.key, item.name.number) for item in found if isinstance(item, Record))


def confirmed(reads: Iterator[tuple[bytes, int]], candidates: set[bytes]) -> Repeated:
    """Reads that have the name of an earlier one, for names among ``candidates``; reads are (key, line)."""
    first: dict[bytes, tuple[int, int]] = {}
    counts: dict[bytes, int] = {}
    result = Repeated()
    if not candidates:
        return result
    for record, (key, line) in enumerate(reads, 1):
        if key not in candidates:
            continue
        counts[key] = counts.get(key, 0) + 1
        if counts[key] == 1:
            first[key] = (record, line)
            continue
        result.reads += 1
        if len(result.first) < FIRSTS:
            name = key.rpartition(b"\n")[0].decode("ascii", "backslashreplace")
            result.first.append(Repeat(name, record, line, *first[key]))
    result.names = sum(count > 1 for count in counts.values())
    return result


def number(key: bytes, seed: Keys) -> int:
    """The key as a number of the spool: 62 bits of a hash, and the marker."""
    if not key:
        return 0
    name, _, mark = key.rpartition(b"\n")
    digest = hashlib.blake2b(name, digest_size=8, key=seed.tobytes()).digest()
    return int.from_bytes(digest, "little") & ~3 | int(mark) or 4


def _outcome(notes: Notes, again: Repeated, source: Source, spool: Spool) -> Outcome:
    findings = wording.worded(notes.counts, notes.first)
    findings += wording.line_ends(notes.ends.get(b"\r\n", [0, 0]), notes.ends.get(b"\n", [0, 0]))
    findings += wording.duplicate_finding(again)
    valid = {q for q in notes.qualities if 33 <= q <= 126}
    offset = encoding(min(valid, default=33), max(valid, default=33))
    measured = sum(notes.means)
    shares = {
        "acgtu-share": round(notes.acgtu / notes.bases, 6) if notes.bases else None,
        "q30-share": round(sum(notes.means[offset + Q30 :]) / measured, 6) if measured else None,
    }
    markers = np.array(notes.markers, np.int64)
    return Outcome(notes.reads, notes.bases, findings, offset, shares, source.fault, spool, markers)
