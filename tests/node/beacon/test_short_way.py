"""GETs and POSTs of the Beacon are answered alike by the short way and by connexion's, to the last byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Engine

from tests.node.beacon.conftest import BASE, Served, beacon_application
from tests.node.beacon.world import World
from tests.node.family import PUBLIC_URL
from tests.support import running
from web.direct import Direct

pytestmark = pytest.mark.asyncio(loop_scope="module")
GIVEN = "assemblyId=GRCh38&referenceName=21"
SHORT = [
    "/individuals",
    "/individuals?requestedGranularity=record&limit=3&skip=1",
    "/individuals?filters=NCIT:C16576",
    "/individuals?filters=NOPE:1",
    "/individuals?filters=HP:0001250,ageOfOnset:%3EP10Y&requestedGranularity=count",
    f"/g_variants?{GIVEN}&start=100&alternateBases=T&referenceBases=A",
    f"/g_variants?{GIVEN}&start=100&end=5000000&requestedGranularity=record",
    f"/g_variants?{GIVEN}&start=100",
    f"/g_variants?{GIVEN}&start=x",
    f"/g_variants?{GIVEN}&start=-1&end=7",
    "/g_variants?unheard=of",
    "/g_variants?variantType=TELEPORT",
    "/g_variants?includeResultsetResponses=MISS",
    "/datasets?requestedGranularity=record",
    "/datasets/HRA000001/individuals?testMode=true&requestedGranularity=record",
    "/individuals/HRI000001?requestedGranularity=record",
    "/individuals/nobody",
    "/g_variants/GRCh38:21:99:A:T/individuals",
]
LONG = [
    f"/g_variants?{GIVEN}&start=100&alternateBases=T&referenceBases=",
    "/individuals?limit=-1",
    "/individuals?limit=many",
    "/individuals?requestedGranularity=all",
    "/individuals?filters=HP:0001250&filters=NCIT:C16576",
    "/g_variants?variantMinLength=007",
    "/individuals?testMode=perhaps",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(member_engine: Engine, world: World) -> AsyncIterator[Served]:
    async with running(beacon_application(member_engine), PUBLIC_URL) as client:
        yield Served(client, world)


@pytest.mark.parametrize(("paths", "taken"), [(SHORT, True), (LONG, False)])
async def test_both_ways_give_the_same_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch, paths: list[str], taken: bool
) -> None:
    ways: list[bool] = []
    find = Direct.find

    def noted(direct: Direct, scope: Any) -> Any:
        found = find(direct, scope)
        ways.append(found is not None)
        return found

    monkeypatch.setattr(Direct, "find", noted)
    for path in paths:
        for token in (None, "both"):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            one = await served.client.get(BASE + path, headers=headers)
            # A request that says it has a body is left to connexion.
            other = await served.client.get(BASE + path, headers={**headers, "Content-Length": "0"})
            assert ways[-2:] == [taken, False], path
            assert (one.status_code, one.content) == (other.status_code, other.content), path
            assert one.headers["content-type"] == other.headers["content-type"], path


def asked(**query: Any) -> dict[str, Any]:
    return {"meta": {"apiVersion": "v2.1.1"}, "query": query}


PLACE = {"assemblyId": "GRCh38", "referenceName": "21"}
ALLELE = {"g_variant": {**PLACE, "start": [100], "alternateBases": "T", "referenceBases": "A"}}
RANGE = {"g_variant": {**PLACE, "start": [100], "end": [5_000_000]}}
POSTED: list[tuple[str, Any]] = [
    ("/individuals", asked()),
    ("/individuals", {"meta": {"apiVersion": "v2.1.1"}}),
    ("/individuals", {**asked(), "requestedGranularity": "count", "pagination": {"skip": 1, "limit": 2}}),
    ("/individuals", asked(requestedGranularity="record", pagination={"skip": 1, "limit": 3})),
    ("/individuals", asked(filters=[{"id": "NCIT:C16576"}], requestedGranularity="count")),
    ("/individuals", asked(filters=[{"id": "NOPE:1"}])),
    ("/individuals", asked(filters=[{"id": "ageOfOnset", "operator": ">", "value": "P10Y"}, {"id": "HP:0001250"}])),
    ("/individuals", asked(filters=[{"id": "HP:0001250", "includeDescendantTerms": False, "scope": "individual"}])),
    ("/g_variants", asked(requestParameters=ALLELE)),
    ("/g_variants", asked(requestParameters=RANGE, requestedGranularity="record")),
    ("/g_variants", asked(requestParameters={"g_variant": {**PLACE, "start": [100]}})),
    ("/g_variants", asked(includeResultsetResponses="MISS")),
    ("/datasets", asked(requestedGranularity="record")),
    ("/datasets/HRA000001/individuals", asked(testMode=True, requestedGranularity="record")),
    ("/cohorts", asked(requestParameters=ALLELE, requestedGranularity="record")),
    ("/individuals/HRI000001", asked(requestedGranularity="record")),
    ("/individuals/nobody", asked()),
    ("/g_variants/GRCh38:21:99:A:T/individuals", asked()),
]
REFUSED: list[tuple[str, Any]] = [
    ("/g_variants", asked(requestParameters={"g_variant": {**PLACE, "start": [-1], "end": [7]}})),
    ("/individuals", asked(filters=[{"id": f"HP:{number:07}"} for number in range(501)])),
    ("/individuals", {}),
    ("/individuals", []),
    ("/individuals", None),
    ("/individuals", 7),
    ("/individuals", {"query": {}}),
    ("/individuals", {"meta": {"apiVersion": 2}}),
    ("/individuals", asked(requestedGranularity="all")),
    ("/individuals", asked(filters="HP:0001250")),
    ("/individuals", asked(filters=[{"id": 7}])),
    ("/individuals", asked(pagination={"skip": -1})),
    ("/individuals", asked(pagination=[])),
    ("/g_variants", asked(requestParameters=[])),
]


@pytest.mark.parametrize(("bodies", "taken"), [(POSTED, True), (REFUSED, False)])
async def test_both_ways_give_the_same_answer_to_a_body(
    served: Served, monkeypatch: pytest.MonkeyPatch, bodies: list[tuple[str, Any]], taken: bool
) -> None:
    ways: list[bool] = []
    posted = Direct.posted

    async def noted(direct: Direct, scope: Any, receive: Any) -> Any:
        found, receive = await posted(direct, scope, receive)
        ways.append(found is not None)
        return found, receive

    monkeypatch.setattr(Direct, "posted", noted)
    for path, body in bodies:
        for token in (None, "both"):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            sent = [json.dumps(body).encode(), orjson.dumps(body)]
            one = await posting(served, path, sent[0], {**headers, "Content-Type": "application/json"})
            # What says more of its body than that it is JSON is left to connexion.
            other = await posting(served, path, sent[1], {**headers, "Content-Type": "application/json; charset=utf-8"})
            assert one == other, (path, body)
            assert ways[-2:] == [taken, False], (path, body)


async def posting(served: Served, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str]:
    answer = await served.client.post(BASE + path, content=body, headers=headers)
    return answer.status_code, answer.content, answer.headers["content-type"]


ODD: list[tuple[str, bytes | list[bytes], dict[str, str]]] = [
    ("", b"", {"Content-Type": "application/json"}),
    ("", b"{", {"Content-Type": "application/json"}),
    ("", b"\xff", {"Content-Type": "application/json"}),
    ("", b'{"meta": {"apiVersion": "v2.1.1"}, "meta": {}}', {"Content-Type": "application/json"}),
    ("", b'{"meta": {"apiVersion": NaN}}', {"Content-Type": "application/json"}),
    ("", orjson.dumps(asked()), {"Content-Type": "text/plain"}),
    ("", orjson.dumps(asked()), {}),
    ("", [orjson.dumps(asked())[:9], orjson.dumps(asked())[9:]], {"Content-Type": "application/json"}),
    ("?filters=NOPE:1", orjson.dumps(asked()), {"Content-Type": "application/json"}),
    ("?limit=many", orjson.dumps(asked()), {"Content-Type": "application/json"}),
    ("", b" " * (9 << 20), {"Content-Type": "application/json"}),
]


async def test_what_is_odd_about_a_body_is_refused_as_before(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the whole application and by one without the short way."""
    answers = []
    for _ in range(2):
        for query, body, headers in ODD:
            content = pieces(body) if isinstance(body, list) else body
            answer = await served.client.post(f"{BASE}/individuals{query}", content=content, headers=headers)
            answers.append((answer.status_code, answer.content, answer.headers["content-type"]))

        async def never(_direct: Direct, _scope: Any, receive: Any) -> Any:
            return None, receive

        monkeypatch.setattr(Direct, "posted", never)
    assert answers[: len(ODD)] == answers[len(ODD) :]
    assert {status for status, _, _ in answers} >= {200, 400, 413, 415}


async def pieces(body: list[bytes]) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece
