"""What answers are made of."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap

from adapters.variants.alleles import internal_id


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An allele in a data set, of the visible people only.

    ``carriers`` (ordinals with at least one copy), ``homozygotes`` (two copies) and ``hemizygotes`` (a single allele
    was called) are None for a data set without genotypes. ``allele_count`` and ``allele_number`` are Beacon's AC and
    AN; None where a file without genotypes does not say them.
    """

    dataset: str
    allele_count: int | None
    allele_number: int | None
    carriers: BitMap | None = None
    homozygotes: BitMap | None = None
    hemizygotes: BitMap | None = None

    @property
    def frequency(self) -> float | None:
        """Allele frequency, None where it is not known."""
        return self.allele_count / self.allele_number if self.allele_count is not None and self.allele_number else None


@dataclass(frozen=True, slots=True)
class Variant:
    """An allele with everything visible of it. ``start`` 0-based, ``end`` exclusive; an insertion has both equal."""

    assembly: str
    contig: str
    start: int
    end: int
    reference_bases: str
    alternate_bases: str
    type: str
    length: int
    genes: tuple[str, ...]
    aminoacid_changes: tuple[str, ...]
    occurrences: tuple[Occurrence, ...]

    @property
    def id(self) -> str:
        """The stable internal id (``variantInternalId``)."""
        return internal_id(
            self.assembly,
            self.contig,
            self.start,
            self.end,
            self.reference_bases,
            self.alternate_bases,
            self.length,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of alleles in order of place, and how many there are before paging."""

    variants: tuple[Variant, ...]
    total: int
