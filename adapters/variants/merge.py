"""One allele from the rows of several releases: union of people, counts of the visible ones."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Row

from adapters.variants.carriers import Mask, Masks, decode
from adapters.variants.model import Occurrence, Variant
from adapters.variants.search import Part

Found = tuple[Part, Row[Any]]
Identity = tuple[int, int, str, str, int]


@dataclass(frozen=True, slots=True)
class MergedAllele:
    """The rows of one allele, of one assembly and contig."""

    identity: Identity
    rows: tuple[Found, ...]


def merged(streams: Iterable[Iterable[Found]]) -> Iterator[MergedAllele]:
    """Alleles in order of (start, span, ref, alt, length) from streams that ascend by start."""
    for _, same_start in groupby(_ordered(list(streams)), key=_start):
        here = list(same_start)
        if len(here) == 1:
            yield MergedAllele(_identity(here[0]), tuple(here))
            continue
        for same, found in groupby(sorted(here, key=_identity), key=_identity):
            yield MergedAllele(same, tuple(found))


def _ordered(streams: list[Iterable[Found]]) -> Iterable[Found]:
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=_start)


def identity(row: Row[Any]) -> Identity:
    """What makes rows of one assembly and contig the same allele."""
    return row.start, row.span, row.ref, row.alt, row.length


def _start(found: Found) -> int:
    return int(found[1].start)


def _identity(found: Found) -> Identity:
    return identity(found[1])


def variant(allele: MergedAllele, visible: Masks) -> Variant | None:
    """The allele as visible people show it; None if none of them carries it and no file lists it as a mere site."""
    by_dataset: dict[str, list[Found]] = {}
    for part, row in allele.rows:
        by_dataset.setdefault(part.dataset, []).append((part, row))
    occurrences = [_occurrence(dataset, found, visible.of(dataset)) for dataset, found in sorted(by_dataset.items())]
    seen = tuple(occurrence for occurrence in occurrences if occurrence is not None)
    if not seen:
        return None
    part, row = allele.rows[0]
    start, span, ref, alt, length = allele.identity
    return Variant(
        part.assembly,
        part.contig,
        start,
        start + span,
        ref,
        alt,
        row.type,
        length,
        _joined(row.genes for _, row in allele.rows),
        _joined(row.aminoacids for _, row in allele.rows),
        seen,
    )


def _joined(lists: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for text in lists if text for name in text.split(",")}))


def _occurrence(dataset: str, found: list[Found], visible: Mask) -> Occurrence | None:
    genotyped = [(part.people, row) for part, row in found if part.people is not None]
    sites = [row for part, row in found if part.people is None]
    people = _genotyped(dataset, genotyped, visible) if genotyped else None
    if people is not None or not sites:
        return people
    most = max(sites, key=lambda row: (row.allele_number or 0, row.allele_count or 0))
    return Occurrence(dataset, most.allele_count, most.allele_number)


def _genotyped(dataset: str, found: list[tuple[BitMap, Row[Any]]], visible: Mask) -> Occurrence | None:
    """Who is in several files counts once: two alleles if any file called two, else one if any called one."""
    carriers = BitMap.union(*(visible.of(row.carriers) for _, row in found))
    if not carriers:
        return None
    homozygotes, two, one = BitMap(), BitMap(), BitMap()
    for people, row in found:
        single = decode(row.single) if row.single else BitMap()
        two |= people - single - (decode(row.uncalled) if row.uncalled else BitMap())
        one |= single
        if row.homozygotes:
            homozygotes |= visible.of(row.homozygotes)
    two &= visible.people
    one = (one & visible.people) - two
    count, number = len(carriers) + len(homozygotes), 2 * len(two) + len(one)
    return Occurrence(dataset, count, number, carriers, homozygotes, carriers & one)


def exists(allele: MergedAllele, visible: Masks, hidden: dict[int, int]) -> bool:
    """Whether :func:`variant` is not None, mostly without decoding: more carriers than hidden people suffice."""
    for part, row in allele.rows:
        if part.people is None or row.carrier_count > hidden[part.release]:
            return True
        if visible.of(part.dataset).meets(row.carriers):
            return True
    return False
