"""The header of a BAM or CRAM file (SAM specification 1.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.qc.findings import Finding, Place

SHOWN: Final = 5
LINE = re.compile(r"@(?:CO\t.*|(?:HD|SQ|RG|PG|[A-Za-z]{2})(?:\t[A-Za-z][A-Za-z0-9]:[^\t]*)+)")
NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
VERSION = re.compile(r"[0-9]+\.[0-9]+")
ORDERS: Final = ("unknown", "unsorted", "queryname", "coordinate")
LONGEST: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference: its name, its length in bases, and its MD5 in lower-case hex where the header gives it."""

    name: str
    length: int
    md5: str | None = None


@dataclass(slots=True)
class Header:
    """What a header says, and what is wrong with it: ``faults`` are (line, what)."""

    sequences: list[Reference] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    order: str = "unknown"
    names: set[str] = field(default_factory=set)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        """One finding, if there are faults."""
        if not self.faults:
            return []
        places = tuple(Place(line=line or None, detail=what) for line, what in self.faults[:SHOWN])
        return [Finding("header", len(self.faults), "places", "the header is not what it should be", places)]


def read_header(text: str, binary: Sequence[Reference] | None) -> Header:
    """Read the text of a header.

    :param binary: the references that BAM lists besides the text, in the order by which records name them.
    """
    made = Header()
    programs: dict[str, str | None] = {}
    for number, line in enumerate(text.rstrip("\0").splitlines(), 1):
        if not LINE.fullmatch(line):
            made.faults.append((number, f"is no header line: {line[:40]!r}"))
            continue
        tags = dict(item.split(":", 1) for item in line.split("\t")[1:]) if line[1:3] != "CO" else {}
        _line(made, number, line[1:3], tags, programs)
    known = set(programs)
    made.faults += [
        (0, f"@PG {name!r} names {before!r} before it, which is not there")
        for name, before in programs.items()
        if before is not None and before not in known
    ]
    if binary is not None:
        _compare(made, binary)
    return made


def _line(made: Header, number: int, kind: str, tags: dict[str, str], programs: dict[str, str | None]) -> None:
    match kind:
        case "HD":
            _first(made, number, tags)
        case "SQ":
            _sequence(made, number, tags)
        case "RG":
            if not tags.get("ID") or tags["ID"] in made.groups:
                made.faults.append((number, f"@RG {tags.get('ID', '')!r} has no ID, or that of another"))
            made.groups.append(tags.get("ID", ""))
        case "PG":
            if not tags.get("ID") or tags["ID"] in programs:
                made.faults.append((number, f"@PG {tags.get('ID', '')!r} has no ID, or that of another"))
            programs[tags.get("ID", "")] = tags.get("PP")


def _first(made: Header, number: int, tags: dict[str, str]) -> None:
    if number != 1:
        made.faults.append((number, "@HD is not the first line"))
    if not VERSION.fullmatch(tags.get("VN", "")):
        made.faults.append((number, f"@HD has VN {tags.get('VN')!r}, not a version"))
    made.order = tags.get("SO", "unknown")
    if made.order not in ORDERS:
        made.faults.append((number, f"@HD has SO {made.order!r}; allowed are {', '.join(ORDERS)}"))


def _sequence(made: Header, number: int, tags: dict[str, str]) -> None:
    name, length = tags.get("SN", ""), tags.get("LN", "")
    if not NAME.fullmatch(name):
        made.faults.append((number, f"@SQ has SN {name!r}, not a name"))
    elif name in made.names:
        made.faults.append((number, f"@SQ {name!r} occurs before"))
    if not length.isdecimal() or not 1 <= int(length) <= LONGEST:
        made.faults.append((number, f"@SQ {name!r} has LN {length!r}, not a length"))
    made.sequences.append(Reference(name, int(length) if length.isdecimal() else 0, tags.get("M5", "").lower() or None))
    made.names.add(name)


def _compare(made: Header, binary: Sequence[Reference]) -> None:
    """The references of the text are those that BAM lists, in order; where the text has none, the list stands alone."""
    if made.sequences:
        said = [(one.name, one.length) for one in made.sequences]
        listed = [(one.name, one.length) for one in binary]
        if said != listed:
            unlike = (i for i, (a, b) in enumerate(zip(said, listed, strict=False)) if a != b)
            at = next(unlike, min(len(said), len(listed)))
            made.faults.append((0, f"reference {at + 1} differs between the text and the list of references"))
    sums = {one.name: one.md5 for one in made.sequences}
    made.sequences = [Reference(one.name, one.length, sums.get(one.name)) for one in binary]
