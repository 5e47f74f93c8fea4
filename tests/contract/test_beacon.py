"""Beacon 2.1.1: our contract everywhere, the official schemas where the pack is present (CHECKLIST section 2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import pytest_asyncio
from sqlalchemy import Engine

from node.beacon.profile import entry_type, own_schema
from tests.node.beacon.conftest import (  # noqa: F401 - fixtures
    ALL_TYPES,
    BASE,
    Served,
    beacon_application,
    member_engine,
    world,
)
from tests.node.beacon.world import World
from tests.node.family import PUBLIC_URL
from tests.support import PACK, running, shared

pytestmark = pytest.mark.asyncio(loop_scope="module")
GITHUB = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main/"
FRAMEWORK, MODEL = "framework/json", "models/json/beacon-v2-default-model"
BY_GRANULARITY = {
    "boolean": "beaconBooleanResponse",
    "count": "beaconCountResponse",
    "record": "beaconResultsetsResponse",
}
INFORMATIONAL = {
    "/": "beaconInfoResponse",
    "/info": "beaconInfoResponse",
    "/configuration": "beaconConfigurationResponse",
    "/map": "beaconMapResponse",
    "/entry_types": "beaconEntryTypesResponse",
    "/filtering_terms": "beaconFilteringTermsResponse",
    "/individuals/filtering_terms": "beaconFilteringTermsResponse",
    "/datasets/HRA000001/filtering_terms": "beaconFilteringTermsResponse",
    "/cohorts/half-of-HRA000001/filtering_terms": "beaconFilteringTermsResponse",
}
DATA = (
    "/individuals", "/biosamples", "/runs", "/analyses", "/g_variants", "/imaging_studies", "/imaging_series",
    "/datasets/HRA000001/g_variants", "/cohorts/half-of-HRA000001/individuals",
)  # fmt: skip
RECORDS = {
    "/individuals": f"{MODEL}/individuals/defaultSchema.json",
    "/biosamples": f"{MODEL}/biosamples/defaultSchema.json",
    "/runs": f"{MODEL}/runs/defaultSchema.json",
    "/analyses": f"{MODEL}/analyses/defaultSchema.json",
    "/g_variants": f"{MODEL}/genomicVariations/defaultSchema.json",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(member_engine: Engine, world: World) -> AsyncIterator[Served]:  # noqa: F811
    """The Beacon of the generated member."""
    async with running(beacon_application(member_engine), PUBLIC_URL) as client:
        yield Served(client, world)


@cache
def official(path: str) -> Any:
    """Validator of an official schema, all references resolved from the pack."""
    root = PACK / "specs"
    names = json.loads((root / "offline-refs.json").read_text())
    documents = {f.as_uri(): f for f in (root / "beacon-2.1.1").rglob("*.json")}
    aliases = {(root / new).as_uri(): root / old for new, old in names["aliases"].items()}
    known = documents | aliases | {url: root / file for url, file in names["map"].items()}

    def retrieve(uri: str) -> Any:
        file = known[uri.removesuffix("#")]
        return json.loads(file.read_text()) if file.suffix == ".json" else {}

    file: Path = root / "beacon-2.1.1" / path
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": file.as_uri()}
    return jsonschema_rs.Draft202012Validator(schema, retriever=retrieve, validate_formats=True)


def conforms(body: Any, path: str) -> None:
    """Fail with the place where ``body`` breaks an official schema."""
    errors = [f"{list(error.instance_path)}: {error.message[:200]}" for error in official(path).iter_errors(body)]
    assert not errors, errors[:3]


@pytest.mark.parametrize(("path", "schema"), INFORMATIONAL.items())
async def test_BEA_01_03_04_05_06_informational_answers(served: Served, path: str, schema: str) -> None:
    shared("specs/beacon-2.1.1")
    response = await served.get(path)
    assert response.status_code == 200
    conforms(response.json(), f"{FRAMEWORK}/responses/{schema}.json")


async def test_BEA_02_service_info_is_the_bare_document(served: Served) -> None:
    body = (await served.get("/service-info")).json()
    assert "meta" not in body
    assert body["type"] == {"group": "org.ga4gh", "artifact": "beacon", "version": "2.1.1"}
    shared("specs/beacon-2.1.1")
    conforms(body, f"{FRAMEWORK}/responses/ga4gh-service-info-1-0-0-schema.json")


async def test_BEA_68_identity_is_the_same_everywhere(served: Served) -> None:
    info = (await served.get("/info")).json()
    service = (await served.get("/service-info")).json()
    metas = [(await served.get(path)).json()["meta"] for path in ("/configuration", "/map", "/individuals")]
    assert {info["response"]["id"], service["id"], *(meta["beaconId"] for meta in metas)} == {"org.example.test"}
    assert info["response"]["apiVersion"] == "v2.1.1"
    configuration = (await served.get("/configuration")).json()["response"]
    assert configuration["entryTypes"] == (await served.get("/entry_types")).json()["response"]["entryTypes"]
    assert configuration["securityAttributes"]["securityLevels"] == ["PUBLIC", "REGISTERED", "CONTROLLED"]


@pytest.mark.parametrize("granularity", BY_GRANULARITY)
@pytest.mark.parametrize("path", DATA)
async def test_BEA_60_63_66_data_answers_by_returned_granularity(served: Served, path: str, granularity: str) -> None:
    shared("specs/beacon-2.1.1")
    for token in (None, "two"):
        body = await served.post(path, token, requestedGranularity=granularity, includeResultsetResponses="ALL")
        conforms(body, f"{FRAMEWORK}/responses/{BY_GRANULARITY[body['meta']['returnedGranularity']]}.json")


@pytest.mark.parametrize("path", ["/datasets", "/datasets/HRA000002", "/cohorts", "/cohorts/half-of-HRA000001"])
async def test_BEA_07_70_71_collections(served: Served, path: str) -> None:
    body = (await served.get(path)).json()
    assert "resultSets" not in body["response"]
    assert body["response"]["collections"]
    shared("specs/beacon-2.1.1")
    conforms(body, f"{FRAMEWORK}/responses/beaconCollectionsResponse.json")
    for record in body["response"]["collections"]:
        conforms(record, f"{MODEL}/{path.split('/')[1]}/defaultSchema.json")


@pytest.mark.parametrize(("path", "schema"), RECORDS.items())
async def test_BEA_72_to_76_records_of_the_default_model(served: Served, path: str, schema: str) -> None:
    shared("specs/beacon-2.1.1")
    body = (await served.get(path, "two", limit=0)).json()
    records = [record for one in body["response"]["resultSets"] for record in one["results"]]
    assert len(records) > 20
    if path == "/g_variants":
        single = await served.get(f"/g_variants/{records[0]['variantInternalId']}", "two")
        records += [record for one in single.json()["response"]["resultSets"] for record in one["results"]]
        assert "caseLevelData" in records[-1]
    for record in records:
        conforms(record, schema)


@pytest.mark.parametrize("name", ["imagingStudy", "imagingSeries"])
async def test_imaging_records_fit_the_schema_published_beside_them(served: Served, name: str) -> None:
    schema = (await served.get(f"/schemas/{name}")).json()
    assert schema == own_schema(name)
    definition = (await served.get("/entry_types")).json()["response"]["entryTypes"][name]
    assert definition["defaultSchema"]["referenceToSchemaDefinition"].endswith(f"{BASE}/schemas/{name}")
    validator = jsonschema_rs.Draft202012Validator(schema)
    body = (await served.get(f"/{entry_type(name).path}", "two", limit=0)).json()
    records = [record for one in body["response"]["resultSets"] for record in one["results"]]
    assert records
    for record in records:
        assert validator.is_valid(record), record


async def test_BEA_04_every_endpoint_of_the_map_answers(served: Served) -> None:
    sets = (await served.get("/map")).json()["response"]["endpointSets"]
    assert set(sets) == set(ALL_TYPES)
    for one in sets.values():
        related = [related["url"] for related in one["endpoints"].values()]
        for url in (one["rootUrl"], one["singleEntryUrl"], *related):
            path = url.removeprefix(PUBLIC_URL + BASE).replace("{id}", "X")
            assert (await served.get(path)).status_code == 200, url


async def test_BEA_41_every_listed_term_can_be_asked_for(served: Served) -> None:
    response = (await served.get("/filtering_terms")).json()["response"]
    prefixes = {resource["nameSpacePrefix"] for resource in response["resources"]}
    for term in response["filteringTerms"]:
        if term["type"] == "alphanumeric":
            continue
        assert term["type"] == "custom" or term["id"].partition(":")[0] in prefixes
        found = await served.get("/individuals", filters=term["id"])
        assert found.status_code == 200, term
        if "individual" in term["scopes"]:
            assert found.json()["responseSummary"]["exists"], term


ERRORS = [
    ("GET", "/nowhere", 404),
    ("DELETE", "/individuals", 405),
    ("PUT", "/info", 405),
    ("GET", "/individuals?limit=x", 400),
    ("GET", "/schemas/individual", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
async def test_BEA_64_errors_wear_the_envelope(served: Served, method: str, path: str, status: int) -> None:
    response = await served.client.request(method, f"{BASE}{path}")
    assert response.status_code == status
    body = response.json()
    assert body["error"]["errorCode"] == status
    assert set(body["meta"]) >= {
        "beaconId",
        "apiVersion",
        "returnedSchemas",
        "returnedGranularity",
        "receivedRequestSummary",
    }
    shared("specs/beacon-2.1.1")
    conforms(body, f"{FRAMEWORK}/responses/beaconErrorResponse.json")


async def test_BEA_64_a_body_that_is_not_json_wears_the_envelope(served: Served) -> None:
    response = await served.client.post(f"{BASE}/individuals", content=b"x=1", headers={"Content-Type": "text/plain"})
    assert response.status_code == 415
    assert response.json()["error"]["errorCode"] == 415


async def test_entry_types_of_another_member_are_absent(member_engine: Engine) -> None:  # noqa: F811
    async with running(beacon_application(member_engine, ("dataset",)), PUBLIC_URL) as client:
        assert (await client.get(f"{BASE}/datasets")).status_code == 200
        for path in ("individuals", "g_variants", "cohorts", "runs/X", "imaging_series", "schemas/imagingStudy"):
            response = await client.get(f"{BASE}/{path}")
            assert response.status_code == 404
            assert response.json()["error"]["errorCode"] == 404
        sets = (await client.get(f"{BASE}/map")).json()["response"]["endpointSets"]
        assert list(sets) == ["dataset"]
        assert sets["dataset"]["endpoints"] == {}
        unknown = await client.get(f"{BASE}/datasets?filters=HP:0001626")
        assert unknown.status_code == 400
