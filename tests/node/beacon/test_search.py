"""The search without HTTP, over both database servers, and what a join is handed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog
from auth.policy import Policy
from node.beacon.meeting import Meeting
from node.beacon.question import Search, from_clause
from tests.node.beacon import oracle
from tests.node.beacon.conftest import ALL_TYPES, FLOOR, standing
from tests.node.beacon.test_oracle import random_question
from tests.node.beacon.world import EXISTING, RARE, TODAY, World, generate, write
from tests.node.family import PUBLIC_URL
from web.errors import Failure


def meeting(engine: Engine, entry_types: tuple[str, ...] = ALL_TYPES) -> Meeting:
    """The member's answer to a gateway."""
    policy = Policy(PUBLIC_URL, standing)
    catalog, search = Catalog(engine, lambda: TODAY), Search(engine, entry_types)
    return Meeting(catalog=catalog, search=search, policy=policy, floor=FLOOR, linked=True, today=lambda: TODAY)


def test_search_equals_the_oracle_on_both_servers(engine: Engine, tmp_path: Path) -> None:
    small = generate(seed=23, people=40)
    write(engine, small, tmp_path)
    search, dice = Search(engine, ALL_TYPES), random.Random(8)
    members = search.members([*EXISTING, "HRA000004", "HRA000005", "HRA999999"], TODAY)
    assert set(members) == set(EXISTING)
    for _ in range(40):
        filters, variant = random_question(dice, small)
        question = from_clause("individual", filters, {"g_variant": variant} if variant else None)
        met = oracle.met(small, filters, variant)
        found = search.met(question, members, lambda _people: True)
        assert {dataset: set(search.accessions(people)) for dataset, people in found.items()} == met, filters
        everyone = search.individuals(question, members, lambda _people: True)
        assert set(search.accessions(everyone)) == set().union(*met.values())


@pytest.mark.parametrize("entry_type", ["individual", "genomicVariant", "imagingSeries", "imaging_studies"])
def test_a_join_is_handed_everyone_who_meets_the_question(member_engine: Engine, world: World, entry_type: str) -> None:
    dice, links = random.Random(1), {person.accession: person.link for person in world.people}
    imaging = entry_type.startswith("imaging")
    for _ in range(15):
        filters, variant = random_question(dice, world)
        clause = {"entryType": entry_type, "filters": filters}
        clause |= {"requestParameters": {"g_variant": variant}} if variant else {}
        asked = {"start": [0], "end": [10**9]} if entry_type == "genomicVariant" and variant is None else variant
        met = oracle.met(world, filters, asked, imaging)
        found = {accession: (link, set(datasets)) for accession, link, datasets in meeting(member_engine)(clause, None)}
        expected = {p: (links[p], {d for d in met if p in met[d]}) for p in set().union(*met.values())}
        assert found == expected, clause


BAD: list[Callable[[], dict[str, Any]]] = [
    lambda: {"entryType": "specimen"},
    lambda: {"entryType": "individual", "filters": [{"id": "nonsense"}]},
    lambda: {"entryType": "individual", "filters": [{"id": RARE}]},
    lambda: {"entryType": "individual", "filters": ["HP:0001626"]},
    lambda: {"entryType": "individual", "requestParameters": {"start": [3]}},
    lambda: {"entryType": "genomicVariant", "requestParameters": {"g_variant": {"start": [3]}}},
]


@pytest.mark.parametrize("clause", BAD)
def test_a_question_that_cannot_be_answered_is_a_400(
    member_engine: Engine, clause: Callable[[], dict[str, Any]]
) -> None:
    with pytest.raises(Failure) as failure:
        meeting(member_engine)(clause(), None)
    assert failure.value.status == 400


@pytest.mark.parametrize(
    "clause",
    [
        {"entryType": "imagingSeries"},
        {"entryType": "individual", "filters": [{"id": "modality", "value": "CT"}]},
        {"entryType": "genomicVariant"},
        {"entryType": "individual", "requestParameters": {"g_variant": {"geneId": "BRAF"}}},
    ],
)
def test_what_a_member_does_not_hold_is_a_400(member_engine: Engine, clause: dict[str, Any]) -> None:
    with pytest.raises(Failure) as failure:
        meeting(member_engine, ("dataset", "individual"))(clause, None)
    assert failure.value.status == 400


def test_a_join_takes_a_term_of_samples_to_be_about_samples_as_the_beacon_does(
    member_engine: Engine, world: World
) -> None:
    tissue = "UBERON:0000178"  # said of samples alone, though it might be said of people
    owners = {s.person for s in world.specimens if s.record["sampleOriginType"]["id"] == tissue}
    member = meeting(member_engine)
    asked: list[dict[str, Any]] = [{"id": tissue}, {"id": tissue, "scope": "biosample"}]
    found = [{row[0] for row in member({"entryType": "individual", "filters": [one]}, None)} for one in asked]
    assert found[0] == found[1] != set()
    assert found[0] <= owners
