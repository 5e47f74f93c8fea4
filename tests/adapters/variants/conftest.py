"""A member's database with people, data sets and variant tables, on both kinds of server."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from adapters.catalog import models
from adapters.variants import tables

NOW = dt.datetime(2026, 1, 1)
DATASETS = ("HRA000001", "HRA000002", "HRA000003")
PEOPLE = 60
FIRST = 40  # ordinal of the first person: bitmaps do not start at 0


@dataclass
class Catalog:
    """The database and the names under which its people appear in files."""

    engine: Engine
    folder: Path

    def write(self, name: str, text: str) -> Path:
        """A plain VCF file."""
        path = self.folder / name
        path.write_text(text)
        return path


def person_of_sample() -> dict[str, int]:
    """Sample names of HRA000001: two samples of each of the first five people, one of everybody else."""
    names = {f"S{i:03}": FIRST + i for i in range(PEOPLE)}
    return names | {f"S{i:03}b": FIRST + i for i in range(5)}


def fill(engine: Engine) -> None:
    """Tables, three data sets, sixty people who are members of all of them."""
    models.Base.metadata.create_all(engine)
    tables.Base.metadata.create_all(engine)
    sets = [
        {"accession": a, "title": a, "tier": "open", "release_date": dt.date(2020, 1, 1), "created_at": NOW}
        | {"updated_at": NOW}
        for a in DATASETS
    ]
    people = [{"accession": f"HRI{i:06}", "ordinal": FIRST + i, "name": f"P{i:03}"} for i in range(PEOPLE)]
    samples = [
        {"accession": f"HRS{i:06}", "dataset": "HRA000001", "individual": f"HRI{o - FIRST:06}", "name": name}
        for i, (name, o) in enumerate(person_of_sample().items())
    ]
    with engine.begin() as connection:
        connection.execute(insert(models.Dataset), sets)
        connection.execute(insert(models.Individual), people)
        members = [{"dataset": a, "individual": p["accession"]} for a in DATASETS for p in people]
        connection.execute(insert(models.Membership), members)
        connection.execute(insert(models.Sample), samples)


@pytest.fixture
def catalog(engine: Engine, tmp_path: Path) -> Catalog:
    """An empty member with people, once on SQLite and once on PostgreSQL."""
    fill(engine)
    return Catalog(engine, tmp_path)


@pytest.fixture
def sqlite_catalog(sqlite_engine: Engine, tmp_path: Path) -> Catalog:
    """The same on SQLite only."""
    fill(sqlite_engine)
    return Catalog(sqlite_engine, tmp_path)
