"""The catalog's questions over SQLite and PostgreSQL, against a plain reading of what was put in."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, update

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import writing
from adapters.catalog.holdings import Holdings
from adapters.catalog.models import Dataset, File, FilePerson, Individual
from tests.node.family import ABSENT, CONTENT, FILES, NOW, SETS, TODAY, build


@pytest.fixture
def catalog(engine: Engine, tmp_path: Path) -> Catalog:
    build(engine, tmp_path)
    return Catalog(engine, lambda: TODAY)


def test_only_what_exists_is_found(catalog: Catalog) -> None:
    found = catalog.files([*FILES, "unknown"])
    assert set(found) == set(FILES) - set(ABSENT.values())
    assert {id: file.size for id, file in found.items()} == {id: len(CONTENT[id]) for id in found}
    assert [dataset.accession for dataset in catalog.datasets()] == ["HRA000001", "HRA000002", "HRA000003"]
    assert catalog.dataset("HRA000004") is None
    assert catalog.totals() == (len(found), sum(file.size for file in found.values()))


def test_moments_come_back_in_utc(catalog: Catalog) -> None:
    file = catalog.file("HRR000001-01")
    assert file is not None
    assert (file.created_at, file.created_at.utcoffset()) == (NOW, dt.timedelta(0))
    assert file.dataset.release_date == TODAY


def test_a_data_set_appears_on_its_release_date(engine: Engine, catalog: Catalog) -> None:
    release = SETS["HRA000004"][2]
    days = [release - dt.timedelta(days=1), release, release + dt.timedelta(days=1)]
    seen = [Catalog(engine, lambda day=day: day).file("HRR000004-01") is not None for day in days]  # type: ignore[misc]
    assert seen == [False, True, True]


def test_withdrawal_and_return_of_a_person_decide_over_a_pooled_file(engine: Engine, catalog: Catalog) -> None:
    """A file of two people is absent while any of them is withdrawn."""
    with writing(engine).begin() as connection:
        connection.execute(insert(FilePerson).values(file="HRR000001-01", individual="HRI000002"))
    assert catalog.file("HRR000001-01") is None
    with writing(engine).begin() as connection:
        connection.execute(update(Individual).values(withdrawn_at=None))
    assert catalog.file("HRR000001-01") is not None
    assert catalog.file("HRR000006-01") is not None


def test_every_state_of_set_file_and_person(engine: Engine, catalog: Catalog) -> None:
    """All 16 combinations: a file exists exactly if nothing forbids it."""
    for released, withdrawn, archived, person in itertools.product([True, False], repeat=4):
        with writing(engine).begin() as connection:
            connection.execute(
                update(Dataset)
                .where(Dataset.accession == "HRA000001")
                .values(
                    release_date=TODAY if released else TODAY + dt.timedelta(days=1),
                    withdrawn_at=NOW if withdrawn else None,
                )
            )
            state = "archived" if archived else "quarantined"
            connection.execute(update(File).where(File.id == "HRR000001-01").values(state=state))
            people = update(Individual).where(Individual.accession == "HRI000001")
            connection.execute(people.values(withdrawn_at=NOW if person else None))
        exists = released and not withdrawn and archived and not person
        assert (catalog.file("HRR000001-01") is not None) == exists, (released, withdrawn, archived, person)


def test_the_index_of_a_file_is_named(engine: Engine, catalog: Catalog) -> None:
    row = {"id": "HRR000001-02", "dataset": "HRA000001", "name": "i", "size": 1, "created_at": NOW}
    with writing(engine).begin() as connection:
        connection.execute(insert(File).values(**row, index_of="HRR000001-01"))
    file = catalog.file("HRR000001-01")
    assert file is not None
    assert file.index == "HRR000001-02"
    held = Holdings(engine, catalog).of_people(["HRI000001"], list(SETS))
    assert [(one.id, one.indexed) for one in held] == [("HRR000001-01", True), ("HRR000002-01", False)]


def test_what_people_hold_is_told_in_one_statement_for_all(engine: Engine, catalog: Catalog) -> None:
    """The same as read one by one; what does not exist, and what is of other data sets, is left out."""
    holdings = Holdings(engine, catalog)
    with engine.connect() as connection:
        people = list(connection.scalars(select(Individual.accession)))
    selects = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal selects
        selects += statement.startswith("SELECT")

    event.listen(engine, "before_cursor_execute", count)
    held = holdings.of_people([*people, "HRI999999"], list(SETS))
    assert (selects, len(held) > 1) == (1, True)
    assert {one.id for one in held} & set(ABSENT.values()) == set()
    assert held == [one for person in sorted(people) for one in holdings.of_people([person], list(SETS))]
    few = holdings.of_people(people, ["HRA000001"])
    assert few == [one for one in held if one.dataset == "HRA000001"]
    assert holdings.of_people(people, []) == []


def test_ten_thousand_files_are_a_few_statements(engine: Engine, catalog: Catalog) -> None:
    rows = [
        {"id": f"B{number}", "dataset": "HRA000001", "name": "x", "size": 1, "created_at": NOW}
        for number in range(10_000)
    ]
    with writing(engine).begin() as connection:
        connection.execute(insert(File), rows)
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(engine, "before_cursor_execute", count)
    assert len(catalog.files(row["id"] for row in rows)) == 10_000
    assert statements <= 12
