"""Findings in words, from what was counted."""

from __future__ import annotations

from typing import Final

from adapters.qc import kinds
from adapters.qc import tally as t_
from adapters.qc.findings import Finding, Place
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


def record_findings(tally: Tally) -> list[Finding]:
    """Findings of the kernel, in its order."""
    found = []
    for number, kind in enumerate(kinds.RECORD_KINDS):
        count = int(tally.counts[number])
        if not count:
            continue
        positions = [Position(*map(int, row)) for row in tally.firsts[number, : min(count, t_.FIRSTS)]]
        unit, message = MESSAGES[kind]
        places = tuple(Place.of(position, detail(number, position)) for position in positions)
        found.append(Finding(kind, count, unit, message, places))
    return found


def detail(kind: int, position: Position) -> str:
    """What stands at a place."""
    value = position.value
    if kind in (kinds.AT_SIGN, kinds.PLUS_LINE, kinds.ALPHABET, kinds.QUALITY_RANGE, kinds.NAME_CHARACTERS):
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
    """CRLF line ends, all or some."""
    crlf, lf = int(tally.state[t_.CRLF]), int(tally.state[t_.LF])
    if not crlf:
        return []
    if not lf:
        return [Finding("crlf", crlf, "lines", "lines end with CR LF", (Place(line=int(tally.state[t_.FIRST_CRLF])),))]
    places = (
        Place(line=int(tally.state[t_.FIRST_CRLF]), detail=f"the first of {crlf:,} that end with CR LF"),
        Place(line=int(tally.state[t_.FIRST_LF]), detail=f"the first of {lf:,} that end with LF"),
    )
    return [Finding("mixed-line-ends", min(crlf, lf), "lines", "some lines end with CR LF and some with LF", places)]
