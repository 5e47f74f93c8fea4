"""Requests of mixed callers, sent all at once to a member's process and then each alone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.privacy.cohort import BMI, DATASET, TERMS, USUAL, Cohort

CONNECTIONS = 64


@dataclass(frozen=True)
class Sent:
    """A request, by number; ``token`` None is anonymous."""

    path: str
    token: str | None
    query: dict[str, Any]


def requests(cohort: Cohort, seed: int, number: int) -> list[Sent]:
    """``number`` different requests: every kind of caller, entry type, granularity, filter and page."""
    dice = random.Random(seed)
    tokens = [None, None, "controlled", "controlled", *(f"user{n}@org{n % 7}.example" for n in range(40)), "nobody"]
    return [Sent(dice.choice(PATHS), dice.choice(tokens), _query(dice, cohort)) for _ in range(number)]


PATHS = (
    "/individuals",
    "/g_variants",
    "/datasets",
    f"/datasets/{DATASET}/individuals",
    f"/datasets/{DATASET}/g_variants",
)


def _query(dice: random.Random, cohort: Cohort) -> dict[str, Any]:
    query: dict[str, Any] = {
        "requestedGranularity": dice.choice(["boolean", "count", "record"]),
        "includeResultsetResponses": dice.choice(["ALL", "HIT", "MISS", "NONE"]),
        "pagination": {"skip": dice.randrange(3), "limit": dice.choice([1, 3, 10])},
        "filters": [_filter(dice) for _ in range(dice.choice([0, 0, 1, 2]))],
    }
    if dice.random() < 0.6:
        asked = cohort.question(dice.randrange(cohort.alleles))
        if dice.random() < 0.2:
            asked |= {"end": [asked["start"][0] + dice.choice([1, 100_000])]}
        query["requestParameters"] = {"g_variant": asked}
    return query


def _filter(dice: random.Random) -> dict[str, Any]:
    operator = dice.choice(["<", ">", "<=", ">="])
    return dice.choice([
        {"id": dice.choice((*TERMS, USUAL, "HP:0999999"))},
        {"id": "ageOfOnset", "operator": operator, "value": f"P{dice.randrange(15, 85)}Y"},
        {"id": BMI, "operator": operator, "value": round(dice.uniform(15, 40), 1)},
        {"id": "sex", "operator": "=", "value": "NCIT:C16576"},
    ])  # fmt: skip


async def differing(
    base: str, asked: list[Sent], total: int, seed: int
) -> tuple[list[tuple[Sent, str, str]], Counter[str]]:
    """Send ``total`` of the requests at once, in any order, and then each of them alone; those answered differently,
    and how often each status was answered.

    Whoever is refused for want of budget stays refused, and whoever has paid is answered again: alone is afterwards.
    """
    order = [index % len(asked) for index in range(total)]
    random.Random(seed).shuffle(order)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(3600)) as session:
        together = await asyncio.gather(*(_answer(session, base, asked[index]) for index in order))
        alone = [await _answer(session, base, sent) for sent in asked]
    pairs = zip(order, together, strict=True)
    found = [(asked[index], answer, alone[index]) for index, answer in pairs if answer != alone[index]]
    return found, Counter(answer[:3] for answer in together)


async def _answer(session: aiohttp.ClientSession, base: str, sent: Sent) -> str:
    body = {"meta": {"apiVersion": "v2.1.1"}, "query": sent.query}
    headers = {} if sent.token is None else {"Authorization": f"Bearer {sent.token}"}
    async with session.post(base + sent.path, json=body, headers=headers) as response:
        return f"{response.status} {await response.text()}"
