"""Revocation at nodes that trust an issuer: its signed list, and refusal where there is none (row 67)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import web

from auth import jose
from auth.caller import reference, referred
from auth.errors import IssuerUnavailable
from auth.grants import GrantsInForce
from auth.http import HttpStatus, JsonGet
from auth.jwks import Jwks
from auth.keyset import KeySet
from auth.policy import DatasetRule, Policy
from auth.status import POLL, StatusLists
from auth.trust import TrustEntry, jku
from auth.visas import STATUS_LIFETIME, STATUS_TYPE
from tests.auth.world import FOREIGN, LINKER, MEMBER, NOW, Answers, Clock, World, person

URL = f"{FOREIGN}/visas/v1/status"
RULE = DatasetRule("HRA000009", "controlled", "public", "DAC1")
GRANT = {"said_value": f"{MEMBER}/datasets/HRA000009", "said_source": f"{FOREIGN}/dac/DAC1"}


class Node:
    """A member that trusts a foreign issuer with a status list."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.revoked: list[str] = []
        self.issued: int | None = None
        answers: dict[str, Any] = {jku(FOREIGN): {"keys": [world.keys[FOREIGN].public_jwk()]}}
        answers[URL] = lambda headers: self.list()
        self.answers = Answers(answers)
        http = cast(JsonGet, self.answers)
        entries = (replace(world.trust.issuers[FOREIGN], status=URL), world.trust.issuers[LINKER])
        self.lists = StatusLists(entries, Jwks(http, now=clock), http, clock)
        self.policy = Policy(MEMBER, GrantsInForce(lambda jtis: (), self.lists))

    def list(self, key: str = FOREIGN, typ: str = STATUS_TYPE, **changes: Any) -> str:
        """A status list as the issuer signs it now."""
        issued = self.clock() if self.issued is None else self.issued
        claims = {"iss": FOREIGN, "iat": issued, "exp": issued + STATUS_LIFETIME, "revoked": self.revoked}
        return jose.sign({**claims, **changes}, self.world.keys[key], typ=typ)

    def allowed(self, **changes: Any) -> bool:
        """May alice, known at the foreign issuer, have the data set now?"""
        token = self.world.visa(FOREIGN, iat=NOW - 10, exp=NOW + 3000, **{**GRANT, "jti": "f1", **changes})
        visas = self.world.verified(token)
        return self.policy.fetch(person("alice", *visas, expires=NOW + 10**6), RULE, self.clock()).allowed


@pytest.fixture
def node(world: World, clock: Clock) -> Node:
    return Node(world, clock)


async def test_ATTACKS_67_a_revoked_visa_is_refused_with_the_next_list(node: Node) -> None:
    await node.lists.refresh()
    assert node.allowed()
    node.revoked.append("f1")
    assert node.allowed()  # until the list is read again
    await node.lists.refresh()
    assert not node.allowed()
    assert node.allowed(jti="f2")


async def test_ATTACKS_67_without_a_list_in_force_none_of_its_visas_counts(node: Node) -> None:
    assert not node.allowed()
    await node.lists.refresh()
    assert node.allowed()
    node.clock.seconds += STATUS_LIFETIME - 1
    assert node.allowed()
    node.clock.seconds += 1
    assert not node.allowed()
    await node.lists.refresh()
    assert node.allowed()


async def test_ATTACKS_67_a_visa_without_jti_cannot_be_looked_up(node: Node) -> None:
    await node.lists.refresh()
    assert node.allowed()
    assert not node.allowed(jti=None)


LIES: dict[str, Callable[[Node], Any]] = {
    "nobody there": lambda node: IssuerUnavailable("down"),
    "404": lambda node: HttpStatus(404),
    "500": lambda node: HttpStatus(500),
    "no token": lambda node: "x",
    "signed by another issuer": lambda node: node.list(LINKER),
    "of another issuer": lambda node: node.list(iss=LINKER),
    "another type": lambda node: node.list(typ="at+jwt"),
    "valid too long": lambda node: node.list(exp=node.clock() + 61),
    "expired": lambda node: node.list(iat=node.clock() - 60, exp=node.clock()),
    "from the future": lambda node: node.list(iat=node.clock() + 31, exp=node.clock() + 60),
    "no list": lambda node: node.list(revoked=None),
    "a list of numbers": lambda node: node.list(revoked=[1]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_ATTACKS_67_what_is_no_list_counts_as_none(node: Node, lie: Callable[[Node], Any]) -> None:
    node.answers.answers[URL] = lambda headers: lie(node)
    await node.lists.refresh()
    assert not node.allowed()


async def test_ATTACKS_67_an_older_list_is_not_replayed_over_a_newer_one(node: Node) -> None:
    node.clock.seconds += 30
    node.revoked.append("f1")
    await node.lists.refresh()
    node.revoked.clear()
    node.issued = NOW + 20
    await node.lists.refresh()
    assert not node.allowed()


async def test_an_issuer_without_a_list_is_bounded_by_exp(node: Node) -> None:
    assert node.lists.stands(LINKER, None)
    assert POLL <= 30 < STATUS_LIFETIME


def test_references_tell_our_own_from_others() -> None:
    assert reference(MEMBER, "g1", MEMBER) == "g1"
    assert referred("g1") is None
    assert referred(reference(FOREIGN, "g1", MEMBER)) == (FOREIGN, "g1")
    # A visa of ours without an id is the reference of no grant, and never one of an issuer without a list.
    assert reference(MEMBER, None, MEMBER) == ""
    assert referred("") is None


async def test_links_and_conditions_are_revoked_too(world: World, clock: Clock) -> None:
    """A grant that holds by another visa falls with it."""
    clause = {"type": "AffiliationAndRole", "value": "const:faculty@med.example"}
    linked = world.visa(
        LINKER,
        jti="l1",
        said_type="LinkedIdentities",
        said_value="alice,https%3A%2F%2Fbroker.example;bob,https%3A%2F%2Fdac.other.example",
        said_source=LINKER,
        said_by="system",
    )
    said = {"said_type": "AffiliationAndRole", "said_value": "faculty@med.example", "said_by": "so", "jti": "a1"}
    faculty = world.visa(FOREIGN, sub="bob", said_source="https://no.organization", **said)
    own = world.visa(said_conditions=[[clause]])
    (grant,) = (visa for visa in world.effective(own, faculty, linked) if visa.issuer == MEMBER)
    assert set(grant.rests) == {(FOREIGN, "a1"), (LINKER, "l1")}
    rule = DatasetRule("HRA000001", "controlled", "public", "DAC1")
    for lost in (None, "g1", f"{FOREIGN} a1", f"{LINKER} l1"):
        policy = Policy(MEMBER, lambda grants, lost=lost: set(grants) - {lost})
        assert policy.fetch(person("alice", grant), rule, NOW).allowed == (lost is None)


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, asyncio.Event, list[str]]]:
    """Two issuers on a socket: ``/slow`` answers when the event is set, ``/quick`` at once."""
    release, asked = asyncio.Event(), list[str]()

    async def slow(request: web.Request) -> web.Response:
        asked.append("slow")
        await release.wait()
        return web.Response(text="x")

    async def quick(request: web.Request) -> web.Response:
        asked.append("quick")
        return web.Response(text="x")

    app = web.Application()
    app.add_routes([web.get("/slow", slow), web.get("/quick", quick)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", release, asked
    release.set()
    await runner.cleanup()


async def test_a_hung_issuer_delays_no_other(
    server: tuple[str, asyncio.Event, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _, asked = server
    monkeypatch.setattr("auth.status.POLL", 0.01)
    http = JsonGet(timeout=20)
    entries = [TrustEntry(f"{url}/{name}", jku(url), status=f"{url}/{name}") for name in ("slow", "quick")]
    lists = StatusLists(entries, Jwks(http), http)
    following = asyncio.ensure_future(lists.run())
    async with asyncio.timeout(10):
        while asked.count("quick") < 5:
            await asyncio.sleep(0.005)
    assert asked.count("slow") == 1
    following.cancel()
    await http.close()


async def test_the_list_of_a_member_is_read_by_a_node_that_trusts_it(world: World, clock: Clock) -> None:
    """The very list that a member publishes, over the keys that it publishes."""
    key = world.keys[FOREIGN]
    claims = {"iss": FOREIGN, "iat": NOW, "exp": NOW + 60, "revoked": ["f1"]}
    answers = Answers({URL: jose.sign(claims, key, typ=STATUS_TYPE)})
    http = cast(JsonGet, answers)
    jwks = Jwks(http, {jku(FOREIGN): lambda: KeySet.of(key)}, clock)
    lists = StatusLists([TrustEntry(FOREIGN, jku(FOREIGN), status=URL)], jwks, http, clock)
    await lists.refresh()
    assert not lists.stands(FOREIGN, "f1")
    assert lists.stands(FOREIGN, "f2")
