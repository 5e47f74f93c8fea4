"""The transaction, over SQLite and PostgreSQL: ordinals, turns, updates, withdrawal, visibility."""

from __future__ import annotations

import datetime as dt
import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.models import Dataset, File, Individual
from adapters.catalog.visibility import dataset_exists, file_exists, individual_exists
from adapters.registration.manifest import Manifest
from adapters.registration.withdraw import NotRegistered, set_release_date, withdraw_dataset, withdraw_individual
from tests.adapters.registration.members import OPEN, Member, member, write_table
from tests.adapters.registration.test_individuals import MALE, lists, source

SET = {"accession": "HRA000001", **OPEN}
TODAY = dt.date(2026, 1, 1)


@pytest.fixture
def human(engine: Engine, tmp_path: Path) -> Member:
    return member("gsa-human", engine, tmp_path)


def files(human: Member, folder: Path, runs: int) -> Manifest:
    """A manifest with one FASTQ file for each of the first runs."""
    rows = []
    for n in range(1, runs + 1):
        content = gzip.compress(f"@r{n}\nACGT\n+\nIIII\n".encode(), mtime=0)
        rows.append((f"{n}.fq.gz", human.file(f"{n}.fq.gz", content), "reads", "FASTQ", f"HRR{n:06d}"))
    return Manifest(write_table(folder / "files.tsv", ("path", "md5", "title", "type", "run"), rows), "disk")


def test_everything_is_written_once_on_either_database(human: Member, tmp_path: Path) -> None:
    people = source(tmp_path, lists(5))
    assert human.register(people, SET).inserted["run"] == 5
    assert human.register(files(human, tmp_path, 5), SET).inserted["file_person"] == 5
    before = human.content()
    assert not human.register(people, SET).changed
    assert not human.register(files(human, tmp_path, 5), SET).changed
    assert human.content() == before
    assert [p["ordinal"] for p in human.rows(Individual)] == [0, 1, 2, 3, 4]


def test_many_rows_on_either_database(human: Member, tmp_path: Path) -> None:
    people = source(tmp_path, lists(1100))
    assert human.register(people, SET).inserted["sample"] == 1100
    assert not human.register(people, SET).changed


def test_metadata_is_updated_only_when_asked_for(human: Member, tmp_path: Path) -> None:
    content = lists(2)
    human.register(source(tmp_path, content), SET)
    content["individuals"][1]["sex"] = MALE
    told: list[Any] = []
    assert human.problems(source(tmp_path, content), SET) == [("conflict", "individuals.json", 2, "")]
    outcome = human.register(source(tmp_path, content), SET, update=True, hooks=[lambda _, a: told.extend(a)])
    assert outcome.updated == {"individual": 1}
    assert told == ["HRI000002"]
    assert [(p["ordinal"], p["sex"]) for p in human.rows(Individual)] == [(0, MALE["id"]), (1, MALE["id"])]


def test_registrations_at_once_take_turns(human: Member, tmp_path: Path) -> None:
    """People of four data sets come at once, each with accessions of their own: ordinals stay dense and unique."""

    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        people = [{"id": f"HRI{number}{n:05d}", "sex": MALE} for n in range(50)]
        human.register(source(folder, {"individuals": people}), {**SET, "accession": f"HRA00000{number}"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(1, 5)))
    found = human.rows(Individual)
    assert sorted(p["ordinal"] for p in found) == list(range(200))
    for number in range(1, 5):
        own = sorted(p["ordinal"] for p in found if p["accession"].startswith(f"HRI{number}"))
        assert own == list(range(own[0], own[0] + 50))


def test_a_file_of_another_data_sets_run_is_refused(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, lists(1)), SET)
    other = {**SET, "accession": "HRA000002"}
    assert human.problems(files(human, tmp_path, 1), other) == [("conflict", "files.tsv", 2, "")]


def test_withdrawal_and_release_decide_what_exists(human: Member, tmp_path: Path) -> None:
    human.register(source(tmp_path, lists(3)), SET)
    human.register(files(human, tmp_path, 3), SET)
    engine = human.archive.engine
    assert existing(engine) == (1, 3, 3)
    told: list[Any] = []
    assert withdraw_individual(engine, "HRI000002", [lambda _, a: told.append(list(a))])
    assert not withdraw_individual(engine, "HRI000002")
    assert existing(engine) == (1, 2, 2)
    assert set_release_date(engine, "HRA000001", dt.date(2026, 1, 2))
    assert not set_release_date(engine, "HRA000001", dt.date(2026, 1, 2))
    assert existing(engine) == (0, 0, 0)
    assert set_release_date(engine, "HRA000001", TODAY)
    assert existing(engine) == (1, 2, 2)
    assert withdraw_dataset(engine, "HRA000001", [lambda _, a: told.append(sorted(a))])
    assert not withdraw_dataset(engine, "HRA000001")
    assert existing(engine) == (0, 0, 0)
    assert told == [["HRI000002"], ["HRI000001", "HRI000002", "HRI000003"]]
    found = human.problems(source(tmp_path, lists(3)), SET)
    assert found == [("conflict", "dataset.yaml", None, ""), ("conflict", "individuals.json", 2, "")]


def test_what_is_not_registered_cannot_be_withdrawn(human: Member) -> None:
    engine = human.archive.engine
    for act in (
        lambda: withdraw_dataset(engine, "HRA000009"),
        lambda: withdraw_individual(engine, "HRI000009"),
        lambda: set_release_date(engine, "HRA000009", TODAY),
    ):
        with pytest.raises(NotRegistered, match="000009"):
            act()


def existing(engine: Engine) -> tuple[int, int, int]:
    """How many data sets, individuals and files exist for the world."""
    with Session(engine) as session:
        sets = session.scalars(select(Dataset.accession).where(dataset_exists(TODAY))).all()
        people = session.scalars(select(Individual.accession).where(individual_exists(TODAY))).all()
        joined = select(File.id).join(Dataset, Dataset.accession == File.dataset)
        return len(sets), len(people), len(session.scalars(joined.where(file_exists(TODAY))).all())
