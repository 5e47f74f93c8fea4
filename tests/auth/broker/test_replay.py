"""A hostile member replays everything it was sent, everywhere else, and gets nothing (rows 10, 23, 46; CLH-07).

Real tokens of a running broker; ``human`` is hostile, ``omix`` another member with a clearinghouse of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from adapters.catalog.engine import connect
from auth import client_assertion
from auth.clearinghouse import Clearinghouse
from auth.client_assertion import Assertions
from auth.errors import InvalidToken
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.trust import Broker, Trust, TrustEntry
from tests.auth.broker.running import ACCESS, ASSERTION, PASSPORT, Browser, Member, Running
from tests.auth.broker.test_tokens import Members, exchange, for_member
from tests.auth.conftest import tables


@dataclass
class Sent:
    """What the hostile member was sent, by what it is."""

    tokens: dict[str, str]
    passports: dict[str, str]
    assertions: dict[str, str]


@pytest.fixture
def sent(browser: Browser, ming: str, members: Members) -> Sent:
    """Everything that reaches a member: from the gateway, a person's command line, the broker and the sign-in."""
    human, omix = members
    broker = browser.broker
    human.visas, omix.visas = [human.visa(ming)], [omix.visa(ming)]
    whole = browser.tokens()
    narrowed = exchange(broker, whole["access_token"], requested_token_type=ACCESS, audience=human.url).json()
    by_gateway = for_member(broker, members, whole["access_token"]).json()
    passport = exchange(broker, whole["access_token"], audience=human.url).json()["access_token"]
    broker.userinfo(narrowed["access_token"])
    callback = f"{human.url}/callback"
    code = browser.code(client_id=human.url, redirect_uri=callback)["code"]
    proof = {"client_assertion_type": ASSERTION, "client_assertion": human.assertion(human.url, broker.url)}
    identity = browser.redeem(code, human.url, callback, **proof).json()["id_token"]
    gateway = client_assertion.make("http://127.0.0.1:1", human.url, human.key, broker.clock())
    return Sent(
        {"by the gateway": by_gateway["access_token"], "by a person": narrowed["access_token"], "id_token": identity},
        {"a Passport": passport},
        {"of the broker": human.asked[-1].removeprefix("Bearer "), "of the gateway": gateway},
    )


@contextmanager
def house(member: Member, broker: Running, human: Member) -> Iterator[tuple[Clearinghouse, JsonGet]]:
    """The clearinghouse of a member, over real connections."""
    http = JsonGet()
    entries = tuple(
        TrustEntry(one.url, f"{one.url}/jwks", (f"{one.url}/dac/1",), (f"{one.url}/datasets/",), subjects_of=broker.url)
        for one in (member, human)
    )
    yield Clearinghouse(member.url, Trust.of((Broker(broker.url),), entries), Jwks(http), http), http


@pytest.fixture
async def elsewhere(members: Members, broker: Running) -> AsyncIterator[Clearinghouse]:
    human, omix = members
    with house(omix, broker, human) as (made, http):
        yield made
    await http.close()


@pytest.fixture
async def here(members: Members, broker: Running) -> AsyncIterator[Clearinghouse]:
    human, omix = members
    with house(human, broker, omix) as (made, http):
        yield made
    await http.close()


async def test_what_was_sent_is_good_where_it_was_sent(
    sent: Sent, here: Clearinghouse, ming: str, members: Members
) -> None:
    human, _ = members
    for name in ("by the gateway", "by a person"):
        caller = await here.bearer(f"Bearer {sent.tokens[name]}")
        assert (caller.subject, {visa.issuer for visa in caller.visas}) == (ming, {human.url})
    caller = await here.passports([sent.passports["a Passport"]])
    assert (caller.subject, {visa.issuer for visa in caller.visas}) == (ming, {human.url})


async def test_CLH_07_ATTACKS_46_at_another_member_it_is_nobody(sent: Sent, elsewhere: Clearinghouse) -> None:
    everything = {**sent.tokens, **sent.passports, **sent.assertions}
    for name, token in everything.items():
        with pytest.raises(InvalidToken):
            await elsewhere.bearer(f"Bearer {token}")
        with pytest.raises(InvalidToken):
            await elsewhere.passports([token])
        assert name


async def test_ATTACKS_23_its_visas_are_nobodys_in_a_passport_of_its_own(
    sent: Sent, elsewhere: Clearinghouse, members: Members
) -> None:
    """The hostile member is an issuer that the other trusts, and no broker."""
    from auth import jose

    human, omix = members
    claims = {"iss": human.url, "sub": "x", "iat": 1, "exp": 2**33, "ga4gh_passport_v1": [*human.visas, *omix.visas]}
    forged = jose.sign(claims, human.key, typ="vnd.ga4gh.passport+jwt")
    with pytest.raises(InvalidToken, match="not trusted"):
        await elsewhere.passports([forged])


def _proof(broker: Running, human: Member) -> dict[str, str]:
    return {"client_assertion_type": ASSERTION, "client_assertion": human.assertion(human.url, broker.url)}


def test_row_46_at_the_broker_it_becomes_no_other_token(sent: Sent, broker: Running, members: Members) -> None:
    human, omix = members
    for token in {**sent.tokens, **sent.passports, **sent.assertions}.values():
        for wanted, audience in ((PASSPORT, None), (ACCESS, omix.url), (ACCESS, human.url), (PASSPORT, omix.url)):
            for more in ({"client_id": "cli"}, {"client_id": None, **_proof(broker, human)}):
                refused = exchange(broker, token, requested_token_type=wanted, audience=audience, **more)
                assert refused.status_code in (400, 401)
                assert "access_token" not in refused.json()


def test_row_46_at_userinfo_it_says_no_more_than_to_its_member(sent: Sent, broker: Running, members: Members) -> None:
    human, _ = members
    for name, token in {**sent.tokens, **sent.passports, **sent.assertions}.items():
        answer = broker.userinfo(token)
        if name in ("by the gateway", "by a person"):
            assert answer.json()["ga4gh_passport_v1"] == human.visas
        else:
            assert answer.status_code == 401


def test_row_46_it_authenticates_nobody(sent: Sent, broker: Running, members: Members) -> None:
    for token in {**sent.tokens, **sent.passports, **sent.assertions}.values():
        fields = {"grant_type": "refresh_token", "refresh_token": "x"}
        answer = broker.post("token", **fields, client_assertion_type=ASSERTION, client_assertion=token)
        assert answer.json()["error"] == "invalid_client"
        told = broker.post("introspect", token=token, client_assertion_type=ASSERTION, client_assertion=token)
        assert told.json()["error"] == "invalid_client"


@pytest.fixture
def engine_of_visas(tmp_path: Path) -> Iterator[Engine]:
    opened = connect(f"sqlite:///{tmp_path}/visas.db")
    tables(opened)
    yield opened
    opened.dispose()


async def test_row_73_at_another_visa_issuer_it_is_not_the_broker(
    sent: Sent, broker: Running, members: Members, engine_of_visas: Engine
) -> None:
    """The broker's own assertion, which the hostile member was sent, was made for the hostile member alone."""
    human, omix = members
    http = JsonGet()
    callers = {broker.url: f"{broker.url}/.well-known/jwks.json"}
    door = Assertions(engine_of_visas, omix.url, callers, Jwks(http))
    for token in {**sent.tokens, **sent.passports, **sent.assertions}.values():
        with pytest.raises(InvalidToken):
            await door.verify(f"Bearer {token}")
    own = Assertions(engine_of_visas, human.url, callers, Jwks(http))
    assert await own.verify(f"Bearer {sent.assertions['of the broker']}") == broker.url
    with pytest.raises(InvalidToken, match="before"):
        await own.verify(f"Bearer {sent.assertions['of the broker']}")
    await http.close()


@pytest.mark.parametrize("audience", ["https://other.example", "http://127.0.0.1", ""])
def test_row_46_no_token_for_a_node_that_is_not_known(browser: Browser, audience: str) -> None:
    token = browser.tokens()["access_token"]
    for wanted in (PASSPORT, ACCESS):
        refused = exchange(browser.broker, token, requested_token_type=wanted, audience=audience)
        assert refused.json()["error"] == "invalid_target"


def test_row_46_a_client_narrows_its_own_tokens_only(browser: Browser, members: Members) -> None:
    token = browser.tokens()["access_token"]
    other = exchange(
        browser.broker, token, client_id="spa", requested_token_type=ACCESS, audience=members[0].url
    ).json()
    assert other["error"] == "invalid_target"
