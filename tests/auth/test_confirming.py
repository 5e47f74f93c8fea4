"""Visa access tokens (AAI-04; rows 43 and 44): verified only, confirmed by their issuer, polled with restraint."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from auth.clearinghouse import Clearinghouse
from auth.confirming import FIRST_PAUSE, PERIOD, Confirmations
from auth.errors import IssuerUnavailable
from auth.http import HttpStatus, JsonGet
from auth.jwks import Jwks
from auth.trust import Broker, Trust, jku
from tests.auth.world import BROKER, FOREIGN, LINKER, MEMBER, NOW, Answers, Clock, World

USERINFO = f"{FOREIGN}/userinfo"
GRANT = {"said_value": f"{MEMBER}/datasets/HRA000009", "said_source": f"{FOREIGN}/dac/DAC1"}


class House:
    """A clearinghouse that takes visa access tokens of the foreign issuer."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.said: Any = {"sub": "alice"}
        tables: dict[str, Any] = {jku(name): {"keys": [key.public_jwk()]} for name, key in world.keys.items()}
        tables[USERINFO] = lambda headers: self.said
        self.answers = Answers(tables)
        http = cast(JsonGet, self.answers)
        entries = {**world.trust.issuers}
        entries[FOREIGN] = replace(entries[FOREIGN], userinfo=USERINFO, subjects_of=BROKER)
        trust = Trust.of((Broker(BROKER),), tuple(entries.values()))
        self.clearinghouse = Clearinghouse(MEMBER, trust, Jwks(http, now=clock), http, clock)

    def visa(self, age: int, **changes: Any) -> str:
        """A visa access token issued ``age`` seconds ago; it lives for days."""
        times = {"iat": self.clock() - age, "exp": self.clock() + 10**6, "said_asserted": self.clock() - 10**5}
        header = {"typ": "at+jwt", "jku": None}
        said = {**GRANT, **times, "header": header, "scope": "openid ga4gh_passport_v1", **changes}
        return self.world.visa(FOREIGN, **said)

    async def held(self, token: str) -> bool:
        """Does the visa count in a new Passport?"""
        made = self.world.passport([token], iat=self.clock(), exp=self.clock() + 60, jti=str(self.clock()))
        return bool((await self.clearinghouse.passports([made])).visas)

    def polls(self) -> int:
        return self.answers.asked.count(USERINFO)


@pytest.fixture
def house(world: World, clock: Clock) -> House:
    return House(world, clock)


async def test_AAI_04_a_young_one_is_believed_without_asking(house: House) -> None:
    assert await house.held(house.visa(PERIOD - 1, header={"typ": "JWT", "jku": None}))
    assert house.polls() == 0


async def test_AAI_04_ATTACKS_44_an_old_one_is_confirmed_at_most_once_an_hour(house: House) -> None:
    token = house.visa(PERIOD)
    assert await house.held(token)
    assert house.answers.sent == [(USERINFO, f"Bearer {token}")]
    for _ in range(3):
        house.clock.seconds += PERIOD // 4
        assert await house.held(token)
    assert house.polls() == 1
    house.clock.seconds += PERIOD // 4
    assert await house.held(token)
    assert house.polls() == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_ATTACKS_44_a_refusal_is_final(house: House, status: int) -> None:
    house.said = HttpStatus(status)
    token = house.visa(PERIOD)
    assert not await house.held(token)
    house.said = {"sub": "alice"}
    house.clock.seconds += 10 * PERIOD
    assert not await house.held(token)
    assert house.polls() == 1


@pytest.mark.parametrize("said", [{"sub": "bob"}, {}, {"sub": ["alice"]}])
async def test_ATTACKS_44_a_confirmation_of_somebody_else_is_a_refusal(house: House, said: Any) -> None:
    house.said = said
    assert not await house.held(house.visa(PERIOD))


@pytest.mark.parametrize("failure", [IssuerUnavailable("down"), HttpStatus(503), HttpStatus(429)])
async def test_ATTACKS_44_failures_back_off_and_count_as_no_confirmation(house: House, failure: Exception) -> None:
    house.said = failure
    token, pauses = house.visa(PERIOD), []
    last = house.clock()
    for _ in range(6):
        for _ in range(8 * PERIOD // FIRST_PAUSE):
            assert not await house.held(token)
            if house.polls() > len(pauses):
                break
            house.clock.seconds += FIRST_PAUSE // 4
        assert house.polls() == len(pauses) + 1
        pauses.append(house.clock() - last)
        last = house.clock()
    assert pauses[0] == 0
    assert FIRST_PAUSE / 2 <= pauses[1] <= FIRST_PAUSE * 1.25
    assert pauses[5] >= 8 * FIRST_PAUSE
    house.said = {"sub": "alice"}
    house.clock.seconds += PERIOD
    assert await house.held(token)


async def test_ATTACKS_44_a_confirmation_ends_after_an_hour_if_the_issuer_is_silent(house: House) -> None:
    token = house.visa(PERIOD)
    assert await house.held(token)
    house.said = IssuerUnavailable("down")
    house.clock.seconds += PERIOD
    assert not await house.held(token)


async def test_ATTACKS_44_pauses_differ_by_chance() -> None:
    ends = []
    for chance in (0.0, 0.5, 1.0):
        answers, clock = Answers({USERINFO: HttpStatus(500)}), Clock()
        confirmations = Confirmations(cast(JsonGet, answers), clock, lambda chance=chance: chance)
        for _ in range(2 * FIRST_PAUSE):
            assert not await confirmations.believed("t", "alice", NOW - PERIOD, USERINFO)
            if len(answers.asked) == 2:
                break
            clock.seconds += 1
        ends.append(clock.seconds - NOW)
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == 3
    assert ends[0] == FIRST_PAUSE


async def test_ATTACKS_44_requests_at_once_ask_once(house: House) -> None:
    token = house.visa(PERIOD)
    assert all(await asyncio.gather(*(house.held(token) for _ in range(20))))
    assert house.polls() == 1


async def test_ATTACKS_44_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.confirming.MAX_HELD", 3)
    confirmations = Confirmations(cast(JsonGet, Answers({USERINFO: {"sub": "alice"}})), Clock())
    for number in range(10):
        assert await confirmations.believed(str(number), "alice", NOW - PERIOD, USERINFO)
    assert len(confirmations._polls) == 3


REFUSED: dict[str, dict[str, Any]] = {
    "43 an issuer that is not trusted with access tokens": {"issuer": LINKER},
    "44 signed by another": {"header": {"typ": "at+jwt", "jku": None, "kid": "other"}},
    "44 jku of another": {"header": {"typ": "JWT", "jku": jku(LINKER)}},
    "44 expired": {"exp": NOW},
    "43 no openid and no jku": {"scope": "email"},
    "44 types are as strict as of document tokens": {"header": {"typ": "vnd.ga4gh.passport+jwt", "jku": None}},
    "44 scope of trust": {"said_value": f"{MEMBER}/datasets/HRA000001"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
async def test_ATTACKS_43_to_44_refused_and_sent_nowhere(house: House, changes: dict[str, Any]) -> None:
    said = {**GRANT, "header": {"typ": "at+jwt", "jku": None}, "scope": "openid", "iat": NOW - PERIOD, **changes}
    said = {"said_asserted": NOW - 2 * PERIOD, "exp": NOW + 600, **said}
    issuer = said.pop("issuer", FOREIGN)
    assert not await house.held(house.world.visa(issuer, **said))
    assert house.polls() == 0
