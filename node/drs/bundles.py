"""Bundles as DRS sees them: their direct members, sizes and checksums (CHECKLIST DRS-19 to DRS-22)."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from adapters.catalog.bundles import BundleRecord, bundle_of
from adapters.catalog.catalog import DatasetRecord, FileRecord

HASHES = {"md5": "md5", "sha-256": "sha256", "sha1": "sha1", "sha-512": "sha512"}
"""DRS names of the checksums that a bundle can have, and what hashlib calls them."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle with its direct members, files and bundles. ``size`` is in bytes.

    :param checksums: by type, each the hash of the members' sorted checksums of that type; only types that every
        direct member has.
    """

    id: str
    title: str
    dataset: DatasetRecord
    members: tuple[Bundle | FileRecord, ...]
    size: int
    created_at: dt.datetime
    checksums: dict[str, str]


def bundle(record: BundleRecord) -> Bundle:
    """The bundle of a record. In a data set the files of a run or series are a bundle of their own."""
    members: list[Bundle | FileRecord] = []
    nested: dict[str, list[FileRecord]] = {}
    for file in record.files:
        inner = (bundle_of(file, "run") or bundle_of(file, "series")) if record.kind == "dataset" else None
        if inner is None:
            members.append(file)
        else:
            nested.setdefault(inner, []).append(file)
    members += [_made(id, "", record.dataset, files) for id, files in nested.items()]
    return _made(record.id, record.title, record.dataset, sorted(members, key=lambda member: member.id))


def _made(id: str, title: str, dataset: DatasetRecord, members: list[Bundle | FileRecord] | list[FileRecord]) -> Bundle:
    return Bundle(
        id,
        title,
        dataset,
        tuple(members),
        sum(member.size for member in members),
        max(member.created_at for member in members),
        _checksums([member.checksums for member in members]),
    )


def _checksums(members: list[dict[str, str]]) -> dict[str, str]:
    """DRS-19: the members' hex digests of one type, sorted, joined, and hashed by that type; names do not count."""
    shared = set(HASHES).intersection(*members)
    return {
        kind: hashlib.new(
            HASHES[kind], "".join(sorted(member[kind] for member in members)).encode(), usedforsecurity=False
        ).hexdigest()
        for kind in sorted(shared)
    }
