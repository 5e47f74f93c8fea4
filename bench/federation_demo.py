"""Federated searches over the demo family: one by one, and fifty at once of callers who see different things."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles
from typing import Any

import aiohttp

from auth.login import BrokerClient
from bench.figure import Figure
from bench.startup import FOLDER, LIMIT, port_base
from node.demo.configuration import PROCESSES, Addresses
from node.demo.directory import locked
from node.demo.family import bring_up
from node.demo.supervisor import Service, Supervisor

CALLERS = 50
IMAGES = [{"entryType": "imagingSeries", "filters": [{"id": term}]} for term in ("DCM:CT", "DCM:MR", "UBERON:0001443")]
PEOPLE = ("HP:0001626", "HP:0000822", "HP:0002099", "HP:0003124", "HP:0002094")


def figures(*, quick: bool) -> list[Figure]:
    """Latency of a join, and of fifty searches at once.

    :raises RuntimeError: if an answer is not that of the same question asked alone by the same caller.
    """
    family = bring_up(FOLDER, port_base(), None, lambda _text: None)
    addresses = Addresses(port_base())
    services = [
        Service(name, FOLDER / "config" / f"{name}.yaml", addresses.host, addresses.port(name)) for name in PROCESSES
    ]
    with locked(FOLDER):
        supervisor = Supervisor(services, FOLDER / "logs")
        try:
            supervisor.start()
            supervisor.wait_ready(LIMIT, lambda _child: None)
            return asyncio.run(_measured(family, 30 if quick else 200, 2 if quick else 8))
        finally:
            supervisor.stop()


async def _measured(family: dict[str, Any], joins: int, rounds: int) -> list[Figure]:
    url = f"{family['urls']['gateway']}/federation/v1/search"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CALLERS)) as http:
        tokens = [None, *await _signed_in(family, http)]
        asked = [(body, tokens[number % len(tokens)]) for number, body in enumerate(_questions(CALLERS))]
        for _ in range(2):  # keys, connections and indexes are read the first time
            alone = [(await _ask(http, url, *one))[1] for one in asked]
        join = {"all": family["tour"]["join"], "granularity": "count"}
        taken = sorted([(await _ask(http, url, join, None))[0] * 1000 for _ in range(joins)])
        latencies, late = [], 0
        for _ in range(rounds):
            answers = await asyncio.gather(*(_ask(http, url, *one) for one in asked))
            for told, (seconds, answer) in zip(alone, answers, strict=True):
                latencies.append(seconds)
                late += not answer["complete"]
                if answer["complete"] and answer != told:
                    raise RuntimeError(f"an answer crossed callers: {answer} instead of {told}")
    return [
        Figure("federation.join.demo.p50", round(taken[len(taken) // 2], 1), "ms", "<= 100"),
        Figure("federation.concurrent.p99", round(quantiles(latencies, n=100)[98], 3), "s", "<= 1.5"),
        Figure("federation.concurrent.late", late, f"of {len(latencies)} without a node at the deadline", "<= 0"),
    ]


def _questions(number: int) -> list[dict[str, Any]]:
    granularities = ("count", "record", "boolean")
    return [
        {
            "all": [
                {"entryType": "individual", "filters": [{"id": PEOPLE[place % len(PEOPLE)]}]},
                IMAGES[place % len(IMAGES)],
            ],
            "granularity": granularities[place % 3],
        }
        for place in range(number)
    ]


async def _signed_in(family: dict[str, Any], http: aiohttp.ClientSession) -> list[str]:
    """Tokens of one who was granted both controlled sets, and of one who was granted nothing."""
    public = family["oauth"]["public"]
    broker = BrokerClient(family["oauth"]["issuer"], public["client_id"], public["redirect_uri"])
    word = {user["name"]: user["password"] for user in family["users"]}

    def token(name: str) -> str:
        return broker.sign_in(name, word[name]).access

    researcher, dac, colleague = [await asyncio.to_thread(token, name) for name in ("researcher", "dac", "colleague")]
    for part in ("controlled", "imaging"):
        wanted = family["tour"][part]
        every = f"{family['urls'][wanted['member']]}/dac/v1/requests"
        mine = await _post(http, f"{every}?dataset={wanted['dataset']}&state=approved", researcher)
        if not mine["requests"]:
            body = {"dataset": wanted["dataset"], "purpose": "Measuring joins"}
            made = await _post(http, every, researcher, body)
            await _post(http, f"{every}/{made['id']}/submit", researcher, {})
            await _post(http, f"{every}/{made['id']}/approve", dac, {})
    return [await asyncio.to_thread(token, "researcher"), colleague]


async def _post(http: aiohttp.ClientSession, url: str, token: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.request("GET" if body is None else "POST", url, json=body, headers=headers) as response:
        answer = await response.json()
        if response.status >= 400:
            raise RuntimeError(f"{url}: {response.status} {answer}")
        return answer


async def _ask(
    http: aiohttp.ClientSession, url: str, body: dict[str, Any], token: str | None
) -> tuple[float, dict[str, Any]]:
    """Seconds, and the answer without what differs from time to time."""
    started = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.post(url, json=body, headers=headers) as response:
        answer = await response.json()
    seconds = time.perf_counter() - started
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer}")
    for node in answer["nodes"]:
        node.pop("seconds")
    return seconds, answer
