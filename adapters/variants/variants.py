"""Exact answers about the variants of live releases."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import groupby
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Engine

from adapters.catalog.kept import Kept
from adapters.variants import merge, search
from adapters.variants.assemblies import LONGEST, UnknownAssembly, assembly
from adapters.variants.carriers import Masks, union
from adapters.variants.merge import MergedAllele
from adapters.variants.model import Page, Variant
from adapters.variants.query import Criteria, Place, VariantQuery, validate
from adapters.variants.search import Part
from adapters.variants.tables import VariantRow

INTERNAL_ID = re.compile(r"(?P<assembly>[A-Za-z0-9]+):(?P<contig>[A-Za-z0-9.]+):(?P<start>\d{1,10}):[^:]*:[^:]*")
Visible = BitMap | Mapping[str, BitMap]
FIRST_PORTION = 32  # alleles after which it is looked first whether everyone carries one
LISTED = 500  # starts of a page that are asked for one by one
COUNTED = (VariantRow.carrier_count, VariantRow.carriers)
SHOWN = (
    VariantRow.type,
    VariantRow.genes,
    VariantRow.aminoacids,
    VariantRow.allele_count,
    VariantRow.allele_number,
    VariantRow.carrier_count,
    VariantRow.carriers,
    VariantRow.homozygotes,
    VariantRow.single,
    VariantRow.uncalled,
)


class Variants:
    """Questions to the variants in a catalog database.

    Every method takes the data sets to ask and ``visible``, the ordinals of the people who exist for the caller, of all
    data sets or of each: nothing of anybody else is in any answer. An allele that only others carry does not exist; a
    file without genotypes has no carriers, and its alleles exist by themselves unless ``sites`` is False. Each question
    sees one consistent state of the database. Methods that take a :class:`VariantQuery` raise ``InvalidVariantQuery``.
    """

    def __init__(self, engine: Engine, kept: Kept | None = None) -> None:
        self._engine = engine
        self._kept = kept or Kept(engine)

    def carriers(self, query: VariantQuery, datasets: Collection[str], visible: Visible) -> dict[str, BitMap]:
        """Per data set everyone with at least one matching allele; data sets without any are left out."""
        criteria, masks = validate(query), Masks(visible)
        found: dict[str, BitMap] = {}
        with self._snapshot() as connection:
            for part in self._parts(connection, criteria, datasets):
                if part.people is not None and (wanted := part.people & masks.of(part.dataset).people):
                    people = self._carriers(connection, criteria, part, wanted)
                    if people:
                        found[part.dataset] = found.get(part.dataset, BitMap()) | people
        return found

    def exists(
        self, query: VariantQuery, datasets: Collection[str], visible: Visible, *, sites: bool = True
    ) -> dict[str, bool]:
        """For each data set whether a matching allele exists."""
        criteria, masks = validate(query), Masks(visible)
        answer = dict.fromkeys(datasets, False)
        with self._snapshot() as connection:
            for part in self._parts(connection, criteria, datasets):
                if not answer[part.dataset] and (sites or part.people is not None):
                    hidden = _hidden([part], masks)
                    with closing(self._alleles(connection, criteria, [part], COUNTED)) as alleles:
                        answer[part.dataset] = any(merge.exists(allele, masks, hidden) for allele in alleles)
        return answer

    def matches(
        self,
        query: VariantQuery,
        datasets: Collection[str],
        visible: Visible,
        *,
        offset: int = 0,
        limit: int = 10,
        sites: bool = True,
    ) -> Page:
        """Matching alleles in order of place: ``limit`` of them after leaving out ``offset`` (not pages, alleles)."""
        return self._page(validate(query), datasets, visible, offset, limit, sites)

    def variant(self, internal_id: str, datasets: Collection[str], visible: Visible) -> Variant | None:
        """The allele of an internal id (see :attr:`Variant.id`), None if it does not exist."""
        named = INTERNAL_ID.fullmatch(internal_id)
        if not named or int(named["start"]) >= LONGEST:
            return None
        try:
            genome = assembly(named["assembly"]).name
        except UnknownAssembly:
            return None
        start = int(named["start"])
        criteria = Criteria(Place.BRACKET, genome, named["contig"], bracket=(start, start + 1, 0, LONGEST))
        masks = Masks(visible)
        with self._snapshot() as connection:
            asked = self._parts(connection, criteria, datasets)
            with closing(self._alleles(connection, criteria, asked, SHOWN)) as alleles:
                found = (merge.variant(allele, masks) for allele in alleles)
                return next((one for one in found if one is not None and one.id == internal_id), None)

    def of_individual(
        self,
        ordinal: int,
        datasets: Collection[str],
        visible: BitMap,
        query: VariantQuery | None = None,
        *,
        offset: int = 0,
        limit: int = 10,
    ) -> Page:
        """Alleles (matching ``query``) that one person carries; the counts shown are of that person alone."""
        person = BitMap([ordinal]) & visible
        return self._page(validate(query or VariantQuery()), datasets, person, offset, limit, sites=False)

    def _page(
        self, criteria: Criteria, datasets: Collection[str], visible: Visible, offset: int, limit: int, sites: bool
    ) -> Page:
        masks, total = Masks(visible), 0
        page: list[Variant] = []
        with self._snapshot() as connection:
            asked = [p for p in self._parts(connection, criteria, datasets) if sites or p.people is not None]
            asked = [p for p in asked if p.people is None or p.people.intersect(masks.of(p.dataset).people)]
            hidden = _hidden(asked, masks)
            for _, same in groupby(asked, key=lambda part: (part.assembly, part.contig)):
                group = list(same)
                ask = self._plain if _is_plain(criteria, group, hidden) else self._masked
                window = range(max(0, offset - total), max(0, offset + limit - total))
                shown, number = ask(connection, criteria, group, masks, window)
                page += shown
                total += number
        return Page(tuple(page), total)

    def _plain(
        self, connection: Connection, criteria: Criteria, group: list[Part], masks: Masks, window: range
    ) -> tuple[list[Variant], int]:
        """The alleles of a contig at the places of ``window``, and how many there are, counted by the database."""
        (part,) = group
        rows = search.stretch(connection, criteria, part, SHOWN, window.start, len(window)) if window else []
        shown = (merge.variant(MergedAllele(merge.identity(row), ((part, row),)), masks) for row in rows)
        return [variant for variant in shown if variant is not None], search.count(connection, criteria, part)

    def _masked(
        self, connection: Connection, criteria: Criteria, group: list[Part], masks: Masks, window: range
    ) -> tuple[list[Variant], int]:
        """The same where people are hidden, files meet or bases are compared: allele by allele, few columns each."""
        hidden, number = _hidden(group, masks), 0
        wanted = set()
        for allele in self._alleles(connection, criteria, group, COUNTED):
            if merge.exists(allele, masks, hidden):
                if number in window:
                    wanted.add(allele.identity)
                number += 1
        if not wanted:
            return [], number
        starts = sorted({start for start, *_ in wanted})
        between = VariantRow.start.between(starts[0], starts[-1])
        here = VariantRow.start.in_(starts) if len(starts) <= LISTED else between
        alleles = self._alleles(connection, criteria, group, SHOWN, here)
        shown = (merge.variant(allele, masks) for allele in alleles if allele.identity in wanted)
        return [variant for variant in shown if variant is not None], number

    def _carriers(self, connection: Connection, criteria: Criteria, part: Part, wanted: BitMap) -> BitMap:
        """The union over a part, in portions that grow; it ends as soon as everyone who can be in it is."""
        found, size = BitMap(), FIRST_PORTION
        portion: list[bytes] = []
        for carriers in search.carriers(connection, criteria, part):
            portion.append(carriers)
            if len(portion) == size:
                found |= union(portion) & wanted
                portion, size = [], min(4 * size, search.PORTION)
                if len(found) == len(wanted):
                    return found
        return found | (union(portion) & wanted)

    def _alleles(
        self,
        connection: Connection,
        criteria: Criteria,
        parts: list[Part],
        columns: tuple[Any, ...],
        *where: ColumnElement[bool],
    ) -> Generator[MergedAllele, None, None]:
        """To be closed, if it is not read to its end, while the connection is open: cursors hang on it."""
        for _, same in groupby(parts, key=lambda part: (part.assembly, part.contig)):
            streams = [_found(connection, criteria, part, columns, *where) for part in same]
            yield from merge.merged(streams)

    def _parts(self, connection: Connection, criteria: Criteria, datasets: Collection[str]) -> list[Part]:
        """The parts that may answer, as they are in the state of the database that the connection sees."""
        names = tuple(sorted(datasets))
        asked = ("parts", criteria.assembly, criteria.contig, names)
        return self._kept.within(connection, asked, lambda same: search.parts(same, criteria, names))

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """One state of the database for all statements of a question (SQLite's read transactions always are)."""
        engine = self._engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
            yield connection


def _found(
    connection: Connection, criteria: Criteria, part: Part, columns: tuple[Any, ...], *where: ColumnElement[bool]
) -> Iterator[merge.Found]:
    return ((part, row) for row in search.rows(connection, criteria, part, columns, *where))


def _is_plain(criteria: Criteria, group: list[Part], hidden: dict[int, int]) -> bool:
    """Whether every row that the database finds is an allele of the answer: one file, nobody hidden, no bases."""
    return criteria.bases is None and len(group) == 1 and not hidden.get(group[0].release)


def _hidden(parts: list[Part], visible: Masks) -> dict[int, int]:
    """How many genotyped people of each release are not visible."""
    return {p.release: len(p.people - visible.of(p.dataset).people) for p in parts if p.people is not None}
