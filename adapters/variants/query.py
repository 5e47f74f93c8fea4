"""Questions about variants in Beacon's terms, and what they mean once checked (CHECKLIST 2.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from adapters.variants import hgvs
from adapters.variants.assemblies import (
    Contig,
    GenomeAssembly,
    UnknownAssembly,
    UnknownContig,
    assembly,
    assembly_of_accession,
)
from adapters.variants.bases import BasePattern, normalised
from adapters.variants.types import type_names, types_named

GENE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
AMINOACID = re.compile(r"[A-Z*]\d{1,6}(?:_[A-Z*]\d{1,6})?[A-Za-z*=][A-Za-z0-9*=]{0,39}")
REPLACING = frozenset({"SNP", "MNP", "INDEL"})
LONGEST_PATTERN = 10_000
LONGEST_VARIANT = 2**31 - 1
SAME = 64  # questions of which it is remembered what they mean: each is looked at several times while it is answered


class InvalidVariantQuery(ValueError):
    """A question that has no meaning; ``field`` is Beacon's name of the parameter that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class VariantQuery:
    """The request parameters of ``g_variant``. Positions are 0-based, ends exclusive; one or two of each.

    ``reference_bases`` and ``alternate_bases`` may be empty (the missing side of an insertion or deletion), which is
    something else than None (not asked).
    """

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


class Place(Enum):
    """How the positions of a question are meant."""

    ANYWHERE = "anywhere"
    POSITION = "sequence"
    OVERLAP = "range"
    BRACKET = "bracket"


@dataclass(frozen=True, slots=True)
class Criteria:
    """A checked question. ``starts`` are the positions of a sequence question, ``window`` the range of an overlap.

    ``bracket`` holds the bounds of start and end: start in [0, 1), end in [2, 3). All other fields narrow further;
    ``mates`` are names of the sequence on which a breakend goes on.
    """

    place: Place = Place.ANYWHERE
    assembly: str | None = None
    contig: str | None = None
    starts: tuple[int, ...] = ()
    window: tuple[int, int] = (0, 0)
    bracket: tuple[int, int, int, int] = (0, 0, 0, 0)
    bases: BasePattern | None = None
    types: frozenset[str] | None = None
    min_length: int | None = None
    max_length: int | None = None
    gene: str | None = None
    aminoacid: str | None = None
    mates: tuple[str, ...] | None = None

    @property
    def by_place_alone(self) -> bool:
        """Whether nothing but place and bases is asked for."""
        narrower = (self.types, self.min_length, self.max_length, self.gene, self.aminoacid, self.mates)
        return all(value is None for value in narrower)


@lru_cache(SAME)
def validate(query: VariantQuery) -> Criteria:
    """What a question means.

    :raises InvalidVariantQuery: naming the parameter and what is allowed (BEA-45…52).
    """
    _check_lengths(query)
    if query.genomic_allele is not None:
        return _genomic_allele(query)
    genome, contig = _sequence(query.assembly, query.reference_name)
    place, starts, window, bracket = _positions(query, contig)
    bases = _bases(query)
    if place is Place.ANYWHERE and bases is not None and query.gene is None:
        raise InvalidVariantQuery("start", "bases are asked for at a position, in a range or in a gene")
    if place is Place.POSITION and query.alternate_bases is None:
        raise InvalidVariantQuery("alternateBases", "required with start when end is not given (may be empty)")
    return Criteria(
        place=place,
        assembly=genome.name if genome else None,
        contig=contig.name if contig else None,
        starts=starts,
        window=window,
        bracket=bracket,
        bases=bases,
        types=_types(query.variant_type),
        min_length=query.min_length,
        max_length=query.max_length,
        gene=_text("geneId", query.gene, GENE, "an HGNC gene symbol such as BRAF"),
        aminoacid=_text("aminoacidChange", query.aminoacid_change, AMINOACID, "the one-letter form such as V600E"),
        mates=_mates(query, genome),
    )


def _sequence(named: str | None, reference_name: str | None) -> tuple[GenomeAssembly | None, Contig | None]:
    genome = None
    if named is not None:
        try:
            genome = assembly(named)
        except UnknownAssembly as error:
            raise InvalidVariantQuery("assemblyId", str(error)) from error
    if reference_name is None:
        return genome, None
    genome = genome or assembly_of_accession(reference_name)
    if genome is None:
        raise InvalidVariantQuery("assemblyId", f"required, because {reference_name!r} occurs in several assemblies")
    try:
        return genome, genome.contig(reference_name)
    except UnknownContig as error:
        raise InvalidVariantQuery("referenceName", str(error)) from error


def _mates(query: VariantQuery, genome: GenomeAssembly | None) -> tuple[str, ...] | None:
    """The names, in lower case, under which a breakend may name its mate's sequence."""
    if query.mate_name is None:
        return None
    if genome is None:
        raise InvalidVariantQuery("assemblyId", "required with mateName")
    try:
        contig = genome.contig(query.mate_name)
    except UnknownContig as error:
        raise InvalidVariantQuery("mateName", str(error)) from error
    return tuple(sorted({contig.name.lower(), *(name for name, of in genome.synonyms.items() if of == contig)}))


Positions = tuple[Place, tuple[int, ...], tuple[int, int], tuple[int, int, int, int]]


def _positions(query: VariantQuery, contig: Contig | None) -> Positions:
    start, end = query.start, query.end
    if contig is None:
        if start or end:
            raise InvalidVariantQuery("referenceName", "required with start and end")
        return Place.ANYWHERE, (), (0, 0), (0, 0, 0, 0)
    if not start:
        raise InvalidVariantQuery("start", "required with referenceName")
    _check_range("start", start, 0, contig)
    _check_range("end", end, 1, contig)
    if len(start) == 1 and not end:
        return Place.POSITION, start, (0, 0), (0, 0, 0, 0)
    if len(start) != len(end):
        raise InvalidVariantQuery("end", "start and end must both have one value (range) or both two (bracket)")
    if len(start) == 1:
        if start[0] >= end[0]:
            raise InvalidVariantQuery("end", f"{end[0]} does not lie behind start {start[0]} (0-based, end exclusive)")
        return Place.OVERLAP, (), (start[0], end[0]), (0, 0, 0, 0)
    for name, (low, high) in (("start", start), ("end", end)):
        if low >= high:
            raise InvalidVariantQuery(name, f"the two values must ascend, not {low} and {high}")
    return Place.BRACKET, (), (0, 0), (start[0], start[1], end[0], end[1])


def _check_range(name: str, values: tuple[int, ...], least: int, contig: Contig) -> None:
    if len(values) > 2:
        raise InvalidVariantQuery(name, f"one or two values are allowed, not {len(values)}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidVariantQuery(name, f"{value!r} is not an integer")
        if not least <= value <= contig.length:
            raise InvalidVariantQuery(name, f"{value} is outside {least}…{contig.length} ({contig.name})")


def _bases(query: VariantQuery) -> BasePattern | None:
    sides: list[str | None] = []
    for name, text in (("referenceBases", query.reference_bases), ("alternateBases", query.alternate_bases)):
        bases = None if text is None else normalised(text)
        if text is not None and (bases is None or len(text) > LONGEST_PATTERN):
            raise InvalidVariantQuery(name, f"{text[:40]!r} is not IUPAC bases (ACGTUNRYSWKMBDHV, or empty)")
        sides.append(bases)
    return BasePattern(*sides) if any(side is not None for side in sides) else None


def _types(name: str | None) -> frozenset[str] | None:
    if name is None:
        return None
    types = types_named(name)
    if types is None:
        allowed = ", ".join(type_names())
        raise InvalidVariantQuery("variantType", f"{name[:40]!r} is unknown; allowed: {allowed} and EFO or SO terms")
    return types


def _check_lengths(query: VariantQuery) -> None:
    for name, value in (("variantMinLength", query.min_length), ("variantMaxLength", query.max_length)):
        if value is not None and (isinstance(value, bool) or not 0 <= value <= LONGEST_VARIANT):
            raise InvalidVariantQuery(name, f"{value} is outside 0…{LONGEST_VARIANT}")
    if query.min_length is not None and query.max_length is not None and query.min_length > query.max_length:
        raise InvalidVariantQuery("variantMaxLength", f"{query.max_length} is below variantMinLength")


def _text(name: str, value: str | None, allowed: re.Pattern[str], about: str) -> str | None:
    if value is not None and not allowed.fullmatch(value):
        raise InvalidVariantQuery(name, f"{value[:40]!r} is not {about}")
    return value


def _genomic_allele(query: VariantQuery) -> Criteria:
    others = {
        "referenceName": query.reference_name,
        "start": query.start or None,
        "end": query.end or None,
        "referenceBases": query.reference_bases,
        "alternateBases": query.alternate_bases,
        "mateName": query.mate_name,
    }
    for name, value in others.items():
        if value is not None:
            raise InvalidVariantQuery(name, "not allowed beside genomicAlleleShortForm, which says it")
    try:
        allele = hgvs.parse(query.genomic_allele or "")
    except hgvs.InvalidHgvs as error:
        raise InvalidVariantQuery("genomicAlleleShortForm", str(error)) from error
    genome, contig = _sequence(query.assembly, allele.sequence)
    if genome is None or contig is None or allele.end > contig.length:
        raise InvalidVariantQuery("genomicAlleleShortForm", "the position lies behind the end of the sequence")
    bounds = (allele.start, allele.start + 1, allele.end, allele.end + 1)
    place, bases, types = Place.BRACKET, None, _types(query.variant_type)
    starts: tuple[int, ...] = ()
    if allele.event in ("sub", "ins") or (allele.event == "dup" and allele.alt is not None):
        place, bases = Place.POSITION, BasePattern(allele.ref, allele.alt)
        starts = (allele.start, allele.end) if allele.event == "dup" else (allele.start,)
    else:
        bases = BasePattern(allele.ref, allele.alt) if allele.ref or allele.alt else None
        events = REPLACING if allele.event == "delins" else frozenset({allele.event.upper()})
        types = events if types is None else types & events
    return Criteria(
        place=place,
        assembly=genome.name,
        contig=contig.name,
        starts=starts,
        bracket=bounds,
        bases=bases,
        types=types,
        min_length=query.min_length,
        max_length=query.max_length,
        gene=_text("geneId", query.gene, GENE, "an HGNC gene symbol such as BRAF"),
        aminoacid=_text("aminoacidChange", query.aminoacid_change, AMINOACID, "the one-letter form such as V600E"),
    )
