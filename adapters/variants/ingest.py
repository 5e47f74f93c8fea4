"""Loading a variant file into a new release of a data set: streaming, resumable, switched at one instant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from adapters.catalog.models import Dataset
from adapters.variants import releases, workers
from adapters.variants.carriers import encode
from adapters.variants.header import genome_of
from adapters.variants.lines import Segment
from adapters.variants.people import Cohort, cohort
from adapters.variants.segments import Plan
from adapters.variants.vcf import VariantFile, opened

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
    processes: int = 1,
) -> Loaded:
    """Load a VCF or BCF file as the data set's release of ``file`` (its id in the catalog; default: the file's name).

    Nothing changes for readers until the last record is committed; then the new release replaces the former one of
    the same file at once. ``progress`` is called after each batch with the records committed and the place.

    :param processes: how many read the file side by side; with one it is read in this process.
    :raises InvalidVariantFile: the file is broken or does not fit the catalog; readers keep what they had.
    :raises UnknownDataset: no such data set. :raises releases.LoadedElsewhere: another process loads the same file.
    """
    reader = opened(path)
    name = file or path.name
    people = _people(engine, dataset, reader)
    genome = genome_of(reader.header, assembly, path)
    everyone = encode(people.people) if people else None
    parts = reader.segments()
    source = releases.Source(dataset, name, genome.name, _fingerprint(reader, parts, everyone), everyone)
    loading = releases.begin(engine, source, len(parts))
    plan = Plan(path, loading.release, genome.name, people.ordinals if people else None, batch)
    left = [part for part in parts if not loading.done[part.number]]
    workers.run(engine, reader, plan, left, loading, processes, progress or (lambda _records, _place: None))
    records, variants = releases.publish(engine, loading.release, source)
    size = len(people.people) if people else 0
    return Loaded(dataset, name, genome.name, records, variants, size, sum(loading.records))


def _people(engine: Engine, dataset: str, reader: VariantFile) -> Cohort | None:
    with engine.connect() as connection:
        if connection.execute(select(Dataset.accession).where(Dataset.accession == dataset)).first() is None:
            raise UnknownDataset(f"data set {dataset} is not in the catalog")
        if not reader.header.samples:
            return None
        return cohort(connection, dataset, reader.header.samples, str(reader.path))


def _fingerprint(reader: VariantFile, parts: list[Segment], people: bytes | None) -> str:
    """Same header, size, time of change, segments and people: then an interrupted load may go on where it stopped."""
    status = reader.path.stat()
    starts = ",".join(str(part.start) for part in parts)
    told = f"{reader.header.text}\n{status.st_size} {status.st_mtime_ns} {starts}\n".encode()
    return hashlib.sha256(told + (people or b"")).hexdigest()
