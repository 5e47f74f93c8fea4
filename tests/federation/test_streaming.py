"""Answers told as they come: each node at once, then what a client without streaming gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from federation.streaming import EVENTS, LINES, stream, wanted
from federation.tokens import TokenRefused
from tests.federation.family import Family, family
from tests.federation.test_join import clause, members
from tests.federation.test_network_beacon import BASE, beacon, datasets, member, query
from web.errors import Failure, problem_shape

ACCEPTS: list[tuple[str | None, str | None]] = [
    (None, None),
    ("*/*", None),
    ("application/json", None),
    ("text/html,*/*;q=0.8", None),
    ("application/x-ndjson", LINES),
    ("text/event-stream", EVENTS),
    ("Text/Event-Stream, */*", EVENTS),
    ("application/json, text/event-stream", None),
    ("application/json;q=0.5, application/x-ndjson", LINES),
    ("application/x-ndjson;q=0.5, text/event-stream;q=0.9", EVENTS),
    ("application/x-ndjson;q=0", None),
    ("application/x-ndjson;q=x", None),
]


@pytest.mark.parametrize(("accept", "kind"), ACCEPTS)
def test_a_stream_is_what_was_asked_for_by_name(accept: str | None, kind: str | None) -> None:
    assert wanted(accept) == kind


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Events of either form, each as soon as it is there."""
    sse = response.headers["content-type"].startswith(EVENTS)
    name = ""
    async for line in response.aiter_lines():
        if sse and line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif sse and line:
            yield {"event": name, **json.loads(line.removeprefix("data: "))}
        elif line:
            yield json.loads(line)


@pytest.mark.parametrize("kind", [LINES, EVENTS])
async def test_a_quick_node_is_told_while_a_slow_one_is_waited_for(tmp_path: Path, kind: str) -> None:
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go.wait()
        return beacon("slow", "record", 1, [{"id": "s"}])(request)

    made = {
        "quick": member(("individuals", beacon("quick", "record", 1, [{"id": "q"}]))),
        "slow": member(("individuals", slow)),
    }
    async with family(tmp_path, made) as running:
        asked = running.client.stream("GET", f"{BASE}/individuals", headers={"Accept": kind})
        async with asked as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith(kind)
            told = events(response)
            first = await anext(told)
            assert (first["event"], first["node"]["id"], first["node"]["status"]) == ("node", "quick", "answered")
            assert first["response"]["resultSets"][0]["results"] == [{"id": "q"}]
            go.set()
            second, last = [event async for event in told]
        assert (second["event"], second["node"]["id"]) == ("node", "slow")
        plain = (await running.client.get(f"{BASE}/individuals")).json()
    assert last["event"] == "answer"
    assert without_times(last["answer"]) == without_times(plain)


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    for node in answer["nodes"] if "nodes" in answer else answer["info"]["nodes"]:
        node.pop("seconds")
    return answer


async def lines(running: Family, url: str, body: dict[str, Any] | None = None, **headers: str) -> list[dict[str, Any]]:
    method = "GET" if body is None else "POST"
    given = {"Accept": LINES, **headers}
    async with running.client.stream(method, url, json=body, headers=given) as response:
        return [event async for event in events(response)]


async def test_records_and_collections_are_told_only_as_far_as_asked_for(tmp_path: Path) -> None:
    one = member(
        ("individuals", beacon("one", "record", 1, [{"id": "a"}])), ("datasets", datasets("one", "d")), terms=["HP:1"]
    )
    async with family(tmp_path, {"one": one, "failing": member()}) as running:
        told = await lines(running, f"{BASE}/individuals", query("count"))
        assert "resultSets" not in json.dumps(told)
        nodes = {event["node"]["id"]: event["node"]["status"] for event in told[:-1]}
        assert nodes == {"one": "answered", "failing": "cannot_answer"}
        sets = await lines(running, f"{BASE}/datasets")
        found = [event["response"]["collections"] for event in sets[:-1]]
        assert sorted(one[0]["id"] for one in found if one) == ["d"]


async def test_a_search_tells_each_side_then_the_answer(tmp_path: Path) -> None:
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "none": [clause("DCM:CT")]}
    async with family(tmp_path, members(), [("gsa-human", "obia")]) as running:
        told = await lines(running, "/federation/v1/search", question)
        plain = (await running.search(question)).json()
        assert sorted(event["node"]["id"] for event in told[:-1]) == ["gsa-human", "obia"]
        assert without_times(told[-1]["answer"]) == without_times(plain)
        assert b"pseudonyms" not in json.dumps(told).encode()
        refused = await running.client.post("/federation/v1/search", json={"all": []}, headers={"Accept": LINES})
        assert (refused.status_code, refused.json()["status"]) == (400, 400)
        bad = {"Accept": EVENTS, "Authorization": "Bearer bad"}
        unauthorized = await running.client.post("/federation/v1/search", json=question, headers=bad)
        assert unauthorized.status_code == 401


async def collected(response: Any) -> list[dict[str, Any]]:
    return [json.loads(piece) async for piece in response.body_iterator]


@pytest.mark.parametrize(
    ("error", "status"), [(Failure(503, "nobody"), 503), (TokenRefused("bad"), 401), (KeyError("secret"), 500)]
)
async def test_what_fails_after_the_first_event_is_told_as_an_event(error: Exception, status: int) -> None:
    async def ask(emit: Any) -> dict[str, Any]:
        emit({"event": "node", "node": {"id": "one"}})
        await asyncio.sleep(0)
        raise error

    first, last = await collected(await stream(LINES, ask, problem_shape))
    assert first["node"] == {"id": "one"}
    assert (last["event"], last["error"]["status"]) == ("error", status)
    assert "secret" not in json.dumps(last)


async def test_nobody_is_asked_any_longer_when_the_client_is_gone() -> None:
    gone = asyncio.Event()

    async def ask(emit: Any) -> dict[str, Any]:
        emit({"event": "node", "node": {"id": "one"}})
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return {}

    response = await stream(LINES, ask, problem_shape)
    iterator = response.body_iterator
    await anext(iterator)  # type: ignore[arg-type]
    await iterator.aclose()  # type: ignore[union-attr]
    await asyncio.wait_for(gone.wait(), 30)
