"""What is kept of the catalog holds until the database counts a change, whoever makes it and however."""

from __future__ import annotations

import datetime as dt
import gc
import threading
from pathlib import Path

import pytest
from pyroaring import BitMap
from sqlalchemy import Engine, delete, inspect, select, text, update

from adapters.catalog.catalog import Catalog, DatasetRecord
from adapters.catalog.engine import connect, writing
from adapters.catalog.footprint import footprint
from adapters.catalog.kept import CatalogChange, Kept
from adapters.catalog.models import Dataset, Individual, Membership
from adapters.terms.tables import IndividualTerm, IndividualValue, OntologyClosure, OntologySource, OntologyTerm
from adapters.terms.tables import TermPeople as People
from adapters.variants.tables import VariantRelease
from migrations.metadata import metadata
from migrations.schema import upgrade

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.date(2026, 1, 1)
SET = {"accession": "HRA000001", "title": "t", "tier": "open", "release_date": DAY, "created_at": NOW}
RELEASE = {"dataset": "HRA000001", "file": "f", "assembly": "GRCh38", "state": "loading", "fingerprint": ""}
RELEASE |= {"numbers": 0, "variants": 0, "started_at": NOW}
ROWS = [
    (Dataset, SET | {"updated_at": NOW}, {"title": "u"}),
    (Individual, {"accession": "HRI000001", "ordinal": 0}, {"withdrawn_at": NOW}),
    (Membership, {"dataset": "HRA000001", "individual": "HRI000001"}, {}),
    (OntologySource, {"id": "hp", "version": "1", "terms": 1}, {"version": "2"}),
    (OntologyTerm, {"source": "hp", "id": "HP:1", "label": "x"}, {"label": "y"}),
    (OntologyClosure, {"source": "hp", "ancestor": "HP:1", "descendants": "HP:2"}, {"descendants": "HP:3"}),
    (IndividualTerm, {"ordinal": 0, "path": "sex", "term": "NCIT:C16576"}, {"term": "NCIT:C20197"}),
    (People, {"term": "NCIT:C16576", "label": "x", "people": b"H"}, {"people": b"H\0\0"}),
    (IndividualValue, {"ordinal": 0, "field": "age", "low": 1.0, "high": 1.0}, {"low": 0.5}),
]


@pytest.fixture
def member(engine: Engine) -> Engine:
    upgrade(engine, "member")
    return engine


def number(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(CatalogChange.number)).scalar_one()


def test_every_change_of_what_answers_are_made_of_is_counted_in_its_own_transaction(member: Engine) -> None:
    for table, row, change in ROWS:
        before = number(member)
        with writing(member).begin() as connection:
            connection.execute(table.__table__.insert().values(row))
        assert number(member) > before, table
        if change:
            before = number(member)
            with writing(member).begin() as connection:
                connection.execute(update(table).values(change))
            assert number(member) > before, table
    for table, _, _ in reversed(ROWS):
        before = number(member)
        with writing(member).begin() as connection:
            connection.execute(delete(table))
        assert number(member) > before, table
    before = number(member)
    with writing(member).connect() as connection:
        connection.execute(Dataset.__table__.insert().values(SET | {"updated_at": NOW}))
        connection.rollback()
    assert number(member) == before


def test_a_release_counts_when_it_goes_live_and_not_while_it_is_loaded(member: Engine) -> None:
    before = number(member)
    with writing(member).begin() as connection:
        connection.execute(VariantRelease.__table__.insert().values(RELEASE))
        connection.execute(update(VariantRelease).values(numbers=7))
    assert number(member) == before
    with writing(member).begin() as connection:
        connection.execute(update(VariantRelease).values(state="live"))
    assert number(member) == before + 1


def test_tables_made_from_the_models_have_the_triggers_of_migrations(tmp_path: Path) -> None:
    made, migrated = connect(f"sqlite:///{tmp_path}/a.db"), connect(f"sqlite:///{tmp_path}/b.db")
    with writing(made).begin() as connection:
        for base in metadata("member"):
            base.create_all(connection)
    upgrade(migrated, "member")
    wanted = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
    with made.connect() as a, migrated.connect() as b:
        found = b.execute(wanted).all()
        assert a.execute(wanted).all() == found
    assert len(found) == 3 * len(ROWS) + 1
    assert inspect(made).has_table("catalog_change")


def test_what_is_kept_goes_with_the_commit_of_another_connection(member: Engine) -> None:
    catalog, reads = Catalog(member, lambda: DAY), []
    assert catalog.datasets() == []
    with writing(member).begin() as connection:
        connection.execute(Dataset.__table__.insert().values(SET | {"updated_at": NOW}))
        if member.dialect.name == "postgresql":
            assert catalog.datasets() == [], "nothing of a change is seen before it is committed"
    assert [dataset.title for dataset in catalog.datasets()] == ["t"]
    with writing(member).begin() as connection:
        connection.execute(text("UPDATE dataset SET withdrawn_at = '2026-01-01 00:00:00'"))
    assert catalog.datasets() == []

    kept = Kept(member)
    for _ in range(3):
        kept.get("x", lambda _connection: reads.append(1))
    assert reads == [1], "None is kept too"
    with writing(member).begin() as connection:
        connection.execute(update(Dataset).values(title="v"))
    with kept.moment():
        kept.get("x", lambda _connection: reads.append(2))
        kept.get("x", lambda _connection: reads.append(3))
    assert reads == [1, 2]


def test_what_was_read_before_a_change_is_not_kept_as_read_after_it(member: Engine) -> None:
    """A reader that is overtaken by a change keeps nothing that a later reader would believe."""
    kept, seen = Kept(member), []

    def overtaken(_connection: object) -> str:
        def change() -> None:
            with writing(member).begin() as connection:
                connection.execute(Dataset.__table__.insert().values(SET | {"updated_at": NOW}))
            seen.append(kept.get("x", lambda _connection: "new"))

        other = threading.Thread(target=change)
        other.start()
        other.join()
        return "old"

    assert kept.get("x", overtaken) == "old"
    assert seen == ["new"]
    assert kept.get("x", lambda _connection: "newer") == "new"


def test_a_database_that_does_not_count_is_read_each_time(member: Engine) -> None:
    with writing(member).begin() as connection:
        connection.execute(delete(CatalogChange))
    kept, reads = Kept(member), []
    for _ in range(2):
        kept.get("x", lambda _connection: reads.append(1))
    with kept.moment():
        kept.get("x", lambda _connection: reads.append(1))
    assert len(reads) == 3


def test_what_is_kept_is_bounded_by_bytes_and_the_least_used_goes_first(member: Engine) -> None:
    kept, reads = Kept(member, most=100_000), []

    def ask(key: str, size: int) -> None:
        def read(_connection: object) -> bytes:
            reads.append(key)
            return b"x" * size

        assert len(kept.get(key, read)) == size

    for key in ("a", "b", "a", "c", "d", "a"):  # 30,000 bytes each: "d" takes the place of "b"
        ask(key, 30_000)
    assert reads == ["a", "b", "c", "d"]
    for key in ("c", "d", "a", "b"):
        ask(key, 30_000)
    assert reads == ["a", "b", "c", "d", "b"]
    ask("too large", 200_000)
    ask("too large", 200_000)
    assert reads[-2:] == ["too large"] * 2
    for number in range(5_000):
        ask(f"small {number}", 100)
    assert len(gc.get_referents(kept._kept)) < 1_000, "not by their number"
    with writing(member).begin() as connection:
        connection.execute(Dataset.__table__.insert().values(SET | {"updated_at": NOW}))
    reads.clear()
    for _ in range(2):
        for key in ("e", "f", "g"):
            ask(key, 30_000)
    assert reads == ["e", "f", "g"], "a change gives back what was taken before it"


def test_a_footprint_counts_all_that_a_value_holds_once() -> None:
    text, people = "x" * 10_000, BitMap(range(0, 60_000, 7))
    record = DatasetRecord("A", text, "", "open", "public", None, None, "", {"a": [text]}, DAY, NOW, NOW)
    for held in ([text, text], {"a": text}, {text: None}, (frozenset({text}),), record):
        assert 10_000 < footprint(held) < 12_500
    assert footprint({"a": people}) > len(people.serialize()) > 8_000
