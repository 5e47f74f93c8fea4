"""Archives to register into: a catalog, one local store, and the accessions of a real member profile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

import adapters.registration.tables
from adapters.catalog.models import Base
from adapters.registration.accessions import Accessions
from adapters.registration.plan import Origin
from adapters.registration.registration import Archive, Described, Source, register
from adapters.registration.write import Outcome, Refused
from adapters.store import open_stores

PROFILES = Path(__file__).parents[3] / "config/members"
OPEN = {"title": "A study", "tier": "open", "release_date": "2024-01-01"}
Found = tuple[str, str, int | None, str]  # kind, sheet or source, row, column


def accessions(member: str) -> Accessions:
    """The accession patterns of a member's profile."""
    profile = yaml.safe_load((PROFILES / f"{member}.yaml").read_text("utf-8"))
    return Accessions({"bioproject": r"PRJC[A-Z]\d{6}", **profile["accessions"]})


@dataclass(frozen=True)
class Member:
    """A member over an empty catalog and the files below ``root``."""

    archive: Archive
    root: Path

    def register(self, source: Source, dataset: dict[str, Any], **options: Any) -> Outcome:
        """Register ``source`` into the described data set."""
        return register(self.archive, Described(dataset, Origin("dataset.yaml")), source, **options)

    def problems(self, source: Source, dataset: dict[str, Any], **options: Any) -> list[Found]:
        """What registration refuses, as (kind, sheet or source, row, column); nothing was written."""
        before = self.content()
        try:
            outcome = self.register(source, dataset, **options)
        except Refused as refused:
            assert self.content() == before
            return [
                (str(p.kind), p.origin.sheet or p.origin.source, p.origin.row, p.origin.column)
                for p in refused.problems
            ]
        raise AssertionError(f"not refused: {outcome}")

    def file(self, key: str, content: bytes) -> str:
        """Put a file into the store; its MD5."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return hashlib.md5(content).hexdigest()

    def rows(self, table: type[Base]) -> list[dict[str, Any]]:
        """All rows of a table, ordered by their key."""
        columns = table.__table__
        with Session(self.archive.engine) as session:
            found = session.execute(select(columns).order_by(*columns.primary_key)).mappings()
            return [dict(row) for row in found]

    def content(self) -> dict[str, list[dict[str, Any]]]:
        """The whole catalog."""
        return {mapper.class_.__tablename__: self.rows(mapper.class_) for mapper in Base.registry.mappers}


def member(name: str, engine: Engine, folder: Path) -> Member:
    """A member with an empty catalog in ``engine`` and an empty store below ``folder``."""
    Base.metadata.create_all(engine)
    adapters.registration.tables.Base.metadata.create_all(engine)
    root = folder / "archive"
    root.mkdir()
    return Member(Archive(engine, open_stores({"disk": {"kind": "local", "root": str(root)}}), accessions(name)), root)


def write_table(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Path:
    """A tab-separated file."""
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]), "utf-8")
    return path
