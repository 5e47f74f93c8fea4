"""What the answers must be: the text of the files read with plain Python, every question asked of every allele.

Shares no code with the package under test.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

WILD = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGTN",
}  # fmt: skip
ONE = {"Val": "V", "Glu": "E", "Arg": "R", "His": "H", "Lys": "K", "Ter": "*", "Gly": "G", "Leu": "L"}
ASKED = {
    "SNP": {"SNP"}, "DEL": {"DEL"}, "EFO:0030067": {"DEL"}, "DUP": {"DUP"}, "EFO:0030070": {"DUP"}, "INS": {"INS"},
    "INDEL": {"INS", "DEL", "INDEL"}, "INV": {"INV"}, "BND": {"BND"}, "CNV": {"CNV", "DUP", "DEL"}, "MNP": {"MNP"},
}  # fmt: skip


@dataclass
class Line:
    """One allele of one line of one file, with the copies and called alleles of each person."""

    dataset: str
    assembly: str
    contig: str
    start: int
    end: int
    ref: str
    alt: str
    before: str
    type: str
    length: int
    symbolic: bool
    said: set[tuple[str, str]]
    copies: dict[int, int] = field(default_factory=dict)
    called: dict[int, int] = field(default_factory=dict)
    site: tuple[int, int] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.assembly, self.contig, self.start, self.end - self.start, self.ref, self.alt, self.length)


def read(text: str, dataset: str, assembly: str, person: dict[str, int]) -> list[Line]:
    """All alleles of a file that anybody has (or, without genotypes, whose AC is not 0)."""
    found: list[Line] = []
    names: list[str] = []
    for row in text.splitlines():
        if row.startswith("#CHROM"):
            names = row.split("\t")[9:]
        if row.startswith("#"):
            continue
        cells = row.split("\t")
        info = dict(item.partition("=")[::2] for item in cells[7].split(";"))
        for number, alt in enumerate(cells[4].split(","), 1):
            if alt in ("*", "<NON_REF>"):
                continue
            line = _line(dataset, assembly, cells, alt, number, info)
            if names:
                _count(line, names, cells[9:], number, person)
                if not any(line.copies.values()):
                    continue
            else:
                count = int(info["AC"].split(",")[number - 1])
                if count == 0:
                    continue
                line.site = (count, int(info["AN"]))
            found.append(line)
    for _, group in itertools.groupby(sorted(found, key=lambda line: line.key), key=lambda line: line.key):
        same = list(group)  # what a file says of an allele it says of it in all its records
        for line in same:
            line.said = set().union(*(other.said for other in same))
            line.before = next((other.before for other in same if other.before), "")
    return found


def _line(dataset: str, assembly: str, cells: list[str], alt: str, number: int, info: dict[str, str]) -> Line:
    contig = cells[0].removeprefix("chr")
    position = int(cells[1])
    said = set()
    for entry in info.get("ANN", "").split(","):
        parts = entry.split("|")
        if len(parts) > 10 and parts[0] == alt and parts[1] != "upstream_gene_variant":
            change = parts[10].removeprefix("p.")
            for three, one in ONE.items():
                change = change.replace(three, one)
            said.add((parts[3], change))
    if alt.startswith("<") or "[" in alt:
        return _symbolic(dataset, assembly, contig, position, alt, number, info, said)
    ref, new, start, before = cells[3].upper(), alt.upper(), position - 1, ""
    while ref and new and ref[-1:] == new[-1:]:
        ref, new = ref[:-1], new[:-1]
    while ref and new and ref[0] == new[0]:
        before, ref, new, start = ref[0], ref[1:], new[1:], start + 1
    if ref and new:
        before = ""
        kind = {True: "SNP" if len(ref) == 1 else "MNP", False: "INDEL"}[len(ref) == len(new)]
    else:
        kind = "DEL" if ref else "INS"
    length = max(len(ref), len(new))
    return Line(dataset, assembly, contig, start, start + len(ref), ref, new, before, kind, length, False, said)


def _symbolic(
    dataset: str, assembly: str, contig: str, position: int, alt: str, number: int, info: dict[str, str], said: set[Any]
) -> Line:
    length = abs(int(info["SVLEN"].split(",")[number - 1])) if "SVLEN" in info else None
    if "[" in alt:
        return Line(dataset, assembly, contig, position - 1, position, "", alt, "", "BND", length or 0, True, said)
    name = alt[1:-1].split(":")[0]
    name = "DEL" if name == "CN0" else name
    covered = 0 if name == "INS" else length or 0
    end = int(info["END"]) if "END" in info else position + covered
    length = end - position if length is None else length
    return Line(dataset, assembly, contig, position, end, "", alt, "", name, length, True, said)


def _count(line: Line, names: list[str], calls: list[str], number: int, person: dict[str, int]) -> None:
    for name, call in zip(names, calls, strict=True):
        alleles = call.split(":")[0].replace("|", "/").split("/")
        who = person[name]
        line.copies[who] = max(line.copies.get(who, 0), alleles.count(str(number)))
        line.called[who] = max(line.called.get(who, 0), len([a for a in alleles if a != "."]))


@dataclass
class Question:
    """A question in plain terms; the fields are those of the package's query."""

    assembly: str | None = None
    reference_name: str | None = None
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    reference_bases: str | None = None
    alternate_bases: str | None = None
    variant_type: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    gene: str | None = None
    aminoacid_change: str | None = None
    genomic_allele: str | None = None
    mate_name: str | None = None


def _like(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    return len(pattern) == len(text) and all(t in WILD[p] for p, t in zip(pattern, text, strict=True))


def _plain(text: str | None) -> bool:
    return text is not None and all(c in "ACGT" for c in text)


def _bases(q: Question, line: Line) -> bool:
    ref, alt = q.reference_bases, q.alternate_bases
    if ref is None and alt is None:
        return True
    if line.symbolic:
        return False
    at = q.start[0] if len(q.start) == 1 and not q.end else None
    if _plain(ref) and _plain(alt):
        assert ref is not None
        assert alt is not None
        short = _line("", "", ["1", str((at or 0) + 1), "", ref, "", "", "", ""], alt, 1, {})
        same = (short.ref, short.alt) == (line.ref, line.alt)
        return same and (at is None or short.start == line.start)
    if (at is None or line.start == at) and _like(ref, line.ref) and _like(alt, line.alt):
        return True
    with_base = _like(ref, line.before + line.ref) and _like(alt, line.before + line.alt) and line.before != ""
    if at is None:
        return with_base and ref is not None and alt is not None
    return with_base and line.start == at + 1


def matches(q: Question, line: Line) -> bool:
    """Whether an allele answers a question (never one with ``genomic_allele``: those are asked as equivalents)."""
    if q.assembly and q.assembly != line.assembly:
        return False
    if q.reference_name and q.reference_name.removeprefix("chr") != line.contig:
        return False
    if len(q.start) == 2:
        if not (q.start[0] <= line.start < q.start[1] and q.end[0] <= line.end < q.end[1]):
            return False
    elif q.end:
        covered = range(line.start - 1, line.start + 1) if line.start == line.end else range(line.start, line.end)
        first, last = covered[0], covered[-1]
        if last < q.start[0] or first >= q.end[0]:
            return False
    if not _bases(q, line):
        return False
    mate = (q.mate_name or "").removeprefix("chr")
    if mate and not any(f"{bracket}{prefix}{mate}:" in line.alt for bracket in "[]" for prefix in ("", "chr")):
        return False
    if q.variant_type and line.type not in ASKED[q.variant_type]:
        return False
    if q.min_length is not None and line.length < q.min_length:
        return False
    if q.max_length is not None and line.length > q.max_length:
        return False
    if q.gene or q.aminoacid_change:
        return any(q.gene in (None, g) and q.aminoacid_change in (None, a) for g, a in line.said)
    return True


@dataclass
class Expected:
    """What is visible of one allele in one data set."""

    count: int | None
    number: int | None
    carriers: set[int]
    homozygotes: set[int]


def answer(q: Question, lines: list[Line], datasets: list[str], visible: set[int]) -> dict[Any, dict[str, Expected]]:
    """Per allele, per data set, what visible people show of it."""
    found: dict[Any, dict[str, Expected]] = {}
    chosen = [line for line in lines if line.dataset in datasets and matches(q, line)]
    chosen.sort(key=lambda line: (line.key, line.dataset))
    for (key, dataset), group in itertools.groupby(chosen, key=lambda line: (line.key, line.dataset)):
        same = list(group)
        expected = _expected([line for line in same if line.site is None], visible)
        sites = [line.site for line in same if line.site is not None]
        if expected is None and sites:
            count, number = max(sites, key=lambda site: (site[1], site[0]))
            expected = Expected(count, number, set(), set())
        if expected is not None:
            found.setdefault(key, {})[dataset] = expected
    return found


def _expected(lines: list[Line], visible: set[int]) -> Expected | None:
    copies: dict[int, int] = {}
    called: dict[int, int] = {}
    for line in lines:
        for who in line.called.keys() & visible:
            copies[who] = max(copies.get(who, 0), line.copies[who])
            called[who] = max(called.get(who, 0), line.called[who])
    carriers = {who for who, n in copies.items() if n}
    if not carriers:
        return None
    homozygotes = {who for who, n in copies.items() if n == 2}
    return Expected(sum(copies.values()), sum(called.values()), carriers, homozygotes)
