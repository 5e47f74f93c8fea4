"""Requests are read completely or refused: GET and POST mean the same, and nothing is dropped (BEA-20 … BEA-39)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.beacon.conftest import Served
from tests.node.beacon.world import BMI

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
    ("/individuals", {"filter": "HP:0001626"}, "'filter' is unknown"),
    ("/individuals", {"limit": "-1"}, "-1"),
    ("/individuals", {"limit": "ten"}, "ten"),
    ("/individuals", {"skip": "99999999999"}, "skip"),
    ("/individuals", {"requestedGranularity": "all"}, "all"),
    ("/individuals", {"includeResultsetResponses": "SOME"}, "SOME"),
    ("/individuals", {"testMode": "maybe"}, "maybe"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "5"}, "alternateBases"),
    ("/g_variants", {"assemblyId": "GRCh38", "referenceName": "22", "start": "1,2", "end": "9"}, "end"),
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


async def test_a_page_past_the_end_is_empty_and_keeps_the_total(served: Served) -> None:
    answer = await served.post("/individuals", "two", pagination={"skip": 10_000, "limit": 10})
    assert answer["responseSummary"]["numTotalResults"] > 0
    assert all(one["results"] == [] for one in answer["response"]["resultSets"])
