"""One row per allele of a release: records that say the same allele twice are joined before the release goes live."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Connection, Row, and_, delete, exists, insert, select, update
from sqlalchemy.orm import aliased

from adapters.variants.carriers import decode, encode
from adapters.variants.tables import VariantAnnotation, VariantContig, VariantRow

SAME = ("release", "contig", "start", "span", "ref", "alt", "length")


def join_duplicates(connection: Connection, release: int, people: BitMap | None) -> int:
    """Join the rows of equal alleles of a release that is not live; the number of rows that are gone."""
    first, other = VariantRow, aliased(VariantRow)
    same = and_(*(getattr(first, name) == getattr(other, name) for name in SAME))
    repeated = exists(select(1).select_from(other).where(same, other.number != first.number))
    columns = VariantRow.__table__.columns
    statement = select(*columns).where(first.release == release, repeated)
    order = [getattr(first, name) for name in SAME]
    found = connection.execute(statement.order_by(*order, first.number)).all()
    gone = 0
    for _, group in groupby(found, key=lambda row: tuple(getattr(row, name) for name in SAME)):
        rows = list(group)
        values = _people(rows, people) if people is not None else _most_seen(rows)
        _join(connection, rows, values)
        gone += len(rows) - 1
    return gone


def _join(connection: Connection, rows: list[Row[Any]], values: dict[str, Any]) -> None:
    kept = rows[0]
    values["anchor"] = next((row.anchor for row in rows if row.anchor), None)
    values |= {"genes": _names(row.genes for row in rows), "aminoacids": _names(row.aminoacids for row in rows)}
    place = (VariantRow.release == kept.release, VariantRow.contig == kept.contig, VariantRow.start == kept.start)
    numbers = [row.number for row in rows]
    connection.execute(update(VariantRow).where(*place, VariantRow.number == kept.number).values(values))
    connection.execute(delete(VariantRow).where(*place, VariantRow.number.in_(numbers[1:])))
    about = (VariantAnnotation.release == kept.release, VariantAnnotation.number.in_(numbers))
    said = connection.execute(select(VariantAnnotation.gene, VariantAnnotation.aminoacid).where(*about).distinct())
    key = {"release": kept.release, "contig": kept.contig, "start": kept.start, "number": kept.number}
    new = [key | {"gene": gene, "aminoacid": change} for gene, change in said]
    connection.execute(delete(VariantAnnotation).where(*about))
    if new:
        connection.execute(insert(VariantAnnotation), new)
    contig = (VariantContig.release == kept.release, VariantContig.contig == kept.contig)
    left = VariantContig.variants - (len(rows) - 1)
    connection.execute(update(VariantContig).where(*contig).values(variants=left))


def _people(rows: list[Row[Any]], people: BitMap) -> dict[str, Any]:
    """A person has the most copies, and the most called alleles, that any of the records says."""
    carriers, homozygotes, two, one = BitMap(), BitMap(), BitMap(), BitMap()
    for row in rows:
        single, uncalled = _set(row.single), _set(row.uncalled)
        carriers |= decode(row.carriers)
        homozygotes |= _set(row.homozygotes)
        two |= people - single - uncalled
        one |= single
    one -= two
    return {
        "carriers": encode(carriers),
        "homozygotes": _bytes(homozygotes),
        "single": _bytes(one),
        "uncalled": _bytes(people - two - one),
        "carrier_count": len(carriers),
    }


def _most_seen(rows: list[Row[Any]]) -> dict[str, Any]:
    most = max(rows, key=lambda row: (row.allele_number or 0, row.allele_count or 0))
    return {"allele_count": most.allele_count, "allele_number": most.allele_number}


def _names(lists: Any) -> str | None:
    return ",".join(sorted({name for text in lists if text for name in text.split(",")})) or None


def _set(data: bytes | None) -> BitMap:
    return decode(data) if data else BitMap()


def _bytes(people: BitMap) -> bytes | None:
    return encode(people) if people else None
