"""Every line of a VCF, checked against the header, the line before it, and a reference if there is one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from adapters.qc.findings import Finding, Place
from adapters.qc.reference import ReferenceGenome
from adapters.qc.variants.genotypes import NONE, check_genotypes
from adapters.qc.variants.header import Header
from adapters.qc.variants.kinds import MESSAGES

FIRSTS: Final = 5
FIXED: Final = 8
REF = re.compile(rb"[ACGTNacgtn]+")
ALT = re.compile(
    rb"\.|\*|[ACGTNacgtn]+|<[^<>\s,]+>"
    rb"|[ACGTNacgtn]*[\[\]][^\s\[\]]+:\d+[\[\]][ACGTNacgtn]*|\.[ACGTNacgtn]+|[ACGTNacgtn]+\."
)
QUALITY = re.compile(rb"\.|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:[+-]?inf(inity)?|nan)")


@dataclass(slots=True)
class Lines:
    """What was found in the lines so far. ``mixed`` are contigs on which samples may differ in ploidy."""

    header: Header
    genome: ReferenceGenome | None
    mixed: frozenset[str]
    number: int = 0
    records: int = 0
    crlf: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, list[Place]] = field(default_factory=dict)
    by_contig: dict[str, int] = field(default_factory=dict)
    _contig: str = ""
    _position: int = -1
    _ploidy: dict[str, int] = field(default_factory=dict)
    _known: dict[tuple[str, bytes], str | None] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        """Check the next line of the file, without its end."""
        self.number += 1
        if line.endswith(b"\r"):
            self.crlf += 1
            line = line[:-1]
        if not self.header.columns:
            if self.header.take(self.number, line.decode("utf-8", "replace")) and not line.startswith(b"#"):
                self._record(line)
            return
        self._record(line)

    def _record(self, line: bytes) -> None:
        self.records += 1
        fields = line.split(b"\t", FIXED + 1)
        samples = len(self.header.samples)
        if len(fields) < min(self.header.columns, FIXED + 2) or (len(fields) > FIXED and self.header.columns == FIXED):
            columns = line.count(b"\t") + 1
            self._note("vcf-columns", f"{columns:,} columns")
            return
        self._place(fields)
        alternates = self._alleles(fields)
        if not QUALITY.fullmatch(fields[5]):
            self._note("vcf-quality", _shown(fields[5]))
        self._declared(fields, samples)
        if samples:
            self._genotypes(line, fields, alternates)

    def _place(self, fields: list[bytes]) -> None:
        contig = fields[0].decode("utf-8", "replace")
        header = self.header.contigs
        if header and contig not in header:
            self._note("vcf-contig", repr(contig))
        position = int(fields[1]) if fields[1].isdigit() else -1
        length = header.get(contig)
        if position < 0 or (length is not None and position > length + 1):
            self._note("vcf-position", f"{contig}:{_shown(fields[1])}")
        if 0 <= position < self._position if contig == self._contig else contig in self.by_contig:
            self._note("vcf-order", f"{contig}:{position:,}")
        self._contig, self._position = contig, position
        self.by_contig[contig] = self.by_contig.get(contig, 0) + 1
        if self.genome and REF.fullmatch(fields[3]) and position > 0:
            self._against(self.genome, contig, position, fields[3].upper())

    def _against(self, genome: ReferenceGenome, contig: str, position: int, ref: bytes) -> None:
        there = genome.bases(contig, position - 1, len(ref)) if contig in genome.contigs else b""
        if there != ref:
            said = (
                f"{contig}:{position:,}: REF {_shown(ref)}, the reference has {_shown(there) if there else 'nothing'}"
            )
            self._note("ref-base", said)

    def _alleles(self, fields: list[bytes]) -> int:
        """Check REF and ALT; how many alternates there are."""
        if not REF.fullmatch(fields[3]):
            self._note("vcf-alleles", f"REF {_shown(fields[3])}")
            return fields[4].count(b",") + 1
        alternates = [] if fields[4] == b"." else fields[4].split(b",")
        for alternate in alternates:
            if not ALT.fullmatch(alternate):
                self._note("vcf-alleles", f"ALT {_shown(alternate)}")
                break
        return len(alternates)

    def _declared(self, fields: list[bytes], samples: int) -> None:
        wrong = self._undeclared("FILTER", fields[6], b";", frozenset({"PASS", ".", "0"}))
        if wrong is None and fields[7] != b".":
            keys = b";".join(item.partition(b"=")[0] for item in fields[7].split(b";") if item)
            wrong = self._undeclared("INFO", keys, b";", frozenset())
        if wrong is None and samples:
            wrong = self._undeclared("FORMAT", fields[8], b":", frozenset({"."}))
        if wrong is not None:
            self._note("vcf-undeclared", wrong)

    def _undeclared(self, kind: str, names: bytes, between: bytes, allowed: frozenset[str]) -> str | None:
        """The first of the names that is not declared. Few combinations occur, and each is looked up once."""
        key = (kind, names)
        if key not in self._known:
            known = self.header.declared[kind] | allowed
            unknown = (name.decode("utf-8", "replace") for name in names.split(between))
            first = next((name for name in unknown if name not in known), None)
            if len(self._known) > 1 << 16:
                self._known.clear()
            self._known[key] = None if first is None else f"{kind} {first!r}"
        return self._known[key]

    def _genotypes(self, line: bytes, fields: list[bytes], alternates: int) -> None:
        genotyped = fields[8] == b"GT" or fields[8].startswith(b"GT:")
        start = len(line) - len(fields[FIXED + 1])
        expected = self._ploidy.get(self._contig, 0)
        text = np.frombuffer(line, np.uint8)
        found, wrong, other, ploidy = check_genotypes(text, start, genotyped, alternates + 1, expected)
        if found != len(self.header.samples):
            self._note("vcf-columns", f"{found:,} samples, the header has {len(self.header.samples):,}")
            return
        if wrong != NONE:
            self._note("genotype", f"sample {self.header.samples[wrong]}")
        if self._contig not in self.mixed:
            self._ploidy[self._contig] = ploidy
            if other != NONE:
                self._note("ploidy", f"sample {self.header.samples[other]}, expected {ploidy}")

    def _note(self, kind: str, detail: str) -> None:
        self.counts[kind] += 1
        places = self.firsts.setdefault(kind, [])
        if len(places) < FIRSTS:
            places.append(Place(record=self.records, line=self.number, detail=detail))

    def findings(self) -> list[Finding]:
        """Of header and lines."""
        made = self.header.findings()
        for kind, (unit, message) in MESSAGES.items():
            if count := self.counts[kind]:
                made.append(Finding(kind, count, unit, message, tuple(self.firsts[kind])))
        if self.crlf:
            made.append(Finding("crlf", self.crlf, "lines", "lines end with CR LF"))
        return made


def _shown(text: bytes) -> str:
    said = text.decode("utf-8", "replace")
    return repr(said if len(said) <= 40 else said[:40] + "…")
