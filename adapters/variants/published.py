"""What is public of a data set's variants without looking at anybody: its releases, and published frequencies.

Frequencies are those of files without genotypes: of the references that the operator loaded, and of a data set's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyroaring import BitMap
from sqlalchemy import Connection, Engine, select

from adapters.catalog.kept import Kept
from adapters.variants.model import Page, Variant
from adapters.variants.query import Criteria, Place, VariantQuery, validate
from adapters.variants.releases import LIVE
from adapters.variants.tables import VariantRelease
from adapters.variants.variants import INTERNAL_ID, Variants

NOBODY = BitMap()


@dataclass(frozen=True, slots=True)
class Released:
    """The live releases with genotypes of a data set: their ids as one word, and how many alleles they list."""

    name: str
    alleles: int


class PublicVariants:
    """Public facts on variants.

    :param references: data sets whose files without genotypes say how frequent alleles are, the preferred first.
    :param kept: shared with what else asks the same database.
    """

    def __init__(self, engine: Engine, references: Sequence[str] = (), kept: Kept | None = None) -> None:
        self._kept = kept or Kept(engine)
        self._references = tuple(references)
        self._variants = Variants(engine, self._kept)

    def released(self, datasets: Collection[str]) -> Mapping[str, Released]:
        """The releases of those data sets that have genotypes."""
        wanted = tuple(sorted(datasets))
        return self._kept.get(("released", wanted), partial(_released, wanted))

    def frequencies(self, asked: VariantQuery | str, datasets: Collection[str]) -> dict[str, float]:
        """Data set → public frequency of the one allele that is asked for; without those for which none is known.

        :param asked: a question (:func:`one_allele`), or an internal id.
        """
        sources = [*self._references, *datasets]
        if isinstance(asked, str):
            found = self._variants.variant(asked, sources, NOBODY)
            page = Page((found,), 1) if found else Page((), 0)
        else:
            page = self._variants.matches(asked, sources, NOBODY, limit=2)
        if len(page.variants) != 1:
            return {}
        known = _by_source(page.variants[0])
        preferred = next((known[reference] for reference in self._references if reference in known), None)
        told = {dataset: known.get(dataset) if preferred is None else preferred for dataset in datasets}
        return {dataset: frequency for dataset, frequency in told.items() if frequency is not None}


def _released(datasets: Sequence[str], connection: Connection) -> dict[str, Released]:
    wanted = (
        select(VariantRelease.dataset, VariantRelease.id, VariantRelease.variants)
        .where(VariantRelease.dataset.in_(datasets), VariantRelease.state == LIVE)
        .where(VariantRelease.people.is_not(None))
        .order_by(VariantRelease.id)
    )
    found: dict[str, Released] = {}
    for dataset, id, alleles in connection.execute(wanted):
        before = found.get(dataset, Released("", 0))
        found[dataset] = Released(f"{before.name}{id}.", before.alleles + alleles)
    return found


def one_allele(asked: VariantQuery | str) -> bool:
    """Whether a question names a place and the bases there, which is one allele but for the bases replaced."""
    if isinstance(asked, str):
        return True
    criteria = validate(asked)
    plain = criteria.bases is not None and bool(criteria.bases.alt) and not set(criteria.bases.alt or "") - set("ACGT")
    exact = criteria.bases is not None and criteria.bases.exact(0) is not None
    return criteria.place is Place.POSITION and (plain or exact)


def block(asked: VariantQuery | str, size: int) -> str:
    """The block of ``size`` bases in which the question lies; for any other question a block of its own."""
    place = _place(asked)
    if place is not None:
        assembly, contig, first, last = place
        if first // size == last // size:
            return f"{assembly}:{contig}:{first // size}"
    return hashlib.sha256(canonical(asked).encode()).hexdigest()[:32]


def canonical(asked: VariantQuery | str) -> str:
    """The same text for a question however sequence, assembly and alleles are named."""
    return asked if isinstance(asked, str) else repr(validate(asked))


def _place(asked: VariantQuery | str) -> tuple[str, str, int, int] | None:
    if isinstance(asked, str):
        named = INTERNAL_ID.fullmatch(asked)
        return None if named is None else (named["assembly"], named["contig"], int(named["start"]), int(named["start"]))
    criteria = validate(asked)
    bounds = _bounds(criteria)
    if bounds is None or criteria.assembly is None or criteria.contig is None:
        return None
    return criteria.assembly, criteria.contig, *bounds


def _bounds(criteria: Criteria) -> tuple[int, int] | None:
    if criteria.place is Place.POSITION:
        return min(criteria.starts), max(criteria.starts)
    if criteria.place is Place.OVERLAP:
        return criteria.window[0], criteria.window[1] - 1
    if criteria.place is Place.BRACKET:
        return criteria.bracket[0], criteria.bracket[3] - 1
    return None


def _by_source(allele: Variant) -> dict[str, float]:
    return {o.dataset: o.frequency for o in allele.occurrences if o.frequency is not None}
