"""Objects of images, kept: the same as the database says, never older than the question; controlled ones never kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import writing
from adapters.catalog.held import Held, InPlace, held, holding
from adapters.catalog.models import Dataset, File, ImagingInstance, Individual, Location
from tests.node.dicomweb_node import SLICES, TODAY, Node
from tests.node.family import NOW

OPEN, CONTROLLED, LATER = "1.2.3.4", "1.2.3.2", "1.2.3.3"
FIRST = f"{OPEN}.1.1"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def places(study: str) -> list[tuple[str, str | None, str | None]]:
    """The study, its series, each instance, and one of another study."""
    series = f"{study}.1"
    return [
        (study, None, None),
        (study, series, None),
        *((study, series, f"{series}.{number}") for number in range(1, SLICES + 1)),
        (study, series, "1.2.3"),
        (study, "1.2.3", f"{series}.1"),
    ]


PLACES = [place for study in (OPEN, CONTROLLED, LATER, "9.9") for place in places(study)]
CHANGES: dict[str, Any] = {
    "withdrawn data set": update(Dataset).where(Dataset.accession == "OBIA000004").values(withdrawn_at=NOW),
    "later release": update(Dataset).values(release_date=TODAY + dt.timedelta(days=1)),
    "quarantined file": update(File).where(File.instance == FIRST).values(state="quarantined"),
    "withdrawn person": update(Individual).values(withdrawn_at=NOW),
    "another tier": update(Dataset).where(Dataset.accession == "OBIA000004").values(tier="controlled", dac="D"),
    "another place": update(Location).values(key="elsewhere"),
    "another syntax": update(ImagingInstance).values(syntax="1.2.840.10008.1.2"),
    "another order": update(ImagingInstance).values(number=100 - ImagingInstance.number),
    "on tape": update(File).values(available=False),
}


@pytest.fixture
def node(sqlite_engine: Engine, tmp_path: Path) -> Node:
    return Node(sqlite_engine, tmp_path / "archive")


@pytest.mark.parametrize("few", [0, 1, SLICES, 32])
async def test_what_is_found_is_what_the_database_holds(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """On both databases, asked for the first and for the second time, read in place and in a thread."""
    monkeypatch.setattr("adapters.catalog.held.FEW", few)
    Node(engine, tmp_path / "archive")
    catalog = Catalog(engine, lambda: TODAY)
    objects = holding(catalog)
    expected = [held(catalog, *place) for place in PLACES]
    assert [len(found) for found in expected[: len(places(OPEN))]] == [SLICES, SLICES, 1, 1, 1, 0, 0]
    assert not any(held(catalog, *place) for place in places(LATER))
    for _time in range(2):
        assert [list(await objects.find(*place)) for place in PLACES] == expected


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_seen_by_the_next_question(node: Node, change: Any) -> None:
    catalog = Catalog(node.engine, lambda: TODAY)
    objects = holding(catalog)
    before = [list(await objects.find(*place)) for place in PLACES]
    with writing(node.engine).begin() as connection:
        connection.execute(change)
    after = [list(await objects.find(*place)) for place in PLACES]
    assert after != before
    assert after == [held(catalog, *place) for place in PLACES]


async def test_release_follows_the_calendar_of_each_question(node: Node) -> None:
    today = TODAY
    objects = holding(Catalog(node.engine, lambda: today))
    assert not await objects.find(LATER)
    today = dt.date(2026, 6, 1)
    assert len(await objects.find(LATER)) == SLICES
    today = TODAY  # a clock that was put right
    assert not await objects.find(LATER)


async def test_only_what_is_open_and_not_many_is_kept(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = holding(Catalog(node.engine, lambda: TODAY))
    assert isinstance(objects, InPlace)
    for place in PLACES:
        await objects.find(*place)
    kept = objects._beside.unchanged().records
    assert kept.keys() == {place for place in PLACES if place[0] == OPEN and "1.2.3" not in place}
    monkeypatch.setattr("adapters.catalog.held.LARGEST", SLICES - 1)
    objects = holding(Catalog(node.engine, lambda: TODAY))
    assert isinstance(objects, InPlace)
    for place in places(OPEN):
        assert len(await objects.find(*place)) in {0, 1, SLICES}
    assert all(len(found) == 1 for found in objects._beside.unchanged().records.values())


async def test_what_is_kept_is_not_read_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = holding(Catalog(node.engine, lambda: TODAY))
    for place in places(OPEN):
        await objects.find(*place)
    monkeypatch.setattr("adapters.catalog.held.held", _never)
    monkeypatch.setattr("adapters.catalog.beside.Beside.rows", _never)
    assert len(await objects.find(OPEN)) == SLICES
    assert len(await objects.find(OPEN, f"{OPEN}.1", FIRST)) == 1


async def test_little_is_kept_at_a_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are counted, not answers."""
    monkeypatch.setattr("adapters.catalog.beside.MOST", SLICES + 1)
    objects = holding(Catalog(node.engine, lambda: TODAY))
    assert isinstance(objects, InPlace)
    for _time in range(3):
        for place in places(OPEN):
            await objects.find(*place)
            assert sum(map(len, objects._beside._kept.records.values())) < 2 * (SLICES + 1)


async def test_a_commit_while_something_is_read_is_seen_by_the_next_question(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before it is handed to whoever asked before it, and kept for nobody."""
    monkeypatch.setattr("adapters.catalog.held.FEW", 0)
    catalog = Catalog(node.engine, lambda: TODAY)
    objects = holding(catalog)

    def overtaken(catalog: Catalog, *place: Any) -> list[Held]:
        found = list(held(catalog, *place))
        with writing(node.engine).begin() as connection:
            connection.execute(delete(Location))
        return found

    with monkeypatch.context() as patched:
        patched.setattr("adapters.catalog.held.held", overtaken)
        assert (await objects.find(OPEN))[0].file.locations
    assert not (await objects.find(OPEN))[0].file.locations


def _never(*_given: Any) -> Any:
    raise AssertionError("it is kept")
