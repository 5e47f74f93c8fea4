"""Processes prove themselves to each other: made for one node, for a minute, accepted once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, cast

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from auth import client_assertion
from auth.client_assertion import Assertions
from auth.errors import InvalidToken
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.tables import UsedToken
from auth.trust import jku
from tests.auth.world import BROKER, MEMBER, NOW, STRANGER, Answers, Clock, World, sign


def assertions(engine: Engine, world: World, clock: Clock) -> Assertions:
    answers = Answers({jku(issuer): {"keys": [key.public_jwk()]} for issuer, key in world.keys.items()})
    return Assertions(engine, MEMBER, {BROKER: jku(BROKER)}, Jwks(cast(JsonGet, answers), now=clock), clock)


def made(world: World, issuer: str = BROKER, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"iss": issuer, "sub": issuer, "aud": MEMBER, "iat": NOW, "exp": NOW + 60, "jti": "j1", **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return "Bearer " + sign(claims, world.keys[issuer], {"typ": "client-authentication+jwt", **(header or {})})


async def test_a_made_assertion_is_accepted_once(auth_engine: Engine, world: World, clock: Clock) -> None:
    verifier = assertions(auth_engine, world, clock)
    token = "Bearer " + client_assertion.make(BROKER, MEMBER, world.keys[BROKER], NOW)
    assert await verifier.verify(token) == BROKER
    with pytest.raises(InvalidToken, match="used before"):
        await verifier.verify(token)
    assert await verifier.verify("bearer " + client_assertion.make(BROKER, MEMBER, world.keys[BROKER], NOW)) == BROKER


BAD: dict[str, dict[str, Any]] = {
    "unknown caller": {"issuer": STRANGER},
    "signed by another": {"issuer": STRANGER, "iss": BROKER, "sub": BROKER},
    "subject is another": {"sub": "alice"},
    "no subject": {"sub": None},
    "for another node": {"aud": "https://obia.example"},
    "for several nodes": {"aud": [MEMBER, "https://obia.example"]},
    "for nobody": {"aud": None},
    "near match": {"aud": f"{MEMBER}/"},
    "too long a life": {"exp": NOW + 61},
    "expired": {"iat": NOW - 60, "exp": NOW},
    "no jti": {"jti": None},
    "jti a number": {"jti": 1},
    "jti of a kilobyte": {"jti": "j" * 1000},
    "access token": {"header": {"typ": "at+jwt"}},
    "no typ": {"header": {"typ": None}},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
async def test_bad_assertions(small_engine: Engine, world: World, clock: Clock, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await assertions(small_engine, world, clock).verify(made(world, **changes))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic x", "Bearer x"])
async def test_no_assertion(small_engine: Engine, world: World, clock: Clock, header: str | None) -> None:
    with pytest.raises(InvalidToken):
        await assertions(small_engine, world, clock).verify(header)


def test_the_same_assertion_at_the_same_moment_is_accepted_once(
    auth_engine: Engine, world: World, clock: Clock
) -> None:
    token, accepted, start = made(world), [], threading.Barrier(4)

    def present() -> None:
        start.wait()
        with contextlib.suppress(InvalidToken):
            accepted.append(asyncio.run(assertions(auth_engine, world, clock).verify(token)))

    threads = [threading.Thread(target=present, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert accepted == [BROKER]


async def test_spent_ids_are_forgotten_after_their_time(small_engine: Engine, world: World, clock: Clock) -> None:
    verifier = assertions(small_engine, world, clock)
    await verifier.verify(made(world))
    clock.seconds += 200
    await verifier.verify(made(world, iat=NOW + 200, exp=NOW + 260, jti="j2"))
    with Session(small_engine) as session:
        assert session.scalar(select(func.count()).select_from(UsedToken)) == 1
