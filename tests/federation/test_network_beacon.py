"""The network Beacon: one contract over many Beacons, good and bad, ours and others'."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from auth.policy import Floor
from federation.beacon_question import from_get, from_post
from tests.federation.family import Family, MemberData, family
from tests.support import shared
from web.errors import Failure

BASE = "/ga4gh/beacon/v2"
Answer = Callable[[Request], Response]


def beacon(name: str, granularity: str, number: int | None, results: list[dict[str, Any]] | None = None) -> Answer:
    def answer(_request: Request) -> Response:
        summary: dict[str, Any] = {"exists": number is None or number > 0}
        if granularity != "boolean":
            summary["numTotalResults"] = number
        body: dict[str, Any] = {
            "meta": {"beaconId": f"org.{name}", "returnedGranularity": granularity},
            "responseSummary": summary,
        }
        if granularity == "record":
            found = results or []
            one = {
                "id": f"{name}-set",
                "setType": "dataset",
                "exists": True,
                "resultsCount": len(found),
                "results": found,
            }
            body["info"] = {"exact": True}
            body["response"] = {"resultSets": [{**one, "info": {"own": 1}}]}
        return JSONResponse(body)

    return answer


def datasets(name: str, *ids: str) -> Answer:
    def answer(_request: Request) -> Response:
        return JSONResponse(
            {
                "meta": {"beaconId": f"org.{name}", "returnedGranularity": "record"},
                "responseSummary": {"exists": bool(ids), "numTotalResults": len(ids)},
                "response": {"collections": [{"id": one, "name": one} for one in ids]},
            }
        )

    return answer


def member(*paths: tuple[str, Answer], **more: Any) -> MemberData:
    routes = [Route(f"{BASE}/{path}", answer, methods=["GET", "POST"]) for path, answer in paths]
    return MemberData(routes=routes, entry_types=("dataset", "individual", "genomicVariant"), **more)


def query(granularity: str = "count", **more: Any) -> dict[str, Any]:
    return {"meta": {"apiVersion": "v2.0"}, "query": {"requestedGranularity": granularity, **more}}


async def ask(running: Family, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
    url = f"{BASE}{path}"
    answer = await (running.client.get(url, **more) if body is None else running.client.post(url, json=body, **more))
    return answer.json()


async def test_answers_are_kept_apart_and_totals_say_what_they_are(tmp_path: Path) -> None:
    members = {
        "one": member(("individuals", beacon("one", "record", 2, [{"id": "a"}, {"id": "b"}]))),
        "two": member(("individuals", beacon("two", "record", 1, [{"id": "c"}]))),
        "three": member(("individuals", beacon("three", "count", 40))),
        "four": member(("individuals", beacon("four", "boolean", 5))),
    }
    async with family(tmp_path, members) as running:
        answer = await ask(running, "/individuals", query("record"))
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": 40}
        assert answer["info"]["total"] == {"kind": "bound", "atLeast": 40}
        nodes = {node["id"]: node for node in answer["info"]["nodes"]}
        assert [nodes[name].get("numTotalResults") for name in ("one", "two", "three", "four")] == [2, 1, 40, None]
        assert {node["status"] for node in nodes.values()} == {"answered"}
        sets = answer["response"]["resultSets"]
        assert [(one["id"], one["beaconId"], one["info"]) for one in sets] == [
            ("one-set", "org.one", {"own": 1, "node": "one"}),
            ("two-set", "org.two", {"own": 1, "node": "two"}),
        ]
        assert answer["meta"]["returnedGranularity"] == "record"
        assert (await ask(running, "/individuals"))["meta"]["returnedGranularity"] == "record", "as a node's default"
        lower = await ask(running, "/individuals", query("count"))
        assert lower["meta"]["returnedGranularity"] == "count", "never finer than requested"
        assert "response" not in lower
        least = await ask(running, "/individuals", query("boolean"))
        assert least["responseSummary"] == {"exists": True}
        assert "total" not in least["info"]


async def test_a_total_is_exact_where_one_node_has_all_and_every_node_told_all(tmp_path: Path) -> None:
    members = {
        "one": member(
            ("individuals", beacon("one", "record", 2, [{"id": "a"}, {"id": "b"}])),
            ("g_variants", beacon("one", "record", 2)),
        ),
        "two": member(("individuals", beacon("two", "record", 0)), ("g_variants", beacon("two", "record", 3))),
    }
    async with family(tmp_path, members) as running:
        answer = await ask(running, "/individuals", query("record"))
        assert answer["info"]["total"] == {"kind": "exact", "atLeast": 2, "atMost": 2}
        overlapping = await ask(running, "/g_variants", query("record"))
        assert overlapping["info"]["total"] == {"kind": "bound", "atLeast": 3, "atMost": 5}


async def test_data_sets_of_all_nodes_are_added_up(tmp_path: Path) -> None:
    members = {
        "one": member(("datasets", datasets("one", "d1", "d2"))),
        "two": member(("datasets", datasets("two", "d1"))),
    }
    async with family(tmp_path, members) as running:
        for body in (None, query("record")):
            answer = await ask(running, "/datasets", body)
            assert [(one["id"], one["info"]["node"]) for one in answer["response"]["collections"]] == [
                ("d1", "one"),
                ("d2", "one"),
                ("d1", "two"),
            ]
        assert answer["responseSummary"]["numTotalResults"] == 3
        assert answer["info"]["total"]["kind"] == "exact"


async def _hang(_request: Request) -> Response:
    await asyncio.Event().wait()
    return Response()


BAD: dict[str, tuple[Answer | Any, str]] = {
    "failing": (lambda _r: JSONResponse({}, 500), "unreachable"),
    "html": (lambda _r: Response("<p>", media_type="text/html"), "invalid"),
    "redirecting": (lambda _r: RedirectResponse("http://127.0.0.1:1/"), "invalid"),
    "refusing": (lambda _r: JSONResponse({}, 403), "refused"),
    "without-filter": (lambda _r: JSONResponse({"error": {"errorCode": 400}}, 400), "cannot_answer"),
    "empty": (lambda _r: JSONResponse({}), "invalid"),
    "text-exists": (lambda _r: JSONResponse(_lie({"exists": "yes"})), "invalid"),
    "negative": (lambda _r: JSONResponse(_lie({"exists": True, "numTotalResults": -4})), "invalid"),
    "boolean-count": (lambda _r: JSONResponse(_lie({"exists": True, "numTotalResults": True})), "invalid"),
    "no-granularity": (lambda _r: JSONResponse({"meta": {}, "responseSummary": {"exists": True}}), "invalid"),
    "sets-of-text": (
        lambda _r: JSONResponse({**_lie({"exists": True}), "response": {"resultSets": ["x"]}}),
        "invalid",
    ),
    "plain": (lambda _r: PlainTextResponse("ok"), "invalid"),
}


def _lie(summary: dict[str, Any]) -> dict[str, Any]:
    return {"meta": {"beaconId": "x", "returnedGranularity": "count"}, "responseSummary": summary}


async def test_bad_nodes_are_listed_and_the_good_one_is_counted(tmp_path: Path) -> None:
    members = {name: member(("g_variants", answer)) for name, (answer, _) in BAD.items()}
    members["good"] = member(("g_variants", beacon("good", "count", 7)))
    members["no-variants"] = MemberData(entry_types=("dataset",))
    async with family(tmp_path, members, deadline_seconds=30) as running:
        await running.gateway.capabilities.known()
        answer = await ask(running, "/g_variants", query())
        told = {node["id"]: node["status"] for node in answer["info"]["nodes"]}
        assert told == {name: status for name, (_, status) in BAD.items()} | {
            "good": "answered",
            "no-variants": "cannot_answer",
        }
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": 7}
        assert answer["info"]["total"] == {"kind": "bound", "atLeast": 7}


async def test_a_hung_node_is_listed_and_does_not_hold_the_answer(tmp_path: Path) -> None:
    members = {"hung": member(("g_variants", _hang)), "good": member(("g_variants", beacon("good", "count", 7)))}
    async with family(tmp_path, members, deadline_seconds=3) as running:
        await running.gateway.capabilities.known()
        answer = await asyncio.wait_for(ask(running, "/g_variants", query()), 30)
        assert {node["id"]: node["status"] for node in answer["info"]["nodes"]} == {
            "hung": "timed_out",
            "good": "answered",
        }
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": 7}
        assert answer["info"]["total"] == {"kind": "bound", "atLeast": 7}


async def test_bea_64_errors_wear_the_beacon_envelope(tmp_path: Path) -> None:
    refuse: Answer = lambda _r: JSONResponse({"error": {"errorMessage": "unknown filter"}}, 400)  # noqa: E731
    fail: Answer = lambda _r: JSONResponse({}, 500)  # noqa: E731
    members = {"one": member(("individuals", refuse), ("g_variants", fail))}
    async with family(tmp_path, members) as running:
        for path, body, status in (
            ("/nothing/here", None, 404),
            ("/individuals", query(), 400),
            ("/individuals/unknown", None, 404),
            ("/g_variants", query(), 503),
            ("/g_variants", {"meta": {}}, 400),
            ("/g_variants?requestedGranularity=all", None, 400),
            ("/g_variants?limit=-1", None, 400),
            ("/filtering_terms?limit=-1", None, 400),
        ):
            answer = await ask(running, path, body)
            assert ("unknown filter" in answer["error"]["errorMessage"]) is (path == "/individuals"), answer
            assert answer["error"]["errorCode"] == status, (path, answer)
            assert set(answer["meta"]) >= {
                "beaconId",
                "apiVersion",
                "returnedSchemas",
                "returnedGranularity",
                "receivedRequestSummary",
            }


async def test_requests_reach_the_nodes_unchanged_and_with_their_own_token(tmp_path: Path) -> None:
    seen: list[tuple[str, str, bytes, str | None]] = []

    async def record(request: Request) -> Response:
        seen.append((request.method, request.url.query, await request.body(), request.headers.get("authorization")))
        return beacon("one", "count", 1)(request)

    async with family(tmp_path, {"one": member(("individuals", record))}) as running:
        running.broker.good["secret"] = ()
        auth = {"Authorization": "Bearer secret"}
        await ask(running, "/individuals?filters=HP:1,age:%3E5&skip=2&unknown=x", headers=auth)
        sent = query(filters=[{"id": "HP:1", "extra": [1]}], requestParameters={"g_variant": {"start": [5]}})
        await ask(running, "/individuals", sent, headers=auth)
        look, get, post = seen
        assert look[1:] == ("requestedGranularity=count&limit=1", b"", None), "how many there are in all"
        assert get[:2] == ("GET", "filters=HP:1,age:%3E5&skip=2&unknown=x")
        assert (post[0], json.loads(post[2])) == ("POST", sent)
        made = {f"Bearer {token}" for token in running.broker.made}
        assert {get[3], post[3]} == made
        assert running.broker.exchanges == 1, "kept for the second question"
        refused = await running.client.get(f"{BASE}/individuals", headers={"Authorization": "Bearer bad"})
        assert refused.status_code == 401
        assert refused.json()["error"]["errorCode"] == 401


async def test_bea_06_filtering_terms_are_merged_and_paged(tmp_path: Path) -> None:
    members = {
        "one": MemberData(terms=["HP:1", "HP:2"], floor=Floor(1, 1)),
        "two": MemberData(terms=["HP:2", "NCIT:9"]),
    }
    async with family(tmp_path, members) as running:
        every = (await ask(running, "/filtering_terms?limit=0"))["response"]["filteringTerms"]
        assert [(term["id"], term["nodes"]) for term in every] == [
            ("HP:1", ["one"]),
            ("HP:2", ["one", "two"]),
            ("NCIT:9", ["two"]),
        ]
        page = (await ask(running, "/filtering_terms?skip=1&limit=2"))["response"]["filteringTerms"]
        assert [term["id"] for term in page] == ["NCIT:9"]


def test_bea_21_23_39_requests_are_understood_for_the_summary() -> None:
    got = from_get("filters=HP:1,NCIT:2&filters=a:%3E5&requestedGranularity=count&skip=1&limit=0&testMode=true").summary
    assert got["filters"] == ["HP:1", "NCIT:2", "a:>5"]
    assert (got["requestedGranularity"], got["pagination"], got["testMode"]) == ("count", {"skip": 1, "limit": 0}, True)
    at_root = from_post(
        {"meta": {"apiVersion": "v2"}, "requestedGranularity": "record", "pagination": {"skip": 3}}
    ).summary
    assert (at_root["requestedGranularity"], at_root["pagination"]) == ("record", {"skip": 3, "limit": 10})
    echoed = from_post(query(filters=[{"id": "age", "operator": ">", "value": "5"}, {"id": "HP:1"}])).summary
    assert echoed["filters"] == ["age:>5", "HP:1"]
    for bad in ("skip=x", "limit=-1", "requestedGranularity=all"):
        with pytest.raises(Failure):
            from_get(bad)


def official(name: str) -> Any:
    """Validator of an official schema of Beacon 2.1.1, with the repairs of its broken references."""
    root = shared("specs/beacon-2.1.1/framework/json")
    info = {"type": "object"}

    def load(uri: str) -> Any:
        path = Path(uri.removeprefix("file://").split("#")[0])
        return info if path.name == "info.json" and not path.exists() else json.loads(path.read_text())

    path = root / "responses" / name
    schema = {**json.loads(path.read_text()), "$id": f"file://{path}"}
    return jsonschema_rs.Draft202012Validator(schema, retriever=load)


async def test_answers_satisfy_the_official_schemas(tmp_path: Path) -> None:
    validators = {
        "/": "beaconInfoResponse.json",
        "/info": "beaconInfoResponse.json",
        "/configuration": "beaconConfigurationResponse.json",
        "/map": "beaconMapResponse.json",
        "/entry_types": "beaconEntryTypesResponse.json",
        "/filtering_terms": "beaconFilteringTermsResponse.json",
        "/datasets": "beaconCollectionsResponse.json",
        "/individuals?requestedGranularity=boolean": "beaconBooleanResponse.json",
        "/individuals?requestedGranularity=count": "beaconCountResponse.json",
        "/individuals?requestedGranularity=record": "beaconResultsetsResponse.json",
        "/g_variants": "beaconErrorResponse.json",
    }
    members = {
        "one": member(
            ("datasets", datasets("one", "d")),
            ("individuals", beacon("one", "record", 1, [{"id": "i"}])),
            terms=["HP:1"],
        )
    }
    async with family(tmp_path, members) as running:
        for path, name in validators.items():
            official(name).validate(await ask(running, path))
        info = await ask(running, "/service-info")
        assert info["type"] == {"group": "org.ga4gh", "artifact": "beacon", "version": "2.1.1"}
        assert (await ask(running, "/info"))["response"]["id"] == info["id"], "BEA-68"


async def test_a_flat_count_of_another_make_is_accepted(tmp_path: Path) -> None:
    """A Beacon of other make: no beaconId, extra keys, a media type with parameters, no filtering terms."""

    def foreign(_request: Request) -> Response:
        body = {
            "meta": {"returnedGranularity": "count"},
            "responseSummary": {"exists": True, "numTotalResults": 3, "x": 1},
        }
        return Response(json.dumps(body), media_type="application/json; charset=utf-8")

    async with family(tmp_path, {"foreign": member(("g_variants", foreign))}) as running:
        answer = await ask(running, "/g_variants", query())
        assert answer["responseSummary"]["numTotalResults"] == 3
