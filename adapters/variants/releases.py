"""The life of a release: loading, live, retired. Readers see live ones only; the switch is one transaction.

A load that was killed leaves a release ``loading``: the next load of the same bytes for the same people goes on
behind the last committed record of each segment of the file, any other load removes it first.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalog.engine import writing
from adapters.variants.carriers import decode
from adapters.variants.duplicates import join_duplicates
from adapters.variants.tables import VariantAnnotation, VariantContig, VariantRelease, VariantRow, VariantSegment

LOADING, LIVE, RETIRED = "loading", "live", "retired"
PURGED_AT_ONCE = 200_000  # numbers of alleles: keeps the transactions of a removal short


class LoadedElsewhere(RuntimeError):
    """Another process loads the same file of the same data set."""


class Interrupted(RuntimeError):
    """A process of the load ended before its work; what it committed is kept."""


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


@dataclass(frozen=True, slots=True)
class Loading:
    """A release under way: of each segment the records that are committed, and whether these are all."""

    release: int
    records: tuple[int, ...]
    done: tuple[bool, ...]


def begin(engine: Engine, source: Source, segments: int) -> Loading:
    """Start a release of a file in ``segments`` parts, or go on with one of the same bytes and people."""
    purge(engine, source.dataset, source.file, keep=source.fingerprint)
    with writing(engine).begin() as connection:
        under_way = select(VariantRelease.id).where(*_of(source.dataset, source.file), VariantRelease.state == LOADING)
        release = connection.execute(under_way.order_by(VariantRelease.id)).scalar()
        if release is not None:
            order = VariantSegment.number
            parts = select(VariantSegment).where(VariantSegment.release == release).order_by(order)
            found = connection.execute(parts).all()
            return Loading(release, tuple(row.records for row in found), tuple(row.done for row in found))
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
        parts_of = [{"release": created, "number": number, "records": 0, "done": False} for number in range(segments)]
        connection.execute(insert(VariantSegment), parts_of)
        return Loading(created, (0,) * segments, (False,) * segments)


def append(engine: Engine, release: int, segment: int, before: int, batch: Batch, last: bool) -> None:
    """Commit the batch that follows the first ``before`` records of a segment.

    :param last: the segment has no more records.
    :raises LoadedElsewhere: if another process has added to the segment, or removed the release.
    """
    first = _numbered(engine, release, len(batch.variants))
    for row in (*batch.variants, *batch.annotations):
        row["number"] += first
    here = (VariantSegment.release == release, VariantSegment.number == segment, ~VariantSegment.done)
    with writing(engine).begin() as connection:
        moved = connection.execute(
            update(VariantSegment)
            .where(*here, VariantSegment.records == before)
            .values(records=before + batch.records, done=last)
        )
        if moved.rowcount != 1:
            raise LoadedElsewhere("another process loads the same file of the same data set; nothing was added")
        if batch.variants:
            connection.execute(insert(VariantRow), batch.variants)
        if batch.annotations:
            connection.execute(insert(VariantAnnotation), batch.annotations)
        _count_contigs(connection, release, batch.variants)


def _numbered(engine: Engine, release: int, count: int) -> int:
    """Reserve ``count`` numbers of alleles: by itself, so that processes which append do not wait for each other."""
    if not count:
        return 0
    after = VariantRelease.numbers + count
    with writing(engine).begin() as connection:
        taken = update(VariantRelease).where(VariantRelease.id == release).values(numbers=after)
        numbers = connection.execute(taken.returning(VariantRelease.numbers)).scalar()
    if numbers is None:
        raise LoadedElsewhere("another process has removed the release that was being loaded")
    return int(numbers) - count


def publish(engine: Engine, release: int, source: Source) -> tuple[int, int]:
    """Make a release live in place of the file's former one, at one instant for every reader.

    :returns: how many records its file has, and how many alleles it.
    :raises LoadedElsewhere: if another process has done so, or removed it.
    """
    people = decode(source.people) if source.people is not None else None
    with writing(engine).begin() as connection:
        join_duplicates(connection, release, people)
    of_release = VariantSegment.release == release
    with writing(engine).begin() as connection:
        counted = select(func.sum(VariantContig.variants)).where(VariantContig.release == release)
        variants = connection.scalar(counted) or 0
        connection.execute(
            update(VariantRelease)
            .where(*_of(source.dataset, source.file), VariantRelease.state == LIVE)
            .values(state=RETIRED)
        )
        moved = connection.execute(
            update(VariantRelease)
            .where(VariantRelease.id == release, VariantRelease.state == LOADING)
            .values(state=LIVE, variants=variants, live_at=_now())
        )
        left = connection.scalar(select(func.count()).where(of_release, ~VariantSegment.done))
        if moved.rowcount != 1 or left:
            raise LoadedElsewhere("another process loads the same file of the same data set; nothing was switched")
        records = connection.scalar(select(func.sum(VariantSegment.records)).where(of_release))
        connection.execute(delete(VariantSegment).where(of_release))
    purge(engine, source.dataset, source.file)
    return int(records or 0), int(variants)


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
    """Retire first, and its segments, so that a load under way stops; then rows in portions, the release last."""
    with writing(engine).begin() as connection:
        connection.execute(update(VariantRelease).where(VariantRelease.id == release).values(state=RETIRED))
        connection.execute(delete(VariantSegment).where(VariantSegment.release == release))
        most = connection.execute(select(VariantRelease.numbers).where(VariantRelease.id == release)).scalar() or 0
    for first in range(0, most, PURGED_AT_ONCE):
        with writing(engine).begin() as connection:
            for table in (VariantAnnotation, VariantRow):
                numbers = table.number.between(first, first + PURGED_AT_ONCE - 1)
                connection.execute(delete(table).where(table.release == release, numbers))
    with writing(engine).begin() as connection:
        connection.execute(delete(VariantContig).where(VariantContig.release == release))
        connection.execute(delete(VariantRelease).where(VariantRelease.id == release))


def _count_contigs(connection: Connection, release: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """In one statement each: processes that load side by side meet on the same contig."""
    counts = Counter(row["contig"] for row in rows)
    reaches = dict.fromkeys(counts, 0)
    for row in rows:
        reaches[row["contig"]] |= 1 << (row["reach"] or 0)
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for contig, count in sorted(counts.items()):
        new = upsert(VariantContig).values(release=release, contig=contig, variants=count, reaches=reaches[contig])
        known = {
            "variants": VariantContig.variants + new.excluded.variants,
            "reaches": VariantContig.reaches.bitwise_or(new.excluded.reaches),
        }
        connection.execute(new.on_conflict_do_update(index_elements=["release", "contig"], set_=known))


def _of(dataset: str, file: str) -> tuple[Any, Any]:
    return VariantRelease.dataset == dataset, VariantRelease.file == file


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
