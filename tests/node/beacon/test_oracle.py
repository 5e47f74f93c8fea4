"""Random questions against the served Beacon equal a look at everybody: exactly where the caller sees records, and
after the floor elsewhere (issue of private and exact answers)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.node.beacon import oracle
from tests.node.beacon.conftest import FLOOR, Served
from tests.node.beacon.world import BMI, CONTIG_FROM, DISEASES, EXISTING, SEXES, TERMS, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
FULL = {None: {"HRA000001"}, "two": {"HRA000001", "HRA000002"}, "revoked": {"HRA000001"}}
QUESTIONS = 150
OPERATORS = ("=", "<", ">", "!", ">=", "<=")


def random_filter(dice: random.Random) -> dict[str, Any]:
    kind = dice.randrange(10)
    if kind < 2:
        term = dice.choice([t for t in TERMS if t.startswith("HP")])
        return {"id": term, "includeDescendantTerms": dice.random() < 0.7}
    if kind == 2:
        return {"id": dice.choice([*DISEASES, *SEXES, BMI])}
    if kind == 3:
        return {"id": "ageOfOnset", "operator": dice.choice(OPERATORS), "value": random_age(dice)}
    if kind == 4:
        return {"id": BMI, "operator": dice.choice(OPERATORS), "value": dice.choice(["22", "25.0", "30"])}
    if kind == 5:
        return {"id": "sex", "operator": dice.choice(["=", "!"]), "value": dice.choice(SEXES)}
    if kind == 6:
        return {"id": dice.choice(["DCM:CT", "DCM:MR", "UBERON:0000955", "UBERON:0000062", "imaging:cross-sectional"])}
    if kind == 7:
        return {"id": "age", "operator": dice.choice(OPERATORS), "value": random_age(dice)}
    if kind == 8:
        value = dice.choice(["siemens", "GE%", "%med%", "none"])
        return {"id": "manufacturer", "operator": dice.choice(["=", "!"]), "value": value}
    return {"id": "modality", "operator": dice.choice(["=", "!"]), "value": dice.choice(["CT", "mr", "US", "%T"])}


def random_age(dice: random.Random) -> str:
    return dice.choice(["P1Y", "P12M", "P30Y", "P45Y6M", "P60Y", "P8Y", "P70Y3M"])


def random_variant(dice: random.Random, world: World) -> dict[str, Any]:
    start, ref, alt = dice.choice(world.variants)
    asked: dict[str, Any] = {
        "assemblyId": "GRCh38",
        "referenceName": dice.choice(["22", "chr22", "refseq:NC_000022.11"]),
    }
    if dice.random() < 0.5:
        return asked | {"start": [start], "referenceBases": ref, "alternateBases": dice.choice([alt, "N"])}
    low = CONTIG_FROM + dice.randrange(0, 3000)
    return asked | {"start": [low], "end": [low + dice.choice([1, 150, 1000])]}


def random_question(dice: random.Random, world: World) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    filters = [random_filter(dice) for _ in range(dice.choice([0, 1, 1, 2, 3]))]
    return filters, random_variant(dice, world) if dice.random() < 0.4 else None


def expected(met: dict[str, set[str]], full: set[str], genotypes: bool) -> tuple[dict[str, int], int]:
    """(data set that exists → number shown, number of all) as the floor has it."""
    shown: dict[str, int] = {}
    counted: set[str] = set()
    exact = set().union(*(met[d] for d in full))
    for dataset, people in met.items():
        if dataset in full and people:
            shown[dataset] = len(people)
        elif dataset not in full and len(people) >= FLOOR.minimum:
            shown[dataset] = 0 if genotypes else FLOOR.apply(len(people)) or 0
            counted |= set() if genotypes else people
    return shown, len(exact) + (FLOOR.apply(len(counted - exact)) or 0)


def sets_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in answer["response"]["resultSets"]}


@pytest.mark.parametrize("seed", range(3))
async def test_BEA_35_37_46_62_random_questions_equal_the_oracle(served: Served, seed: int) -> None:
    dice = random.Random(seed)
    hits = 0
    for _ in range(QUESTIONS // 3):
        filters, variant = random_question(dice, served.world)
        token = dice.choice(list(FULL))
        parameters = {"g_variant": variant} if variant else {}
        met = oracle.met(served.world, filters, variant)
        answer = await served.post(
            "/individuals",
            token,
            filters=filters,
            requestParameters=parameters,
            includeResultsetResponses="ALL",
            pagination={"limit": 0},
        )
        shown, number = expected(met, FULL[token], variant is not None)
        about = (filters, variant, token)
        assert answer["meta"]["returnedGranularity"] == "record"
        assert answer["responseSummary"] == {"exists": bool(shown), "numTotalResults": number}, about
        sets = sets_of(answer)
        assert set(sets) == set(EXISTING)
        for dataset, one in sets.items():
            assert (one["exists"], one["resultsCount"]) == (dataset in shown, shown.get(dataset, 0)), about
            wanted = met[dataset] if dataset in FULL[token] else set()
            assert {record["id"] for record in one["results"]} == wanted, about
        hits += bool(shown)
    assert hits > QUESTIONS // 12  # the questions must not all be empty


async def test_imaging_series_equal_the_oracle_and_filters_hold_on_one_series(served: Served) -> None:
    dice = random.Random(5)
    for _ in range(40):
        filters, variant = random_question(dice, served.world)
        token = dice.choice(list(FULL))
        found = oracle.images(served.world, filters, variant)
        answer = await served.post(
            "/imaging_series",
            token,
            filters=filters,
            requestParameters={"g_variant": variant} if variant else {},
            includeResultsetResponses="ALL",
            pagination={"limit": 0},
        )
        for dataset, one in sets_of(answer).items():
            owners = {series.person for series in found[dataset]}
            if dataset in FULL[token]:
                assert {record["id"] for record in one["results"]} == {series.uid for series in found[dataset]}, filters
                assert one["resultsCount"] == len(found[dataset])
            else:
                assert one["results"] == []
                assert one["exists"] == (len(owners) >= FLOOR.minimum)
                told = FLOOR.apply(len(found[dataset])) if one["exists"] and variant is None else 0
                assert one["resultsCount"] == told


async def test_BEA_14_carriers_decide_whether_an_allele_exists_publicly(served: Served) -> None:
    for index, (start, ref, alt) in enumerate(served.world.variants):
        asked = {"assemblyId": "hg38", "referenceName": "22", "start": [start], "referenceBases": ref}
        asked["alternateBases"] = alt
        met = oracle.met(served.world, [], asked)
        answer = await served.post(
            "/g_variants", requestParameters={"g_variant": asked}, includeResultsetResponses="ALL"
        )
        for dataset, one in sets_of(answer).items():
            if dataset == "HRA000001":
                assert one["resultsCount"] == (1 if met[dataset] else 0), index
                called = [p for p in served.world.people if dataset in p.datasets and not p.withdrawn]
                copies = sum(p.genotypes[dataset][index] for p in called)
                if met[dataset]:
                    frequency = one["results"][0]["frequencyInPopulations"][0]["frequencies"][0]
                    assert frequency["alleleFrequency"] == pytest.approx(copies / (2 * len(called)))
            else:
                assert (one["exists"], one["resultsCount"]) == (len(met[dataset]) >= FLOOR.minimum, 0)
                assert one["info"]["granularity"] == "boolean"


async def test_BEA_25_pages_cover_everything_once(served: Served) -> None:
    seen: list[str] = []
    total = None
    for skip in range(100):
        answer = await served.post("/individuals", "two", pagination={"skip": skip, "limit": 7})
        assert answer["meta"]["receivedRequestSummary"]["pagination"] == {"skip": skip, "limit": 7}
        total = answer["responseSummary"]["numTotalResults"]
        page = {record["id"] for one in sets_of(answer).values() for record in one["results"]}
        assert len(page) <= 7
        if not page:
            break
        seen += sorted(page)
    met = oracle.met(served.world, [], None)
    both = met["HRA000001"] | met["HRA000002"]
    assert sorted(seen) == sorted(both)
    rest = met["HRA000003"] - both
    assert total == len(both) + (FLOOR.apply(len(rest)) or 0)


async def test_BEA_10_entries_of_one_person_and_one_allele(served: Served) -> None:
    met = oracle.met(served.world, [], None)
    person = next(p for p in served.world.people if p.accession in met["HRA000001"])
    answer = await served.post(f"/individuals/{person.accession}/g_variants", pagination={"limit": 0})
    carried = {i for i, copies in enumerate(person.genotypes["HRA000001"]) if copies}
    records = sets_of(answer)["HRA000001"]["results"]
    assert {r["variantInternalId"] for r in records} == {allele_id(served.world, i) for i in carried}
    one = await served.post(f"/g_variants/{allele_id(served.world, min(carried))}/individuals", pagination={"limit": 0})
    start, _, alt = served.world.variants[min(carried)]
    carriers = oracle.met(served.world, [], {"start": [start], "alternateBases": alt})["HRA000001"]
    assert {r["id"] for r in sets_of(one)["HRA000001"]["results"]} == carriers
    allele = await served.post(f"/g_variants/{allele_id(served.world, min(carried))}")
    cases = sets_of(allele)["HRA000001"]["results"][0]["caseLevelData"]
    assert {case["individualId"] for case in cases} == carriers
    for case in cases:
        copies = next(p for p in served.world.people if p.accession == case["individualId"]).genotypes["HRA000001"]
        wanted = "GENO:0000136" if copies[min(carried)] == 2 else "GENO:0000135"
        assert case["zygosity"]["id"] == wanted


def allele_id(world: World, index: int) -> str:
    start, ref, alt = world.variants[index]
    return f"GRCh38:22:{start}:{ref}:{alt}"


async def test_frequencies_are_told_of_whole_data_sets_only(served: Served) -> None:
    everyone = await served.post("/g_variants")
    women = await served.post("/g_variants", filters=[{"id": "NCIT:C16576"}])
    shown = [
        ["frequencyInPopulations" in r for r in sets_of(answer)["HRA000001"]["results"]] for answer in (everyone, women)
    ]
    assert all(shown[0])
    assert shown[1]
    assert not any(shown[1])
