"""A public synthetic cohort of 2,504 people, registered as an archive would; the answers are those of its files."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.catalog.engine import connect
from adapters.registration.individuals import BeaconLists
from adapters.registration.registration import Archive
from adapters.terms import loading
from adapters.terms.indexing import index_individuals
from migrations.schema import upgrade
from tests.adapters.registration.members import OPEN, Member, accessions
from tests.contract.test_beacon import MODEL, conforms
from tests.node.beacon.conftest import Served, beacon_application
from tests.node.beacon.test_oracle import sets_of
from tests.node.beacon.world import World
from tests.node.family import PUBLIC_URL
from tests.support import running, shared

pytestmark = pytest.mark.asyncio(loop_scope="module")
BLOOD = "UBERON:0000178"
SET = {"accession": "HRA000001", **OPEN}


def records(name: str) -> Any:
    folder = shared("data/beacon/cineca_uk1")
    return json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The cohort with the ontology of its samples."""
    folder: Path = shared("data/beacon/cineca_uk1")
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('cohort')}/catalog.db")
    upgrade(engine, "member")
    loading.load(engine, shared("data/ontologies/uberon_efo-slim.obo.gz"))
    member = Member(Archive(engine, {}, accessions("gsa-human")), folder)
    member.register(BeaconLists(folder, numbering=True), SET, hooks=[index_individuals])
    async with running(beacon_application(engine), PUBLIC_URL) as client:
        yield Served(client, World([], [], []))
    engine.dispose()


async def number(served: Served, path: str, *filters: dict[str, Any]) -> int:
    """How many entries an answer tells."""
    answer = await served.post(path, filters=list(filters), requestedGranularity="count")
    return int(answer["responseSummary"]["numTotalResults"])


async def test_BEA_35_37_40_counts_are_those_of_the_files(served: Served) -> None:
    people, samples, runs = records("individuals"), records("biosamples"), records("runs")
    women = [p for p in people if p["sex"]["id"] == "NCIT:C16576"]
    asthma = [p for p in people if any(d["diseaseCode"]["id"] == "ICD10:J45" for d in p.get("diseases", ()))]
    heavy = [
        p
        for p in women
        if any(m["assayCode"]["id"] == "LOINC:35925-4" and m["measurementValue"]["value"] > 30 for m in p["measures"])
    ]
    female = {"id": "NCIT:C16576"}
    assert await number(served, "/individuals") == await number(served, "/biosamples") == len(people) == 2504
    assert await number(served, "/individuals", female) == len(women)
    assert await number(served, "/individuals", {"id": "ICD10:J45"}) == len(asthma)
    bmi = {"id": "LOINC:35925-4", "operator": ">", "value": 30}
    assert await number(served, "/individuals", female, bmi) == len(heavy) > 100
    # Blood is said of samples, the model of a machine of runs, the age at collection of samples.
    assert await number(served, "/individuals", {"id": BLOOD}) == sum(
        s["sampleOriginType"]["id"] == BLOOD for s in samples
    )
    model = {"id": "platformModel", "operator": "=", "value": "Illumina HiSeq 2000"}
    assert await number(served, "/runs", model) == sum(r["platformModel"]["label"] == model["value"] for r in runs)
    old = {"id": "collectionMoment", "operator": ">=", "value": "P40Y"}
    aged = [s for s in samples if int(s["collectionMoment"][1:].split("Y")[0]) >= 40]
    assert await number(served, "/biosamples", old) == len(aged) > 100
    both = {s["individualId"] for s in aged} & {p["id"] for p in women}
    assert await number(served, "/individuals", old, female) == len(both)


@pytest.mark.parametrize("path", ["individuals", "biosamples", "runs", "analyses"])
async def test_BEA_72_to_75_real_records_fit_the_official_schemas(served: Served, path: str) -> None:
    shared("specs/beacon-2.1.1")
    shown = sets_of(await served.post(f"/{path}", pagination={"limit": 200}))["HRA000001"]
    assert shown["resultsCount"] == 2504
    assert len(shown["results"]) == 200
    for record in shown["results"]:
        conforms(record, f"{MODEL}/{path}/defaultSchema.json")
        for name in ("runDate", "analysisDate", "collectionDate"):
            if name in record:
                assert dt.date.fromisoformat(record[name]).year > 2000


async def test_BEA_09_71_the_real_cohort(served: Served) -> None:
    shared("specs/beacon-2.1.1")
    (cohort,) = (await served.post("/cohorts"))["response"]["collections"]
    conforms(cohort, f"{MODEL}/cohorts/defaultSchema.json")
    assert cohort["cohortSize"] == 2504
    assert await number(served, f"/cohorts/{cohort['id']}/individuals") == 2504
