"""The index beside a file: whether it can be read, and whether it tells of this file.

BAI, TBI and CSI count the records of each reference (SAM specification 5.2, tabix and CSI specifications), so that an
index of another state of the file is told exactly wherever the number of records is another.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.qc.findings import Finding, Place
from adapters.reads.crai import parse_crai
from adapters.reads.errors import DamagedIndex
from adapters.reads.index import inflated, parse_index

Counts = list[tuple[int, int] | None]
"""By reference: mapped and unmapped records; None where the index does not say."""
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """What an index says: counts by reference, records without a place (None if not said), names (TBI, CSI of VCF)."""

    counts: Counts
    unplaced: int | None
    names: Sequence[str] | None


def beside(path: Path, suffixes: Sequence[str]) -> Path | None:
    """The index of a file: ``x.bam.bai`` or ``x.bai``."""
    for suffix in suffixes:
        for candidate in (path.with_name(path.name + suffix), path.with_suffix(suffix)):
            if candidate.is_file():
                return candidate
    return None


def read_index(path: Path) -> Held:
    """Read a BAI, TBI or CSI.

    :raises DamagedIndex: if it is none, or damaged.
    """
    data = path.read_bytes()
    names = parse_index(data).names
    if data[:2] == b"\x1f\x8b":
        data = inflated(data)
    try:
        return _csi(data, names) if data[:4] == b"CSI\1" else _bai(data, names)
    except struct.error as error:
        raise DamagedIndex("the index is cut off") from error


def _bai(data: bytes, names: Sequence[str] | None) -> Held:
    (references,) = struct.unpack_from("<I", data, 4)
    at = 8 + (28 + struct.unpack_from("<I", data, 32)[0] if data[:4] == b"TBI\1" else 0)
    counts: Counts = []
    for _ in range(references):
        at, found = _bins(data, at, struct.Struct("<II"), 37450)
        (windows,) = struct.unpack_from("<I", data, at)
        at += 4 + 8 * windows
        counts.append(found)
    return Held(counts, _unplaced(data, at), names)


def _csi(data: bytes, names: Sequence[str] | None) -> Held:
    _, depth, extra = struct.unpack_from("<iiI", data, 4)
    (references,) = struct.unpack_from("<I", data, 16 + extra)
    at, counts = 20 + extra, Counts()
    for _ in range(references):
        at, found = _bins(data, at, struct.Struct("<IQI"), ((1 << 3 * (depth + 1)) - 1) // 7 + 1)
        counts.append(found)
    return Held(counts, _unplaced(data, at), names)


def _bins(data: bytes, at: int, entry: struct.Struct, counting: int) -> tuple[int, tuple[int, int] | None]:
    """Pass over the bins of a reference; the counts in the bin that is none."""
    (bins,) = struct.unpack_from("<I", data, at)
    at += 4
    found = None
    for _ in range(bins):
        number, *_, chunks = entry.unpack_from(data, at)
        at += entry.size
        if number == counting and chunks == 2:
            found = struct.unpack_from("<QQ", data, at + 16)
        at += 16 * chunks
    return at, found


def _unplaced(data: bytes, at: int) -> int | None:
    return int(struct.unpack_from("<Q", data, at)[0]) if len(data) >= at + 8 else None


def disagreement(index: Path, held: Held, names: Sequence[str], placed: Sequence[tuple[int, int]]) -> list[Finding]:
    """The finding of an index that tells of other records than there are.

    :param names: of the references, as the file numbers them; ``placed`` are mapped and unmapped records of each.
    """
    said: Mapping[str, tuple[int, int] | None]
    by_name = held.names if held.names is not None else names
    said = dict(zip(by_name, held.counts, strict=False))
    there = dict(zip(names, placed, strict=False))
    places = []
    if held.names is None and len(held.counts) != len(names):
        places.append(Place(detail=f"{len(held.counts):,} references in the index, {len(names):,} in the file"))
    for name in dict.fromkeys([*there, *said]):
        indexed, counted = said.get(name), there.get(name, (0, 0))
        if indexed is None and name in said:
            continue  # the index does not count
        if (indexed or (0, 0)) != counted:
            places.append(
                Place(detail=f"{name}: {sum(indexed or (0, 0)):,} in the index, {sum(counted):,} in the file")
            )
    return [_finding(index, places)] if places else []


def damaged(index: Path, error: DamagedIndex) -> Finding:
    """The finding of an index that cannot be read."""
    return _finding(index, [Place(detail=str(error))])


def check_crai(index: Path, containers: set[int], size: int) -> list[Finding]:
    """Findings of a CRAI: each of its containers is one of the file's, and each of the file's is in it.

    :param containers: bytes at which containers of records begin.
    :param size: of the file, in bytes.
    """
    try:
        known = set(parse_crai(index.read_bytes()).containers)
    except DamagedIndex as error:
        return [damaged(index, error)]
    places = [
        Place(detail=f"a container at byte {at:,} is in the {where}, not in the {other} ({size:,} bytes)")
        for wrong, where, other in ((known - containers, "index", "file"), (containers - known, "file", "index"))
        for at in sorted(wrong)
    ]
    return [_finding(index, places)] if places else []


def _finding(index: Path, places: Sequence[Place]) -> Finding:
    said = f"{index.name} is not an index of this file as it is"
    return Finding("index", len(places), "places", said, tuple(places[:SHOWN]))
