"""From a checked question to statements: which live releases it concerns, and their rows in order of position."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, collate, func, or_, select

from adapters.variants import quick
from adapters.variants.carriers import decode
from adapters.variants.query import Criteria, Place
from adapters.variants.reach import SHORT, classes, longest
from adapters.variants.releases import LIVE
from adapters.variants.tables import VariantAnnotation, VariantContig, VariantRelease, VariantRow

# Alleles to fetch at once where a question may meet many: memory does not grow with the answer.
PORTION = 2_000
CARRIED = frozenset({VariantRow.carrier_count, VariantRow.carriers})
KEY = (VariantRow.start, VariantRow.span, VariantRow.ref, VariantRow.alt, VariantRow.anchor, VariantRow.length)


@dataclass(frozen=True, slots=True)
class Part:
    """A contig of a live release. ``people`` is everyone genotyped, None for a release without genotypes."""

    release: int
    dataset: str
    assembly: str
    contig: str
    variants: int
    reaches: int
    people: BitMap | None


def parts(connection: Connection, criteria: Criteria, datasets: Collection[str]) -> list[Part]:
    """The parts that may answer, in the order of assembly, contig and data set."""
    statement = (
        select(
            VariantRelease.id,
            VariantRelease.dataset,
            VariantRelease.assembly,
            VariantContig.contig,
            VariantContig.variants,
            VariantContig.reaches,
            VariantRelease.people,
        )
        .join(VariantContig, VariantContig.release == VariantRelease.id)
        .where(VariantRelease.state == LIVE, VariantRelease.dataset.in_(sorted(datasets)))
    )
    if criteria.assembly is not None:
        statement = statement.where(VariantRelease.assembly == criteria.assembly)
    if criteria.contig is not None:
        statement = statement.where(VariantContig.contig == criteria.contig)
    found = [
        Part(*row[:6], people=None if row.people is None else decode(row.people))
        for row in connection.execute(statement)
    ]
    return sorted(found, key=lambda part: (part.assembly, _rank(part.contig), part.contig, part.dataset, part.release))


def _rank(contig: str) -> int:
    """Chromosomes in their usual order, everything else behind them."""
    return int(contig) if contig.isdigit() else {"X": 23, "Y": 24, "MT": 25}.get(contig, 26)


def rows(
    connection: Connection, criteria: Criteria, part: Part, columns: Sequence[Any], *where: ColumnElement[bool]
) -> Iterator[Row[Any]]:
    """Matching rows of a part in order of start; the first columns are those of :data:`KEY`."""
    found = None if where or not CARRIED.issuperset(columns) else _quick(connection, criteria, part)
    if found is None:
        narrow = [*_narrowing(criteria, part), *where]
        statement = select(*KEY, *columns).order_by(VariantRow.start)
        places = _places(criteria, part)
        found = chain.from_iterable(_fetched(connection, statement.where(*narrow, place)) for place in places)
    for row in found:
        if _bases_match(criteria, row):
            yield row


def carriers(connection: Connection, criteria: Criteria, part: Part) -> Iterator[bytes]:
    """Who carries each matching allele of a part with genotypes, encoded, in order of start."""
    if criteria.by_place_alone and criteria.bases is None and _is_short_range(connection, criteria, part):
        return quick.overlapping(connection, part.release, part.contig, criteria.window)
    return (row.carriers for row in rows(connection, criteria, part, (VariantRow.carriers,)))


def _is_short_range(connection: Connection, criteria: Criteria, part: Part) -> bool:
    return criteria.place is Place.OVERLAP and not classes(part.reaches) and quick.streams(connection)


def _quick(connection: Connection, criteria: Criteria, part: Part) -> Iterator[Any] | None:
    """The rows of a question by nothing but place and bases; None for every other."""
    if not criteria.by_place_alone:
        return None
    if criteria.place is Place.POSITION:
        return quick.starting(connection, part.release, part.contig, _possible_starts(criteria))
    if not _is_short_range(connection, criteria, part):
        return None
    first, last = criteria.window
    near = quick.between(connection, part.release, part.contig, max(0, first - SHORT), last)
    return (
        row for row in near if (row.start < last and row.start + row.span > first if row.span else row.start >= first)
    )


def count(connection: Connection, criteria: Criteria, part: Part) -> int:
    """How many rows :func:`rows` has, for a question without bases."""
    narrow = list(_narrowing(criteria, part))
    statement = select(func.count()).select_from(VariantRow).where(*narrow)
    return sum(connection.execute(statement.where(place)).scalar_one() for place in _places(criteria, part))


def stretch(
    connection: Connection, criteria: Criteria, part: Part, columns: Sequence[Any], offset: int, limit: int
) -> list[Row[Any]]:
    """``limit`` rows of a question without bases behind the first ``offset``.

    In order of (start, span, ref, alt, length), as :func:`adapters.variants.merge.merged` has them.
    """
    found: list[Row[Any]] = []
    narrow = list(_narrowing(criteria, part))
    for place in _places(criteria, part):
        statement = select(*KEY, *columns).where(*narrow, place).order_by(*_order(connection))
        found += connection.execute(statement.offset(offset).limit(limit - len(found))).all()
        if len(found) == limit:
            return found
        if not found:
            here = select(func.count()).select_from(VariantRow).where(*narrow, place)
            offset -= connection.execute(here).scalar_one()
        else:
            offset = 0
    return found


def _order(connection: Connection) -> tuple[Any, ...]:
    """By code points on every server: PostgreSQL's own order of text is that of a language."""
    texts = (VariantRow.ref, VariantRow.alt)
    ref, alt = (collate(t, "C") for t in texts) if connection.dialect.name == "postgresql" else texts
    return VariantRow.start, VariantRow.span, ref, alt, VariantRow.length


def _fetched(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    result = connection.execute(statement, execution_options={"yield_per": PORTION})
    try:
        yield from result
    finally:
        result.close()


def _places(criteria: Criteria, part: Part) -> Iterator[ColumnElement[bool]]:
    """Conditions on the position, to be asked one after the other: their answers ascend by start."""
    start, span = VariantRow.start, VariantRow.span
    if criteria.place is Place.OVERLAP:
        first, last = criteria.window
        if long := [_long_before(k, first) for k in classes(part.reaches)]:
            yield or_(*long)
        # An insertion (span 0) lies between two bases and overlaps both of them.
        overlaps = or_(and_(span > 0, start < last, start + span > first), and_(span == 0, start >= first))
        yield and_(start >= max(0, first - SHORT), start <= last, overlaps)
    elif criteria.place is Place.BRACKET:
        s0, s1, e0, e1 = criteria.bracket
        yield and_(start >= s0, start < s1, start + span >= e0, start + span < e1)
    elif criteria.place is Place.POSITION:
        yield start.in_(_possible_starts(criteria))
    else:
        yield start >= 0


def _long_before(reach: int, first: int) -> ColumnElement[bool]:
    """Alleles of a class of reach that start too early for the short ones' scan and reach into the range."""
    start = VariantRow.start
    return and_(
        VariantRow.reach == reach,
        start >= first - longest(reach),
        start < first - SHORT,
        start + VariantRow.span > first,
    )


def _possible_starts(criteria: Criteria) -> list[int]:
    assert criteria.bases is not None
    starts: set[int] = set()
    for asked in criteria.starts:
        exact = criteria.bases.exact(asked)
        starts |= {asked, asked + 1} if exact is None else {exact[0]}
    return sorted(starts)


def _narrowing(criteria: Criteria, part: Part) -> Iterator[ColumnElement[bool]]:
    yield VariantRow.release == part.release
    yield VariantRow.contig == part.contig
    if criteria.types is not None:
        yield VariantRow.type.in_(sorted(criteria.types))
    if criteria.min_length is not None:
        yield VariantRow.length >= criteria.min_length
    if criteria.max_length is not None:
        yield VariantRow.length <= criteria.max_length
    if criteria.gene is not None or criteria.aminoacid is not None:
        yield _annotated(criteria, part)
    if criteria.mates is not None:
        yield VariantRow.type == "BND"
        named = (f"%{bracket}{name}:%" for name in criteria.mates for bracket in "[]")
        yield or_(*(func.lower(VariantRow.alt).like(text.replace("_", "\\_"), escape="\\") for text in named))


def _annotated(criteria: Criteria, part: Part) -> ColumnElement[bool]:
    """The gene and the change must be said of each other: V600E of this gene, not of an overlapping one.

    What a file does not say of an allele is not known of its people: an unannotated file has no hits.
    """
    numbers = select(VariantAnnotation.number).where(
        VariantAnnotation.release == part.release, VariantAnnotation.contig == part.contig
    )
    if criteria.gene is not None:
        numbers = numbers.where(VariantAnnotation.gene == criteria.gene)
    if criteria.aminoacid is not None:
        numbers = numbers.where(VariantAnnotation.aminoacid == criteria.aminoacid)
    return VariantRow.number.in_(numbers)


def _bases_match(criteria: Criteria, row: Row[Any]) -> bool:
    bases = criteria.bases
    if bases is None:
        return True
    if criteria.place is not Place.POSITION:
        return bases.matches(row.ref, row.alt, row.anchor)
    return any(bases.matches_at(asked, row.start, row.ref, row.alt, row.anchor) for asked in criteria.starts)
