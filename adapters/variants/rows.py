"""From a record of a file to rows of a release: one per alternate allele that exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.variants import releases
from adapters.variants.alleles import (
    NOT_AN_ALLELE,
    Allele,
    InvalidAllele,
    check_columns,
    is_symbolic,
    sequence_allele,
    symbolic_allele,
)
from adapters.variants.annotation import Layout, gene_changes, layouts, written
from adapters.variants.assemblies import Contig, GenomeAssembly, UnknownContig
from adapters.variants.lines import InvalidVariantFile
from adapters.variants.people import Called, Cohort
from adapters.variants.reach import reach_of
from adapters.variants.vcf import Header, Record, VariantFile

NOTHING: dict[str, Any] = dict.fromkeys((*Called.__slots__, "allele_count", "allele_number"))


class RecordRows:
    """Turns records into rows of a release: one per alternate allele that exists."""

    def __init__(self, release: int, reader: VariantFile, genome: GenomeAssembly, people: Cohort | None) -> None:
        self._release = release
        self._file = reader.path
        self._genome = genome
        self._people = people
        self._header: Header = reader.header
        self._layouts: tuple[Layout, ...] = layouts(reader.header.info)
        self._contigs: dict[str, Contig] = {}

    def add(self, record: Record, batch: releases.Batch) -> None:
        """Append the rows of a record to a batch; their numbers count within it.

        :raises InvalidVariantFile: naming file, place and what is wrong.
        """
        try:
            contig = self._contig(record)
            for alt in record.alts:
                check_columns(record.ref, alt)
            wanted = [index for index, alt in enumerate(record.alts) if alt not in NOT_AN_ALLELE]
            for index, called in zip(wanted, self._called(record, wanted), strict=True):
                if called is not None:
                    self._add_allele(record, index, contig, called, batch)
        except (InvalidAllele, UnknownContig, ValueError) as error:
            place = f"{record.contig}:{record.position}"
            raise InvalidVariantFile(f"{self._file}: record at {place}: {error}") from error

    def _contig(self, record: Record) -> Contig:
        contig = self._contigs.get(record.contig)
        if contig is None:
            contig = self._genome.contig(record.contig)
            declared = self._header.contigs.get(record.contig)
            if declared is not None and contig.name in self._genome.contigs and declared != contig.length:
                raise UnknownContig(f"{record.contig} of {declared} bases is not that of {self._genome.name}")
            self._contigs[record.contig] = contig
        if not 1 <= record.position <= contig.length:
            raise InvalidAllele(f"position outside 1…{contig.length}, the length of {contig.name} in this assembly")
        return contig

    def _called(self, record: Record, wanted: list[int]) -> Iterator[Called | dict[str, int | None] | None]:
        if self._people is None or record.genotypes is None:
            return (_site_counts(record, index) for index in wanted)
        return self._people.alleles(record.genotypes, [index + 1 for index in wanted])

    def _add_allele(
        self, record: Record, index: int, contig: Contig, called: Called | dict[str, int | None], batch: releases.Batch
    ) -> None:
        allele = _allele(record, index)
        if allele.end > contig.length:
            raise InvalidAllele(f"ends at {allele.end}, behind the end of {contig.name} ({contig.length})")
        about = self._annotations(record, record.alts[index])
        number = len(batch.variants)
        key = {"release": self._release, "contig": contig.name, "start": allele.start, "number": number}
        batch.variants.append(key | _columns(allele, about) | _counts(called))
        batch.annotations += [key | {"gene": gene, "aminoacid": change} for gene, change in sorted(about)]

    def _annotations(self, record: Record, alt: str) -> frozenset[tuple[str, str]]:
        found: frozenset[tuple[str, str]] = frozenset()
        for layout in self._layouts:
            text = record.info.get(layout.key)
            if text:
                found |= gene_changes(layout, str(text), written(layout, record.ref, record.alts, alt))
        return found


def _allele(record: Record, index: int) -> Allele:
    alt = record.alts[index]
    if not is_symbolic(alt):
        return sequence_allele(record.position - 1, record.ref, alt)
    sv_length = _nth(record.info.get("SVLEN"), index)
    return symbolic_allele(record.position, alt, record.info.get("SVTYPE"), record.info.get("END"), sv_length)


def _site_counts(record: Record, index: int) -> dict[str, int | None] | None:
    """AC and AN of a site without genotypes; None if the file itself says that nobody has the allele."""
    count = _nth(record.info.get("AC"), index)
    return None if count == 0 else {"allele_count": count, "allele_number": _nth(record.info.get("AN"), 0)}


def _nth(value: Any, index: int) -> int | None:
    """Value of the alternate allele ``index`` of an INFO field that may be a number or a list of them."""
    if isinstance(value, tuple | list):
        value = value[index] if index < len(value) else None
    elif index:
        value = None
    return int(value) if isinstance(value, int | float) else None


def _columns(allele: Allele, about: frozenset[tuple[str, str]]) -> dict[str, Any]:
    return {
        "span": allele.end - allele.start,
        "ref": allele.ref,
        "alt": allele.alt,
        "anchor": allele.anchor or None,
        "type": allele.type,
        "length": allele.length,
        "reach": reach_of(allele.end - allele.start),
        "genes": ",".join(sorted({gene for gene, _ in about})) or None,
        "aminoacids": ",".join(sorted({change for _, change in about if change})) or None,
    }


def _counts(called: Called | Mapping[str, int | None]) -> dict[str, Any]:
    if isinstance(called, Called):
        return NOTHING | {name: getattr(called, name) for name in Called.__slots__}
    return NOTHING | dict(called)
