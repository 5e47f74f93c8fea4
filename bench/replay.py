"""The requests of an archive's life replayed through the HTTP API: asked, read, decided, and every score recomputed.

9,383 requests for 4,756 controlled data sets by 4,829 people, of which 3,242 are approved (December 2024); the other
outcomes are made. A real broker signs everybody's access token and answers UserInfo; a real member does the rest.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from sqlalchemy import Engine, event, insert
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset
from auth.broker.settings import BrokerSettings
from auth.broker.tables import Account
from auth.broker.tokens import Tokens
from auth.committees import register_committee
from auth.keys import KeyRing, clock
from bench import member
from bench.figure import Figure
from bench.processes import free_port, serving
from migrations.schema import Kind, upgrade

FOLDER = Path(".bench/replay").absolute()
REQUESTS, APPROVED, DATASETS, PEOPLE = 9383, 3242, 4756, 4829
COMMITTEES = 400
SHARES = {"reject": 0.30, "return": 0.05, "close": 0.05}  # of all requests, beside the approved; the rest waits
QUICK = 20  # the quick form is so many times smaller
SECONDS = 300
AT_ONCE = 24
CLIENT = "bench"
SCOPE = "openid profile"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of the replay and what becomes of it: a command, or empty for one that waits."""

    number: int
    person: str
    dataset: str
    decider: str
    outcome: str


@dataclass(slots=True)
class Journal:
    """What the answers said, by data set: (state, submitted_at, decided_at)."""

    rows: dict[str, list[tuple[str, str | None, str | None]]] = field(default_factory=dict)
    calls: int = 0

    def note(self, request: dict[str, Any]) -> None:
        """Keep the last answer about a request."""
        row = request["state"], request["submitted_at"], request["decided_at"]
        self.rows.setdefault(request["dataset"], []).append(row)


def plan(seed: int, share: int) -> list[Ask]:
    """The requests, 1/``share`` of them all: each person asks at least once, in an order and with outcomes by seed."""
    numbers = random.Random(seed)
    people, sets = PEOPLE // share, DATASETS // share
    asking = [*range(people), *(numbers.randrange(people) for _ in range(REQUESTS // share - people))]
    numbers.shuffle(asking)
    outcomes = ["approve"] * (APPROVED // share)
    for name, part in SHARES.items():
        outcomes += [name] * int(part * len(asking))
    outcomes += [""] * (len(asking) - len(outcomes))
    numbers.shuffle(outcomes)
    asks = []
    for number, (person, outcome) in enumerate(zip(asking, outcomes, strict=True)):
        chosen = numbers.randrange(sets) + 1
        asks.append(Ask(number, f"p{person}", accession(chosen), f"d{chosen % COMMITTEES}", outcome))
    return asks


def accession(number: int) -> str:
    """Accession of the data set of that number, from 1."""
    return f"HRA{number:06}"


def figure(*, quick: bool, seed: int) -> Figure:
    """Replay, and compare every score with the one computed from the answers alone.

    :raises RuntimeError: an answer was not the one that was due, or a score differs.
    """
    share = QUICK if quick else 1
    asks = plan(seed, share)
    with _family(asks) as (url, tokens):
        seconds, journal = asyncio.run(_replay(url, tokens, asks, DATASETS // share))
    took = f"{len(asks)} requests, {journal.calls} calls, {journal.calls / seconds:.0f}/s"
    return Figure("passports.replay", round(seconds, 1), f"s ({took})", f"<= {SECONDS // share}")


async def _replay(url: str, tokens: dict[str, str], asks: list[Ask], sets: int) -> tuple[float, Journal]:
    journal, gate = Journal(), asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
        caller = _Caller(http, url, tokens, journal)

        async def one(ask: Ask) -> None:
            async with gate:
                await _live(caller, ask)

        async def score(number: int) -> None:
            async with gate:
                await _score(caller, accession(number), journal)

        started = time.perf_counter()
        await asyncio.gather(*(one(ask) for ask in asks))
        await asyncio.gather(*(score(number) for number in range(1, sets + 1)))
        return time.perf_counter() - started, journal


@dataclass(frozen=True, slots=True)
class _Caller:
    http: aiohttp.ClientSession
    url: str
    tokens: dict[str, str]
    journal: Journal

    async def __call__(self, who: str | None, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        self.journal.calls += 1
        given = None if method == "GET" else body or {}
        async with self.http.request(method, f"{self.url}/dac/v1{path}", json=given, headers=headers) as answer:
            if answer.status != status:
                raise RuntimeError(f"{method} {path}: {answer.status} {(await answer.text())[:300]}")
            return await answer.json()


async def _live(call: _Caller, ask: Ask) -> None:
    """Draft, send, be read by the committee, and be decided."""
    body = {"dataset": ask.dataset, "purpose": f"Purpose {ask.number}", "use": {"kinds": ["health"]}}
    made = await call(ask.person, "POST", "/requests", body, 201)
    path = f"/requests/{made['id']}"
    last = await call(ask.person, "POST", f"{path}/submit")
    await call(ask.decider, "GET", path)
    if ask.outcome == "close":
        last = await call(ask.person, "POST", f"{path}/close")
    elif ask.outcome:
        comment = {"comment": "so"} if ask.outcome != "approve" else None
        last = await call(ask.decider, "POST", f"{path}/{ask.outcome}", comment)
    call.journal.note(last)


async def _score(call: _Caller, dataset: str, journal: Journal) -> None:
    said = await call(None, "GET", f"/datasets/{dataset}/sharing-score")
    due = expected(journal.rows.get(dataset, []))
    if said["score"] != due:
        raise RuntimeError(f"{dataset}: the score is {said['score']}, from the answers it is {due}")


def expected(rows: list[tuple[str, str | None, str | None]]) -> float | None:
    """The sharing score from the answers, in exact fractions, as ``docs/dac.md`` defines it."""
    decided = [(state, _moment(sent), _moment(done)) for state, sent, done in rows if done]
    received = len(decided) + sum(state == "submitted" for state, _, _ in rows)
    if not received:
        return None
    if not decided:
        return 0.0
    days = Fraction(sum(done - sent for _, sent, done in decided), len(decided) * 86400)
    approved = Fraction(sum(state == "approved" for state, _, _ in decided), len(decided))
    score = 40 * Fraction(len(decided), received) + 30 * approved + 30 * 14 / (14 + days)
    return float(round(score, 2))


def _moment(text: str | None) -> int:
    return int(dt.datetime.fromisoformat(text or "").timestamp())


@contextmanager
def _family(asks: list[Ask]) -> Iterator[tuple[str, dict[str, str]]]:
    """A broker and a member with all that the replay needs; the member's URL and a token by person."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "archive").mkdir(parents=True)
    deciders = {f"d{number}" for number in range(COMMITTEES)}
    port = free_port()
    broker = f"http://127.0.0.1:{port}"
    _make_member(sorted(deciders))
    tokens = _make_broker(broker, port, sorted({ask.person for ask in asks} | {ask.decider for ask in asks}))
    with ExitStack() as stack:
        command = [sys.executable, "-m", "node.cli", "serve", str(FOLDER / "broker.yaml")]
        stack.enter_context(serving(command, port, FOLDER / "broker.log"))
        url, _ = stack.enter_context(
            member.running(FOLDER, broker={"issuer": broker, "client_id": "gsa-human"}, mail={})
        )
        yield url, tokens


def _make_member(deciders: list[str]) -> None:
    engine = _quick(member.database(FOLDER), "member")
    rows = [
        {
            "accession": accession(number),
            "title": f"Study {number}",
            "tier": "controlled",
            "dac": f"HDAC{number % COMMITTEES:06}",
            "duo": {"duoDataUse": [{"id": "DUO:0000006"}]},
            "release_date": member.DAY,
            "created_at": member.MOMENT,
            "updated_at": member.MOMENT,
        }
        for number in range(1, DATASETS + 1)
    ]
    with writing(engine).begin() as connection:
        connection.execute(insert(Dataset), rows)
    for number, decider in enumerate(sorted(deciders, key=lambda name: int(name[1:]))):
        register_committee(engine, f"HDAC{number:06}", f"Committee {number}", {decider: ""}, clock())
    engine.dispose()


def _make_broker(url: str, port: int, people: list[str]) -> dict[str, str]:
    """The broker's configuration and database, and an access token for everybody, signed with its key."""
    given = {
        "kind": "broker",
        "public_url": url,
        "listen": {"port": port},
        "database": f"sqlite:///{FOLDER / 'broker.sqlite'}",
        "clients": [{"client_id": CLIENT, "name": "Replay", "kind": "public"}],
        "lifetimes": {"access_token": 3600},
    }
    (FOLDER / "broker.yaml").write_text(yaml.safe_dump(given))
    settings, engine = BrokerSettings.model_validate(given), _quick(str(given["database"]), "broker")
    tokens, now = Tokens(settings, engine, KeyRing(engine), clock), clock()
    named = [{"sub": sub, "name": sub, "display_name": sub, "password_hash": "", "created_at": now} for sub in people]
    with Session(writing(engine)) as session, session.begin():
        session.execute(insert(Account), named)
        families = {sub: tokens.open_family(session, CLIENT, sub, SCOPE, now) for sub in people}
        session.flush()
        session.expunge_all()
    made = {sub: tokens.mint(family, CLIENT, SCOPE, 3600) for sub, family in families.items()}
    engine.dispose()
    return made


def _quick(url: str, kind: Kind) -> Engine:
    """A database being made: it need not wait for the disk, the servers that open it later do."""
    engine = connect(url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    upgrade(engine, kind)
    return engine
