"""A member serves its side to a trusted gateway, for one body, once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from auth import jose
from auth.client_assertion import TYPE
from auth.keyset import SigningKey
from auth.policy import Floor
from federation.assertions import signer
from federation.pseudonyms import encode, fingerprint, new_nonce, unpack
from tests.federation.family import KEY, Family, MemberData, Person, family
from tests.federation.test_join import OPEN, clause, controlled

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Family]:
    people = [Person(f"HRI{n:06}", f"HRI{n:06}", {OPEN: ["HP:1"] if n < 30 else []}) for n in range(40)]
    data = {
        "gsa-human": MemberData(
            people, terms=["HP:1"], datasets=controlled(OPEN), floor=Floor(20, 10), partners={"obia": KEY}
        ),
        "other": MemberData(),
    }
    async with family(tmp_path_factory.mktemp("side"), data) as made:
        yield made


def body(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "question": {"all": [clause("HP:1")], "none": []},
        "granularity": "count",
        "partner": "obia",
        "nonce": encode(new_nonce(time.time())),
        "whole": encode(fingerprint("whole")),
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def claims_for(sent: dict[str, Any]) -> dict[str, Any]:
    caller = "authenticated" if "token" in sent else "anonymous"
    return {"question": encode(fingerprint(sent)), "caller": caller, "nonce": sent["nonce"]}


async def post(running: Family, sent: dict[str, Any], assertion: str | None, path: str = "side") -> httpx.Response:
    url = running.members["gsa-human"].url
    headers = {"Authorization": f"Bearer {assertion}"} if assertion else {}
    return await running.client.post(f"{url}/federation/v1/{path}", json=sent, headers=headers)


def signed(running: Family, sent: dict[str, Any], **claims: Any) -> str:
    sign = signer(running.url, running.keys)
    return sign(running.members["gsa-human"].url, {**claims_for(sent), **claims})


async def test_a_side_of_pseudonyms_and_nothing_else(running: Family) -> None:
    sent = body()
    answer = await post(running, sent, signed(running, sent))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert len(unpack(told["pseudonyms"])) == 30
    about = {"granularity", "exact", "suppressed", "floor", "datasets", "apart", "beside", "semiJoin", "keyCheck"}
    assert set(told) == {*about, "pseudonyms"}
    assert told["beside"] == [], "with its only condition a side is left out as a whole"
    assert told["floor"] == {"minimum": 20, "round_to": 10}


async def test_without_a_partner_a_number_under_the_floor(running: Family) -> None:
    sent = body(partner=None)
    told = (await post(running, sent, signed(running, sent))).json()
    assert (told["exists"], told["count"]) == (True, 30)
    assert "pseudonyms" not in told


async def test_a_side_below_the_members_floor_is_refused_whole(running: Family) -> None:
    for question in (
        {"all": [clause("HP:1"), clause("HP:2")], "none": []},
        {"all": [clause()], "none": [clause("HP:1")]},
    ):
        sent = body(question=question)
        told = (await post(running, sent, signed(running, sent))).json()
        assert told["suppressed"] is True
        assert not {"pseudonyms", "count", "exists"} & set(told)


async def test_a_side_is_paid_for_before_anybody_is_looked_at(running: Family) -> None:
    """A spent budget is a refusal that says nothing of the side; the question is not even put to the people."""
    asked: list[object] = []
    data = running.members["gsa-human"].data
    looked = type(data).individuals
    type(data).individuals = lambda self, question, caller: asked.append(question) or looked(self, question, caller)  # type: ignore[method-assign]
    try:
        sent = body(question={"all": [clause("SPENT:1")], "none": []})
        answer = await post(running, sent, signed(running, sent))
    finally:
        type(data).individuals = looked  # type: ignore[method-assign]
    assert answer.status_code == 403
    assert "budget" in answer.text
    assert asked == []


def _standard(running: Family) -> dict[str, Any]:
    now, gateway, member = int(time.time()), running.url, running.members["gsa-human"].url
    return {"iss": gateway, "sub": gateway, "aud": member, "iat": now, "exp": now + 60, "jti": encode(new_nonce(now))}


def _other_key(running: Family, sent: dict[str, Any]) -> str:
    return jose.sign({**_standard(running), **claims_for(sent)}, SigningKey.generate(), typ=TYPE)


def _own(running: Family, sent: dict[str, Any], **changes: Any) -> str:
    claims = {**_standard(running), **claims_for(sent), **changes}
    return jose.sign({k: v for k, v in claims.items() if v is not None}, running.keys.current(), typ=TYPE)


def _of_type(running: Family, sent: dict[str, Any]) -> str:
    return jose.sign({**_standard(running), **claims_for(sent)}, running.keys.current(), typ="at+jwt")


Attack = Callable[[Family, dict[str, Any]], str | None]
ATTACKS: list[tuple[str, Attack, int]] = [
    ("no assertion", lambda _r, _s: None, 401),
    ("a caller's token instead", lambda _r, _s: "opaque", 401),
    ("another key", _other_key, 401),
    ("another issuer", lambda r, s: _own(r, s, iss="https://evil.test", sub="https://evil.test"), 401),
    ("another subject", lambda r, s: _own(r, s, sub="https://evil.test"), 401),
    ("another member's", lambda r, s: _own(r, s, aud=r.members["other"].url), 401),
    ("two audiences", lambda r, s: _own(r, s, aud=[r.members["gsa-human"].url, r.members["other"].url]), 401),
    ("expired", lambda r, s: _own(r, s, iat=int(time.time()) - 120, exp=int(time.time()) - 60), 401),
    ("long-lived", lambda r, s: _own(r, s, exp=int(time.time()) + 3600), 401),
    ("of the future", lambda r, s: _own(r, s, iat=int(time.time()) + 600, exp=int(time.time()) + 660), 401),
    ("without an id", lambda r, s: _own(r, s, jti=None), 401),
    ("an access token's type", _of_type, 401),
    ("for another question", lambda r, s: signed(r, s, question=encode(fingerprint("other"))), 403),
    ("without a question", lambda r, s: _own(r, s, question=None), 403),
    ("for another caller", lambda r, s: signed(r, s, caller="authenticated"), 403),
    ("for another nonce", lambda r, s: signed(r, s, nonce=encode(new_nonce(time.time()))), 403),
]


async def test_attacks_on_the_assertion(running: Family) -> None:
    for name, make, status in ATTACKS:
        for path in ("side", "side/records"):
            sent = body() if path == "side" else {"accessions": ["HRI000001"], "nonce": encode(new_nonce(time.time()))}
            answer = await post(running, sent, make(running, sent), path)
            assert answer.status_code == status, (name, answer.text)
            assert "pseudonyms" not in answer.text


async def test_an_assertion_is_good_once_and_a_nonce_is_good_once(running: Family) -> None:
    sent = body()
    assertion = signed(running, sent)
    assert (await post(running, sent, assertion)).status_code == 200
    assert (await post(running, sent, assertion)).status_code == 401, "the same assertion"
    assert (await post(running, sent, signed(running, sent))).status_code == 409, "a fresh assertion, the same nonce"
    other = body(nonce=sent["nonce"], question={"all": [clause()], "none": []})
    answer = await post(running, other, signed(running, other))
    assert answer.status_code == 409, "another question under the nonce would make people comparable"
    assert "used before" in answer.json()["detail"]


async def test_old_and_future_nonces_are_refused(running: Family) -> None:
    for age in (61, 3600, -31):
        sent = body(nonce=encode(new_nonce(time.time() - age)))
        assert (await post(running, sent, signed(running, sent))).status_code == 409


async def test_a_stranger_is_no_partner_and_bad_bodies_are_named(running: Family) -> None:
    for changes, says in (
        ({"partner": "mars"}, "no key is shared"),
        ({"nonce": "short"}, "nonce"),
        ({"whole": "short"}, "whole"),
        ({"granularity": "all"}, "granularity"),
        ({"question": {"all": [clause("BAD:1")], "none": []}}, "BAD:1"),
    ):
        sent = body(**changes)
        answer = await post(running, sent, signed(running, sent))
        assert answer.status_code == 400, answer.text
        assert says in answer.json()["detail"]


async def test_the_callers_token_is_bound_to_the_assertion(running: Family) -> None:
    stolen = body(token="stolen")
    without = {name: value for name, value in stolen.items() if name != "token"}
    assert (await post(running, stolen, signed(running, without))).status_code == 403, "a token was put in"
    assert (await post(running, without, signed(running, stolen))).status_code == 403, "a token was taken out"
    assert (await post(running, stolen, signed(running, stolen))).status_code == 401, "and a bad one is no caller"


async def test_records_of_people_not_to_be_seen_are_absent(running: Family) -> None:
    sent = {"accessions": ["HRI000001", "HRI999999"], "nonce": encode(new_nonce(time.time()))}
    answer = await post(running, sent, signed(running, sent), "side/records")
    assert answer.json() == {"records": []}
