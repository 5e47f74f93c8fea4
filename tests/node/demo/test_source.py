"""The family on real data (extra: needs the data pack), registered in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from adapters.catalog.engine import connect
from adapters.catalog.models import Individual, Location, Membership
from node.demo.directory import DemoError
from node.demo.family import bring_up
from node.demo.real.pack import NEEDED, DataPack
from tests.support import shared


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = shared("data/README.md").parent
    folder = tmp_path_factory.mktemp("real") / "family"
    folder.mkdir()
    bring_up(folder, 20_000, data, lambda _text: None)
    return folder


def scalars(family: Path, member: str, query: object) -> list[object]:
    engine = connect(f"sqlite:///{family}/databases/{member}.sqlite")
    with engine.connect() as connection:
        found = list(connection.scalars(query))  # type: ignore[call-overload]
    engine.dispose()
    return found


def test_everyone_of_the_cohort_and_of_its_variants_is_there(family: Path) -> None:
    members = select(func.count()).select_from(Membership).where(Membership.dataset == "HRA900012")
    assert scalars(family, "gsa-human", members) == [2504 + 45]


def test_people_with_images_are_people_of_the_cohort(family: Path) -> None:
    links = scalars(family, "obia", select(Individual.link).where(Individual.link.is_not(None)))
    assert len(links) == len(set(links)) == 150
    assert set(links) <= set(scalars(family, "gsa-human", select(Individual.accession)))


def test_files_stay_where_they_are(family: Path) -> None:
    """Only phantoms are written; everything else is registered where it was found."""
    data = shared("data/README.md").parent
    for member in ("gsa", "gsa-human", "omix"):
        assert not (family / "archive" / member).exists()
        keys = scalars(family, member, select(Location.key).where(Location.store == "archive"))
        assert keys
        assert all((data / str(key)).is_file() for key in keys)
    assert all("OBIA900012" in path.parts for path in (family / "archive/obia").rglob("*.dcm"))


def test_second_time_changes_nothing(family: Path) -> None:
    before = (family / "family.json").read_bytes()
    assert bring_up(family, 20_000, shared("data/README.md").parent, lambda _text: None) == json.loads(before)
    assert (family / "family.json").read_bytes() == before


def test_another_source_or_port_in_the_same_folder_says_so(family: Path) -> None:
    with pytest.raises(DemoError, match="made from"):
        bring_up(family, 20_000, None, lambda _text: None)
    with pytest.raises(DemoError, match="made with --port-base 20000"):
        bring_up(family, 20_010, shared("data/README.md").parent, lambda _text: None)


def test_a_folder_that_lacks_something_says_what(tmp_path: Path) -> None:
    for path in NEEDED[1:]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    with pytest.raises(DemoError, match=f"missing: {NEEDED[0]}$"):
        DataPack(tmp_path)
