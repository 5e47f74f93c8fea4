"""The life of a release: loading, live, retired. Readers see live ones only; the switch is one transaction.

A load that was killed leaves a release ``loading``: the next load of the same bytes for the same people goes on
behind its last committed record, any other load removes it first.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from adapters.catalog.engine import writing
from adapters.variants.carriers import decode
from adapters.variants.duplicates import join_duplicates
from adapters.variants.tables import VariantAnnotation, VariantContig, VariantRelease, VariantRow

LOADING, LIVE, RETIRED = "loading", "live", "retired"
PURGED_AT_ONCE = 200_000  # numbers of alleles: keeps the transactions of a removal short


class LoadedElsewhere(RuntimeError):
    """Another process loads the same file of the same data set."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is being loaded: a file of a data set, what its bytes and people are, and everyone in it (encoded)."""

    dataset: str
    file: str
    assembly: str
    fingerprint: str
    people: bytes | None


@dataclass(slots=True)
class Batch:
    """Rows of some records, committed together."""

    records: int = 0
    variants: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Loading:
    """A release under way; ``records`` and ``variants`` are committed."""

    id: int
    records: int
    variants: int


def begin(engine: Engine, source: Source) -> Loading:
    """Start a release, or go on with an interrupted one of the same bytes and people."""
    purge(engine, source.dataset, source.file, keep=source.fingerprint)
    with writing(engine).begin() as connection:
        under_way = connection.execute(
            select(VariantRelease.id, VariantRelease.records, VariantRelease.variants)
            .where(*_of(source.dataset, source.file), VariantRelease.state == LOADING)
            .order_by(VariantRelease.id)
        ).first()
        if under_way:
            return Loading(*under_way)
        row = {
            "dataset": source.dataset,
            "file": source.file,
            "assembly": source.assembly,
            "state": LOADING,
            "fingerprint": source.fingerprint,
            "people": source.people,
            "started_at": _now(),
        }
        created = connection.execute(insert(VariantRelease).values(row).returning(VariantRelease.id)).scalar_one()
        return Loading(created, 0, 0)


def append(engine: Engine, loading: Loading, batch: Batch) -> None:
    """Commit a batch.

    :raises LoadedElsewhere: if another process has added to the release, or removed it, since the last batch.
    """
    records, variants = loading.records + batch.records, loading.variants + len(batch.variants)
    with writing(engine).begin() as connection:
        moved = connection.execute(
            update(VariantRelease)
            .where(VariantRelease.id == loading.id, VariantRelease.state == LOADING)
            .where(VariantRelease.records == loading.records)
            .values(records=records, variants=variants)
        )
        if moved.rowcount != 1:
            raise LoadedElsewhere("another process loads the same file of the same data set; nothing was added")
        if batch.variants:
            connection.execute(insert(VariantRow), batch.variants)
        if batch.annotations:
            connection.execute(insert(VariantAnnotation), batch.annotations)
        _count_contigs(connection, loading.id, batch.variants)
    loading.records, loading.variants = records, variants


def publish(engine: Engine, loading: Loading, source: Source) -> None:
    """Make the release live in place of the file's former one, at one instant for every reader."""
    people = decode(source.people) if source.people is not None else None
    with writing(engine).begin() as connection:
        join_duplicates(connection, loading.id, people)
    with writing(engine).begin() as connection:
        connection.execute(
            update(VariantRelease)
            .where(*_of(source.dataset, source.file), VariantRelease.state == LIVE)
            .values(state=RETIRED)
        )
        moved = connection.execute(
            update(VariantRelease)
            .where(VariantRelease.id == loading.id, VariantRelease.state == LOADING)
            .where(VariantRelease.records == loading.records)
            .values(state=LIVE, live_at=_now())
        )
        if moved.rowcount != 1:
            raise LoadedElsewhere("another process loads the same file of the same data set; nothing was switched")
    purge(engine, source.dataset, source.file)


def remove(engine: Engine, dataset: str, file: str) -> bool:
    """Take a file's variants away from every reader at once; False if there were none."""
    with writing(engine).begin() as connection:
        retired = connection.execute(
            update(VariantRelease).where(*_of(dataset, file), VariantRelease.state == LIVE).values(state=RETIRED)
        )
    purge(engine, dataset, file)
    return bool(retired.rowcount)


def purge(engine: Engine, dataset: str, file: str, keep: str | None = None) -> None:
    """Delete the rows of retired releases of a file and of interrupted loads other than of fingerprint ``keep``."""
    with engine.connect() as connection:
        stale = connection.execute(
            select(VariantRelease.id, VariantRelease.state, VariantRelease.fingerprint).where(
                *_of(dataset, file), VariantRelease.state != LIVE
            )
        ).all()
    for release, state, fingerprint in stale:
        if state == RETIRED or (keep is not None and fingerprint != keep):
            _delete(engine, release)


def _delete(engine: Engine, release: int) -> None:
    """Retire first, so that a load under way stops; then rows in portions, the release itself last."""
    with writing(engine).begin() as connection:
        connection.execute(update(VariantRelease).where(VariantRelease.id == release).values(state=RETIRED))
        most = connection.execute(select(VariantRelease.variants).where(VariantRelease.id == release)).scalar() or 0
    for first in range(0, most, PURGED_AT_ONCE):
        with writing(engine).begin() as connection:
            for table in (VariantAnnotation, VariantRow):
                numbers = table.number.between(first, first + PURGED_AT_ONCE - 1)
                connection.execute(delete(table).where(table.release == release, numbers))
    with writing(engine).begin() as connection:
        connection.execute(delete(VariantContig).where(VariantContig.release == release))
        connection.execute(delete(VariantRelease).where(VariantRelease.id == release))


def _count_contigs(connection: Connection, release: int, rows: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter(row["contig"] for row in rows)
    for contig, count in counts.items():
        reaches = 0
        for row in rows:
            if row["contig"] == contig:
                reaches |= 1 << (row["reach"] or 0)
        key = (VariantContig.release == release, VariantContig.contig == contig)
        before = connection.execute(select(VariantContig.variants, VariantContig.reaches).where(*key)).first()
        if before is None:
            new = {"release": release, "contig": contig, "variants": count, "reaches": reaches}
            connection.execute(insert(VariantContig).values(new))
        else:
            values = {"variants": before.variants + count, "reaches": before.reaches | reaches}
            connection.execute(update(VariantContig).where(*key).values(values))


def _of(dataset: str, file: str) -> tuple[Any, Any]:
    return VariantRelease.dataset == dataset, VariantRelease.file == file


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
