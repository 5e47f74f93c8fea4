"""Findings in words, from what was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from adapters.qc import kinds
from adapters.qc import tally as t_
from adapters.qc.findings import Finding, Place
from adapters.qc.repeats import Repeated
from adapters.qc.source import Fault
from adapters.qc.tally import Position, Tally

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "at-sign": ("reads", "the first line of a read does not begin with '@'"),
    "plus-line": ("reads", "the third line of a read does not begin with '+'"),
    "plus-name": ("reads", "the text after '+' is not that of the first line"),
    "length": ("reads", "sequence and quality are not equally long"),
    "empty-read": ("reads", "the sequence is empty"),
    "alphabet": ("reads", "the sequence has a character that is no IUPAC nucleotide code"),
    "quality-range": ("reads", "the quality has a character outside '!' to '~'"),
    "name-empty": ("reads", "the read has no name"),
    "name-length": ("reads", f"the name is longer than {kinds.NAME_LIMIT} bytes"),
    "name-characters": ("reads", "the first line has a character that is not printable ASCII"),
    "broken-record": ("places", "lines that are part of no read; a line is missing or one too many"),
    "blank-line": ("lines", "a blank line between reads"),
    "partial-record": ("places", "the file ends within a read"),
}

FAULTS: Final = {
    "compression-truncated": "the compressed data end too early",
    "compression-corrupt": "the compressed data are corrupt; nothing after this place could be read",
    "trailing-data": "there are other data after the compressed data",
}
CHARACTERS: Final = (kinds.AT_SIGN, kinds.PLUS_LINE, kinds.ALPHABET, kinds.QUALITY_RANGE, kinds.NAME_CHARACTERS)
"""Kinds that are about one character."""


def record_findings(tally: Tally) -> list[Finding]:
    """Findings of the kernel."""
    counts = {kind: int(count) for kind, count in enumerate(tally.counts) if count}
    first = {
        kind: [Position(*map(int, row)) for row in tally.firsts[kind, : min(count, t_.FIRSTS)]]
        for kind, count in counts.items()
    }
    return worded(counts, first)


def worded(counts: Mapping[int, int], first: Mapping[int, Sequence[Position]]) -> list[Finding]:
    """Findings of counts and first positions, by number of the kind."""
    found = []
    for number, kind in enumerate(kinds.RECORD_KINDS):
        if number in counts:
            places = tuple(place(number, position) for position in first[number])
            unit, message = MESSAGES[kind]
            found.append(Finding(kind, counts[number], unit, message, places))
    return found


def place(kind: int, position: Position) -> Place:
    """The place of a position; a column only where the finding is about one character."""
    column = position.column if kind in CHARACTERS else None
    return Place(position.record, position.line, position.byte, column, detail(kind, position))


def detail(kind: int, position: Position) -> str:
    """What stands at a place."""
    value = position.value
    if kind in CHARACTERS:
        return "the line is empty" if value == kinds.EOF_BYTE else f"found {character(value)}"
    if kind == kinds.LENGTH:
        return f"sequence {position.column:,}, quality {value:,}"
    if kind == kinds.NAME_LENGTH:
        return f"{value:,} bytes"
    if kind == kinds.PARTIAL_RECORD:
        return f"{value} of 4 lines" if value < 4 else "the quality is cut"
    return ""


def character(value: int) -> str:
    """A byte as a person reads it."""
    return f"'{chr(value)}'" if 32 < value < 127 else f"byte 0x{value:02X}"


def line_end_findings(tally: Tally) -> list[Finding]:
    """Line ends as the kernel counted them."""
    state = [int(value) for value in tally.state]
    return line_ends((state[t_.CRLF], state[t_.FIRST_CRLF]), (state[t_.LF], state[t_.FIRST_LF]))


def line_ends(crlf: Sequence[int], lf: Sequence[int]) -> list[Finding]:
    """CR LF line ends, all or some; both are given as (lines, first line)."""
    if not crlf[0]:
        return []
    if not lf[0]:
        return [Finding("crlf", crlf[0], "lines", "lines end with CR LF", (Place(line=crlf[1]),))]
    places = (
        Place(line=crlf[1], detail=f"the first of {crlf[0]:,} that end with CR LF"),
        Place(line=lf[1], detail=f"the first of {lf[0]:,} that end with LF"),
    )
    said = "some lines end with CR LF and some with LF"
    return [Finding("mixed-line-ends", min(crlf[0], lf[0]), "lines", said, places)]


def compression(fault: Fault | None) -> list[Finding]:
    """The finding of compressed data that end too early or are wrong."""
    if fault is None:
        return []
    place_ = Place(detail=f"byte {fault.byte:,} of the stored file: {fault.reason}")
    return [Finding(fault.kind, 1, "files", FAULTS[fault.kind], (place_,))]


def duplicate_finding(found: Repeated) -> list[Finding]:
    """The finding of duplicate names."""
    if not found.reads:
        return []
    message = f"reads have the name of an earlier read ({found.names:,} different names)"
    places_ = tuple(
        Place(
            repeat.record,
            repeat.line,
            detail=f"{repeat.name} is also read {repeat.first_record:,} (line {repeat.first_line:,})",
        )
        for repeat in found.first
    )
    return [Finding("duplicate-name", found.reads, "reads", message, places_)]
