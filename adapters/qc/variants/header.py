"""The header of a VCF file (VCF specification 1.4 and 1.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from adapters.qc.findings import Finding, Place

SHOWN: Final = 5
VERSION = re.compile(r"##fileformat=VCFv4\.[0-5]")
META = re.compile(r"##[^=]+=.+")
STRUCTURED = re.compile(r"##(INFO|FORMAT|FILTER|ALT|contig)=<(.*)>\s*")
VALUE = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
NUMBER = re.compile(r"\d+|[ARGPM.]|L[ARG]")
TYPES: Final = frozenset({"Integer", "Float", "Flag", "Character", "String"})
DECLARED: Final = ("INFO", "FORMAT", "FILTER", "ALT")
COLUMNS: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


@dataclass(slots=True)
class Header:
    """Contigs with their lengths (None where not said), names by kind, samples; ``faults`` are (line, what)."""

    contigs: dict[str, int | None] = field(default_factory=dict)
    declared: dict[str, set[str]] = field(
        default_factory=lambda: {kind: set() for kind in ("INFO", "FORMAT", "FILTER", "ALT")}
    )
    samples: list[str] = field(default_factory=list)
    columns: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        """One finding, if there are faults."""
        if not self.faults:
            return []
        places = tuple(Place(line=line, detail=what) for line, what in self.faults[:SHOWN])
        return [Finding("header", len(self.faults), "places", "the header is not what it should be", places)]

    def take(self, number: int, line: str) -> bool:
        """Take line ``number`` (1-based); whether it is the last one of the header."""
        if number == 1 and not VERSION.fullmatch(line):
            self.faults.append((1, f"is no version of VCF 4: {line[:40]!r}"))
        if line.startswith("##"):
            self._meta(number, line)
            return False
        if not line.startswith("#CHROM"):
            self.faults.append((number, f"the line of column names is missing; found {line[:40]!r}"))
        self._names(number, line.split("\t"))
        return True

    def _meta(self, number: int, line: str) -> None:
        found = STRUCTURED.fullmatch(line)
        if found is None:
            if not META.fullmatch(line) or re.match(r"##(INFO|FORMAT|FILTER|ALT|contig)=", line):
                self.faults.append((number, f"is no header line: {line[:40]!r}"))
            return
        kind, values = found[1], {name: value.strip('"') for name, value in VALUE.findall(found[2])}
        id_ = values.get("ID", "")
        known = self.contigs if kind == "contig" else self.declared[kind]
        if not id_ or id_ in known:
            self.faults.append((number, f"{kind} {id_!r} has no ID, or that of another"))
        if kind == "contig":
            length = values.get("length", "")
            if length and not length.isdecimal():
                self.faults.append((number, f"contig {id_!r} has length {length!r}"))
            self.contigs[id_] = int(length) if length.isdecimal() else None
            return
        self.declared[kind].add(id_)
        if kind in ("INFO", "FORMAT"):
            self._typed(number, kind, id_, values)

    def _typed(self, number: int, kind: str, id_: str, values: dict[str, str]) -> None:
        if not NUMBER.fullmatch(values.get("Number", "")):
            self.faults.append((number, f"{kind} {id_!r} has Number {values.get('Number')!r}"))
        if values.get("Type") not in TYPES:
            self.faults.append((number, f"{kind} {id_!r} has Type {values.get('Type')!r}"))

    def _names(self, number: int, names: list[str]) -> None:
        self.columns = len(names)
        if tuple(names[:8]) != COLUMNS or (len(names) > 8 and names[8] != "FORMAT"):
            self.faults.append((number, f"columns are to be {' '.join(COLUMNS)}, and FORMAT before samples"))
        self.samples = names[9:]
        twice = (
            {name for name in self.samples if self.samples.count(name) > 1}
            if len(set(self.samples)) < len(self.samples)
            else set()
        )
        self.faults += [(number, f"sample {name!r} occurs more than once") for name in sorted(twice)]
        if "" in self.samples:
            self.faults.append((number, "a sample has no name"))
