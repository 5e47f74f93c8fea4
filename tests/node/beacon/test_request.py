"""Requests are read completely or refused: GET and POST mean the same, and nothing is dropped (BEA-20 … BEA-39)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.node.beacon.conftest import ALL_TYPES, BASE, Served, beacon_application
from tests.node.beacon.world import BMI
from tests.node.family import PUBLIC_URL
from tests.support import running

pytestmark = pytest.mark.asyncio(loop_scope="module")
GET_AND_POST: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # path, GET parameters, POST query
    ("/individuals", {"filters": "HP:0001626"}, {"filters": [{"id": "HP:0001626"}]}),
    (
        "/individuals",
        {"filters": "HP:0001626,NCIT:C16576", "limit": "3", "skip": "1"},
        {"filters": [{"id": "HP:0001626"}, {"id": "NCIT:C16576"}], "pagination": {"skip": 1, "limit": 3}},
    ),
    (
        "/individuals",
        {"filters": "ageOfOnset:>P40Y"},
        {"filters": [{"id": "ageOfOnset", "operator": ">", "value": "P40Y"}]},
    ),
    ("/individuals", {"filters": f"{BMI}:>=25"}, {"filters": [{"id": BMI, "operator": ">=", "value": 25}]}),
    (
        "/individuals",
        {"filters": "sex:!NCIT:C16576"},
        {"filters": [{"id": "sex", "operator": "!", "value": "NCIT:C16576"}]},
    ),
    ("/imaging_series", {"filters": "modality:CT"}, {"filters": [{"id": "modality", "value": "CT"}]}),
    (
        "/g_variants",
        {"assemblyId": "GRCh38", "referenceName": "22", "start": "20000000,20000500", "end": "20000001,20000600"},
        {
            "requestParameters": {
                "g_variant": {
                    "assemblyId": "GRCh38",
                    "referenceName": "22",
                    "start": [20000000, 20000500],
                    "end": [20000001, 20000600],
                }
            }
        },
    ),
    (
        "/individuals",
        {"assemblyId": "GRCh38", "referenceName": "22", "start": "20000000", "alternateBases": "N"},
        {
            "requestParameters": {
                "g_variant": {"assemblyId": "GRCh38", "referenceName": "22", "start": [20000000], "alternateBases": "N"}
            }
        },
    ),
    ("/g_variants", {"geneid": "BRAF"}, {"requestParameters": {"g_variant": {"geneId": "BRAF"}}}),
    (
        "/g_variants",
        {"allele": "NC_000022.11:g.20000001T>G"},
        {"requestParameters": {"g_variant": {"genomicAlleleShortForm": "NC_000022.11:g.20000001T>G"}}},
    ),
]


@pytest.mark.parametrize(("path", "get", "post"), GET_AND_POST)
async def test_BEA_23_24_39_get_and_post_mean_the_same(
    served: Served, path: str, get: dict[str, Any], post: dict[str, Any]
) -> None:
    by_get = await served.get(path, "two", **get)
    assert by_get.status_code == 200, by_get.text
    assert by_get.json() == await served.post(path, "two", **post)


async def test_BEA_21_granularity_and_pagination_at_the_root_are_read(served: Served) -> None:
    body = {"meta": {"apiVersion": "v2.1.1"}, "requestedGranularity": "count", "pagination": {"skip": 2, "limit": 4}}
    summary = (await served.post_raw("/individuals", None, body)).json()["meta"]["receivedRequestSummary"]
    assert summary["requestedGranularity"] == "count"
    assert summary["pagination"] == {"skip": 2, "limit": 4}


async def test_BEA_20_61_every_part_of_a_body_is_read_and_echoed(served: Served) -> None:
    schemas = [{"entityType": "individual", "schema": "ga4gh-beacon-individual-v2.1.1"}]
    variant = {"assemblyId": "GRCh38", "referenceName": "22", "start": [20_000_000], "end": [20_001_000]}
    query = {
        "requestParameters": {"g_variant": variant},
        "filters": [{"id": "NCIT:C16576"}],
        "includeResultsetResponses": "ALL",
        "pagination": {"skip": 0, "limit": 3},
        "requestedGranularity": "count",
        "testMode": False,
    }
    body = {"meta": {"apiVersion": "v2.0", "requestedSchemas": schemas}, "query": query}
    response = await served.post_raw("/individuals", "two", body)
    assert response.status_code == 200, response.text
    assert response.json()["meta"]["receivedRequestSummary"] == {
        **query,
        "apiVersion": "v2.1.1",
        "requestedSchemas": schemas,
        "filters": ["NCIT:C16576"],
    }


async def test_BEA_20_61_what_a_body_leaves_out_has_its_default_in_the_summary(served: Served) -> None:
    response = await served.post_raw("/individuals", None, {"meta": {"apiVersion": "v2.1.1"}})
    assert response.json()["meta"]["receivedRequestSummary"] == {
        "apiVersion": "v2.1.1",
        "requestedSchemas": [],
        "filters": [],
        "requestParameters": {},
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "record",
        "testMode": False,
    }


@pytest.mark.parametrize("limit", [0, 1000, 5000])
async def test_BEA_25_61_the_largest_page_is_told(served: Served, limit: int) -> None:
    answer = await served.post("/individuals", pagination={"limit": limit})
    assert answer["meta"]["receivedRequestSummary"]["pagination"] == {"skip": 0, "limit": 1000}


@pytest.mark.parametrize("schema", ["ga4gh-beacon-individual-v2.1.1", "https://example.org/another-schema.json"])
async def test_BEA_29_the_schema_that_was_used_is_told(served: Served, schema: str) -> None:
    used = [{"entityType": "individual", "schema": "ga4gh-beacon-individual-v2.1.1"}]
    wanted = [{"entityType": "individual", "schema": schema}]
    body = {"meta": {"apiVersion": "v2.1.1", "requestedSchemas": wanted}}
    posted = (await served.post_raw("/individuals", None, body)).json()
    got = (await served.get("/individuals", requestedSchema=schema)).json()
    assert posted["meta"]["returnedSchemas"] == got["meta"]["returnedSchemas"] == used
    assert posted["meta"]["receivedRequestSummary"]["requestedSchemas"] == wanted
    assert got["meta"]["receivedRequestSummary"]["requestedSchemas"] == [{"schema": schema}]


async def test_BEA_30_an_entry_type_may_answer_narrowed_questions_only(member_engine: Engine) -> None:
    application = beacon_application(member_engine, filtered_only=frozenset({"individual", "genomicVariant"}))
    async with running(application, PUBLIC_URL) as client:
        types = (await client.get(f"{BASE}/entry_types")).json()["response"]["entryTypes"]
        allowed = {name: kind["nonFilteredQueriesAllowed"] for name, kind in types.items()}
        assert allowed == {name: name not in ("individual", "genomicVariant") for name in ALL_TYPES}
        for path in ("individuals", "g_variants"):
            refused = await client.get(f"{BASE}/{path}")
            assert refused.status_code == 400
            assert "filters" in refused.json()["error"]["errorMessage"]
        for path in ("individuals?filters=NCIT:C16576", "individuals?geneId=TTN", "g_variants?geneId=TTN", "biosamples",
                     "datasets/HRA000001/individuals", "individuals?testMode=true"):  # fmt: skip
            assert (await client.get(f"{BASE}/{path}")).status_code == 200, path


@pytest.mark.parametrize("similarity", ["high", "medium", "low", "very", 3])
async def test_BEA_36_similarity_other_than_exact_is_refused_not_ignored(served: Served, similarity: Any) -> None:
    exact = await served.post("/individuals", filters=[{"id": "HP:0001626", "similarity": "exact"}])
    assert exact == await served.post("/individuals", filters=[{"id": "HP:0001626"}])
    asked = {"filters": [{"id": "HP:0001626", "similarity": similarity}]}
    response = await served.post_raw("/individuals", None, {"meta": {"apiVersion": "v2.1.1"}, "query": asked})
    assert response.status_code == 400
    assert "similarity" in response.json()["error"]["errorMessage"]


async def test_BEA_38_custom_filters_are_listed_and_mean_what_they_say(served: Served) -> None:
    listed = (await served.get("/filtering_terms")).json()["response"]["filteringTerms"]
    custom = {term["id"] for term in listed if term["type"] == "custom"}
    assert custom == {"imaging:cross-sectional", "imaging:radiograph"}
    by_get = (await served.get("/imaging_series", filters="imaging:cross-sectional", limit=0)).json()
    shown = {record["id"] for one in by_get["response"]["resultSets"] for record in one["results"]}
    people = {p.accession for p in served.world.people if not p.withdrawn}
    assert shown == {
        s.uid
        for s in served.world.series
        if s.dataset == "HRA000001" and s.person in people and s.modality in ("CT", "MR")
    }


async def test_BEA_39_filters_are_echoed_as_strings(served: Served) -> None:
    filters = [{"id": "HP:0001626"}, {"id": "ageOfOnset", "operator": ">", "value": "P40Y"}]
    summary = (await served.post("/individuals", filters=filters))["meta"]["receivedRequestSummary"]
    assert summary["filters"] == ["HP:0001626", "ageOfOnset:>P40Y"]


@pytest.mark.parametrize(
    ("granularity", "parts"),
    [
        ("boolean", {"meta", "responseSummary", "info"}),
        ("count", {"meta", "responseSummary", "info"}),
        ("record", {"meta", "responseSummary", "info", "response"}),
    ],
)
async def test_BEA_27_granularity_is_never_finer_than_asked(served: Served, granularity: str, parts: set[str]) -> None:
    answer = await served.post("/individuals", "two", requestedGranularity=granularity)
    assert answer["meta"]["returnedGranularity"] == granularity
    assert set(answer) == parts
    # Some data sets hide people from a stranger, so numbers are bounds and the answer says so.
    assert answer["info"] == {"exact": False}
    assert ("numTotalResults" in answer["responseSummary"]) == (granularity != "boolean")


@pytest.mark.parametrize(
    ("include", "sets"), [("HIT", [True]), ("MISS", [False]), ("ALL", [True, False]), ("NONE", [])]
)
async def test_BEA_26_include_resultset_responses(served: Served, include: str, sets: list[bool]) -> None:
    filters = [{"id": "HP:0001639"}, {"id": "ageOfOnset", "operator": "<", "value": "P60Y"}]
    answer = await served.post("/individuals", filters=filters, includeResultsetResponses=include)
    exists = [one["exists"] for one in answer["response"]["resultSets"]]
    assert sorted(set(exists), reverse=True) == sets


async def test_BEA_40_scopes_join_across_entry_types(served: Served) -> None:
    women_ct = [{"id": "NCIT:C16576", "scope": "individual"}, {"id": "DCM:CT", "scope": "imagingSeries"}]
    people = await served.post("/individuals", "two", filters=women_ct, pagination={"limit": 0})
    series = await served.post("/imaging_series", "two", filters=women_ct, pagination={"limit": 0})
    owners = {r["individualId"] for s in series["response"]["resultSets"] for r in s["results"]}
    assert owners
    assert owners == {r["id"] for s in people["response"]["resultSets"] for r in s["results"]}
    duo = await served.post("/individuals", "two", filters=[{"id": "DUO:0000042"}], pagination={"limit": 0})
    assert [s["id"] for s in duo["response"]["resultSets"]] == ["HRA000001"]


async def test_BEA_07_collections_of_a_question_about_people(served: Served) -> None:
    everything = await served.post("/datasets")
    assert [c["id"] for c in everything["response"]["collections"]] == ["HRA000001", "HRA000002", "HRA000003"]
    nobody = await served.post("/datasets", filters=[{"id": "ageOfOnset", "operator": ">", "value": "P200Y"}])
    assert nobody["responseSummary"] == {"exists": False, "numTotalResults": 0}
    page = await served.post("/datasets", pagination={"skip": 1, "limit": 2})
    assert [c["id"] for c in page["response"]["collections"]] == ["HRA000003"]
    assert page["responseSummary"]["numTotalResults"] == 3


BAD_GET = [
    ("/individuals", {"filters": "nonsense"}, "nonsense"),
    ("/individuals", {"filters": "HP:9999999"}, "HP:9999999"),
    ("/individuals", {"filters": "ageOfOnset:>old"}, "ISO 8601"),
    ("/individuals", {"filters": f"{BMI}:>heavy"}, "not a number"),
    ("/individuals", {"filters": "sex:>NCIT:C16576"}, "allowed: = !"),
    ("/cohorts/unknown", {"filters": "HP:9999999"}, "HP:9999999"),
    ("/cohorts/unknown", {"geneId": "no gene!"}, "geneId"),
    ("/datasets/unknown", {"filters": "HP:9999999"}, "HP:9999999"),
    ("/individuals", {"filter": "HP:0001626"}, "'filter' is unknown"),
    ("/individuals", {"limit": "-1"}, "-1"),
    ("/individuals", {"limit": "ten"}, "ten"),
    ("/individuals", {"skip": "99999999999"}, "skip"),
    ("/individuals", {"requestedGranularity": "all"}, "all"),
    ("/individuals", {"includeResultsetResponses": "SOME"}, "SOME"),
    ("/individuals", {"testMode": "maybe"}, "maybe"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "5"}, "alternateBases"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "1,2", "end": "9"}, "end"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "1", "end": "9,12"}, "end"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "1,2,3", "end": "9"}, "start"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "9", "end": "5"}, "end"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "end": "5"}, "start"),
    ("/g_variants", {"assemblyId": "GRCh38", "start": "1", "end": "5"}, "referenceName"),
    ("/g_variants", {"referenceName": "22", "start": "1", "end": "5"}, "assemblyId"),
    (
        "/g_variants",
        {"assemblyId": "GRCh37", "referenceName": "NC_000022.11", "start": "1", "end": "5"},
        "referenceName",
    ),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "5", "end": "99999999999"}, "end"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "60000000", "end": "60000001"}, "start"),
    ("/g_variants", {"geneId": "no gene!"}, "geneId"),
    ("/g_variants", {"aminoacidChange": "p.Val600Glu"}, "aminoacidChange"),
    ("/g_variants", {"genomicAlleleShortForm": "BRAF:c.1799T>A"}, "genomicAlleleShortForm"),
    ("/g_variants", {"mateName": "21"}, "assemblyId"),
    ("/g_variants", {"assemblyId": "GRCh38", "mateName": "99"}, "mateName"),
    ("/g_variants", {"variantType": "WEIRD", "geneId": "TTN"}, "variantType"),
    ("/g_variants", {"variantMinLength": "9", "variantMaxLength": "3", "geneId": "TTN"}, "variantMaxLength"),
    ("/g_variants", {"variantMinLength": "-9", "geneId": "TTN"}, "variantMinLength"),
    ("/g_variants/GRCh38:22:20000000:A:G", {"geneId": "TTN"}, "requestParameters"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "99", "start": "1", "end": "9"}, "referenceName"),
    ("/g_variants", {"assemblyId": "GRCh99", "referenceName": "22", "start": "1", "end": "9"}, "assemblyId"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "-5", "end": "9"}, "start"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "1e3", "end": "9"}, "start"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "5", "alternateBases": "Q"}, "IUPAC"),
]


@pytest.mark.parametrize(("path", "parameters", "naming"), BAD_GET)
async def test_BEA_31_64_bad_get_is_refused_with_the_place(
    served: Served, path: str, parameters: dict[str, str], naming: str
) -> None:
    response = await served.get(path, None, **parameters)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["errorCode"] == 400
    assert naming in error["errorMessage"]


BAD_POST: list[tuple[Any, str]] = [
    ({}, "meta"),
    ({"meta": {}}, "apiVersion"),
    ({"meta": {"apiVersion": "v2"}, "query": []}, "query"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": ["HP:0001626"]}}, "filters"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"label": "x"}]}}, "id"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626", "similarity": "high"}]}}, "similarity"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626", "scope": "biosample"}]}}, "scope"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626", "depth": 3}]}}, "depth"),
    (
        {"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "ageOfOnset", "operator": "~", "value": "P1Y"}]}},
        "~",
    ),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626"}] * 10_000}}, "filters"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"start": [5]}}}, "g_variant"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"strat": [5]}}}}, "strat"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"start": ["5"]}}}}, "start"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"start": [1, 2, 3]}}}}, "start"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filtres": []}}, "filtres"),
    ({"meta": {"apiVersion": "v2"}, "query": {"pagination": {"limit": -3}}}, "limit"),
    ({"meta": {"apiVersion": "v2"}, "filters": []}, "filters"),
    ([], "the body"),
    ("text", "the body"),
    ({"meta": []}, "meta"),
    ({"meta": {"apiVersion": 2}}, "apiVersion"),
    ({"meta": {"apiVersion": "v2", "requestedSchemas": "x"}}, "requestedSchemas"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": {"id": "HP:0001626"}}}, "filters"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": 7}]}}, "id"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "ageOfOnset", "operator": ">"}]}}, "value"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "ageOfOnset", "value": {}}]}}, "value"),
    (
        {"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626", "includeDescendantTerms": "yes"}]}},
        "includeDescendantTerms",
    ),
    ({"meta": {"apiVersion": "v2"}, "query": {"pagination": {"limit": "ten"}}}, "limit"),
    ({"meta": {"apiVersion": "v2"}, "query": {"pagination": {"skip": 1.5}}}, "skip"),
    ({"meta": {"apiVersion": "v2"}, "query": {"pagination": []}}, "pagination"),
    ({"meta": {"apiVersion": "v2"}, "query": {"testMode": "yes"}}, "testMode"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestedGranularity": 3}}, "requestedGranularity"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": []}}, "requestParameters"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": []}}}, "g_variant"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"individual": {"id": "x"}}}}, "individual"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"start": [2**40]}}}}, "start"),
    ({"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"start": [True]}}}}, "start"),
    (
        {"meta": {"apiVersion": "v2"}, "query": {"requestParameters": {"g_variant": {"referenceName": 22}}}},
        "referenceName",
    ),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "HP:0001626\0"}]}}, "NUL"),
    ({"meta": {"apiVersion": "v2"}, "query": {"filters": [{"id": "sex", "value": "\0"}]}}, "NUL"),
]


@pytest.mark.parametrize(("body", "naming"), BAD_POST)
async def test_BEA_22_31_64_bad_post_is_refused_with_the_place(served: Served, body: Any, naming: str) -> None:
    response = await served.post_raw("/individuals", None, body)
    assert response.status_code == 400, response.text
    assert naming in response.json()["error"]["errorMessage"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"meta": {"apiVersion": "v2.1.1"', b"\xff\xfe"])
async def test_a_body_that_is_no_json_is_refused(served: Served, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await served.client.post("/ga4gh/beacon/v2/individuals", content=content, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["errorCode"] == 400


UNKNOWN_ENTRIES = (
    "/datasets/X", "/cohorts/X", "/individuals/X", "/biosamples/X", "/runs/X", "/analyses/X", "/imaging_studies/X",
    "/imaging_series/X", "/g_variants/X", "/g_variants/GRCh38:22:5:A:G", "/datasets/X/individuals", "/cohorts/X/runs",
    "/individuals/X/biosamples", "/biosamples/X/runs", "/runs/X/analyses", "/analyses/X/g_variants",
    "/g_variants/GRCh38:22:5:A:G/individuals", "/imaging_studies/X/imaging_series", "/individuals/%00",
    "/runs/%F0%9F%98%80",
)  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN_ENTRIES)
async def test_BEA_31_an_unknown_entry_does_not_exist(served: Served, path: str) -> None:
    for response in (await served.get(path), await served.post_raw(path, None, {"meta": {"apiVersion": "v2.1.1"}})):
        assert response.status_code == 200, response.text
        summary = response.json()["responseSummary"]
        assert summary == {"exists": False} | ({} if path.startswith("/datasets/X/") else {"numTotalResults": 0})


async def test_a_page_past_the_end_is_empty_and_keeps_the_total(served: Served) -> None:
    answer = await served.post("/individuals", "two", pagination={"skip": 10_000, "limit": 10})
    assert answer["responseSummary"]["numTotalResults"] > 0
    assert all(one["results"] == [] for one in answer["response"]["resultSets"])
