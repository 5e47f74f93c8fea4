"""Asks the Beacon over HTTP and holds every answer against the oracle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tests.node.beacon.conftest import BASE, headers
from tests.prove.beacon.asked import Asked
from tests.prove.beacon.conditions import Refused
from tests.prove.beacon.oracle import Exhausted, Expected, Oracle
from tests.prove.beacon.questions import Questions

INCLUDED = {"HIT": (True,), "MISS": (False,), "ALL": (True, False), "NONE": ()}


async def prove(client: httpx.AsyncClient, oracle: Oracle, questions: Questions, number: int) -> Counter[str]:
    """Ask ``number`` questions; how many of each outcome there were."""
    outcomes: Counter[str] = Counter()
    for _ in range(number):
        asked = questions.next()
        outcomes[await check(client, oracle, asked)] += 1
        outcomes[f"{asked.kind} {asked.granularity}"] += 1
    return outcomes


async def check(client: httpx.AsyncClient, oracle: Oracle, asked: Asked) -> str:
    """Ask one question; ``refused``, ``exhausted``, ``hit`` or ``miss`` if the answer is what it must be."""
    response = await _ask(client, asked)
    expected = oracle.answer(asked)
    if isinstance(expected, Refused):
        assert response.status_code == 400, (asked, expected, response.text)
        return "refused"
    if isinstance(expected, Exhausted):
        assert response.status_code == 403, (asked, expected, response.text)
        assert f"of {expected} does not pay" in response.json()["error"]["errorMessage"], asked
        return "exhausted"
    assert response.status_code == 200, (asked, expected, response.text)
    answer = response.json()
    assert answer["meta"]["returnedGranularity"] == expected.granularity, asked
    number = {} if expected.granularity == "boolean" else {"numTotalResults": expected.number}
    assert answer["responseSummary"] == {"exists": expected.exists, **number}, asked
    if expected.collections is None:
        info = {"exact": expected.exact} | ({"filters": expected.coarse} if expected.coarse is not None else {})
        info |= {"signIn": list(expected.sign_in)} if expected.sign_in else {}
        assert answer["info"] == info, asked
    if expected.granularity != "record":
        assert "response" not in answer, asked
    elif expected.collections is not None:
        assert [one["id"] for one in answer["response"]["collections"]] == expected.collections, asked
    else:
        _check_sets(answer["response"]["resultSets"], expected, asked)
    return "hit" if expected.exists else "miss"


async def _ask(client: httpx.AsyncClient, asked: Asked) -> httpx.Response:
    query = asked.query() if asked.get else None
    if query is not None:
        return await client.get(f"{BASE}{asked.path}", params=query, headers=headers(asked.token))
    return await client.post(f"{BASE}{asked.path}", json=asked.body(), headers=headers(asked.token))


def _check_sets(sets: list[dict[str, Any]], expected: Expected, asked: Asked) -> None:
    for one in sets:
        exists = one["id"] in expected.counts
        assert exists in INCLUDED[asked.include], asked
        assert (one["exists"], one["resultsCount"]) == (exists, expected.counts.get(one["id"], 0)), (asked, one["id"])
        name = "variantInternalId" if asked.kind == "genomicVariant" else "id"
        shown = [_plain(record[name]) for record in one["results"]]
        assert shown == [_plain(id) for id in expected.results.get(one["id"], ())], (asked, one["id"])
    if asked.include in ("HIT", "ALL"):
        assert {one["id"] for one in sets} >= set(expected.counts), asked


def _plain(id: str) -> str:
    """What ids of breakends and of very long alleles have in common with the oracle's: everything before the bases."""
    return ":".join(id.split(":")[:3]) if id.count(":") >= 4 and ("BND." in id or "[" in id or len(id) > 100) else id
