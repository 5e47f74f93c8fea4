"""Loading a variant file into a new release of a data set: streaming, resumable, switched at one instant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from adapters.catalog.models import Dataset
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
from adapters.variants.carriers import encode
from adapters.variants.header import genome_of
from adapters.variants.people import Called, Cohort, cohort
from adapters.variants.reach import reach_of
from adapters.variants.vcf import Header, HtslibFile, InvalidVariantFile, Record, VariantFile

Progress = Callable[[int, str], None]
BATCH = 4_000  # alleles committed together


class UnknownDataset(LookupError):
    """The data set is not in the catalog."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did. ``resumed`` is the number of records an interrupted load had already committed."""

    dataset: str
    file: str
    assembly: str
    records: int
    variants: int
    people: int
    resumed: int


def load(
    engine: Engine,
    path: Path,
    dataset: str,
    *,
    file: str | None = None,
    assembly: str | None = None,
    progress: Progress | None = None,
    batch: int = BATCH,
) -> Loaded:
    """Load a VCF or BCF file as the data set's release of ``file`` (its id in the catalog; default: the file's name).

    Nothing changes for readers until the last record is committed; then the new release replaces the former one of
    the same file at once. ``progress`` is called after each batch with the records committed and the place.

    :raises InvalidVariantFile: the file is broken or does not fit the catalog; readers keep what they had.
    :raises UnknownDataset: no such data set. :raises releases.LoadedElsewhere: another process loads the same file.
    """
    reader = HtslibFile(path)
    name = file or path.name
    people = _people(engine, dataset, reader)
    genome = genome_of(reader.header, assembly, path)
    everyone = encode(people.people) if people else None
    fingerprint = _fingerprint(reader, everyone)
    source = releases.Source(dataset, name, genome.name, fingerprint, everyone)
    loading = releases.begin(engine, source)
    resumed = loading.records
    rows = RecordRows(loading.id, loading.variants, reader, genome, people)
    for portion, place in _batches(reader, rows, resumed, batch):
        releases.append(engine, loading, portion)
        if progress:
            progress(loading.records, place)
    releases.publish(engine, loading, source)
    size = len(people.people) if people else 0
    return Loaded(dataset, name, genome.name, loading.records, loading.variants, size, resumed)


def _people(engine: Engine, dataset: str, reader: VariantFile) -> Cohort | None:
    with engine.connect() as connection:
        if connection.execute(select(Dataset.accession).where(Dataset.accession == dataset)).first() is None:
            raise UnknownDataset(f"data set {dataset} is not in the catalog")
        if not reader.header.samples:
            return None
        return cohort(connection, dataset, reader.header.samples, str(reader.path))


def _fingerprint(reader: VariantFile, people: bytes | None) -> str:
    """Same header, size, time of change and people: then an interrupted load may go on where it stopped."""
    status = reader.path.stat()
    told = f"{reader.header.text}\n{status.st_size} {status.st_mtime_ns}\n".encode()
    return hashlib.sha256(told + (people or b"")).hexdigest()


def _batches(reader: VariantFile, rows: RecordRows, skip: int, size: int) -> Iterator[tuple[releases.Batch, str]]:
    batch, place = releases.Batch(), ""
    for index, record in enumerate(reader):
        if index < skip:
            continue
        rows.add(record, batch)
        batch.records += 1
        place = f"{record.contig}:{record.position}"
        if len(batch.variants) >= size:
            yield batch, place
            batch = releases.Batch()
    if batch.records:
        yield batch, place


class RecordRows:
    """Turns records into rows of a release: one per alternate allele that exists."""

    def __init__(
        self, release: int, number: int, reader: VariantFile, genome: GenomeAssembly, people: Cohort | None
    ) -> None:
        self._release = release
        self._number = number
        self._file = reader.path
        self._genome = genome
        self._people = people
        self._header: Header = reader.header
        self._layouts: tuple[Layout, ...] = layouts(reader.header.info)
        self._contigs: dict[str, Contig] = {}

    def add(self, record: Record, batch: releases.Batch) -> None:
        """Append the rows of a record to a batch.

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
        if record.genotypes.size and int(record.genotypes.max()) > len(record.alts):
            raise InvalidAllele(f"genotype of allele {int(record.genotypes.max())}, but ALT has {len(record.alts)}")
        return self._people.alleles(record.genotypes, [index + 1 for index in wanted])

    def _add_allele(
        self, record: Record, index: int, contig: Contig, called: Called | dict[str, int | None], batch: releases.Batch
    ) -> None:
        allele = _allele(record, index)
        if allele.end > contig.length:
            raise InvalidAllele(f"ends at {allele.end}, behind the end of {contig.name} ({contig.length})")
        about = self._annotations(record, record.alts[index])
        key = {"release": self._release, "contig": contig.name, "start": allele.start, "number": self._number}
        self._number += 1
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
        return {name: getattr(called, name) for name in Called.__slots__}
    nobody = dict.fromkeys(Called.__slots__)
    return nobody | dict(called)
