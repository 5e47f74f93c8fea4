"""Access tokens of other brokers, JWT and opaque, and signatures that need not be verified twice (CLH-05, CLH-07)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from auth import passport
from auth.clearinghouse import CACHE_SECONDS, Clearinghouse
from auth.errors import InvalidToken
from auth.http import HttpStatus, JsonGet
from auth.jwks import Jwks
from auth.keyset import KeySet, SigningKey
from auth.signatures import Signatures
from auth.trust import Broker, Trust, jku
from tests.auth.world import BROKER, FOREIGN, MEMBER, NOW, Answers, Clock, World, link, sign

OTHER = "https://login.other.example"
USERINFO = f"{OTHER}/oidc/userinfo"
GRANT = {"said_value": f"{MEMBER}/datasets/HRA000009", "said_source": f"{FOREIGN}/dac/DAC1"}
OPAQUE = "mF_9.B5f-4.1JqM~x/+=="


class House:
    """A clearinghouse that takes opaque and JWT access tokens of another broker."""

    def __init__(self, world: World, clock: Clock, **changes: Any) -> None:
        self.world, self.clock = world, clock
        self.key = SigningKey.generate()
        tables: dict[str, Any] = {jku(name): {"keys": [key.public_jwk()]} for name, key in world.keys.items()}
        tables[jku(OTHER)] = {"keys": [self.key.public_jwk()]}
        self.said: Any = {"sub": "bob", "name": "Bob", "ga4gh_passport_v1": [world.visa(FOREIGN, sub="bob", **GRANT)]}
        tables[USERINFO] = lambda headers: self.said
        tables[f"{BROKER}/userinfo"] = {"sub": "bob", "ga4gh_passport_v1": []}
        self.answers = Answers(tables)
        http = cast(JsonGet, self.answers)
        given = {"opaque": True, "token_types": ("at+jwt", "jwt"), **changes}
        brokers = (Broker(BROKER), Broker(OTHER, jku(OTHER), USERINFO, **given))
        trust = Trust.of(brokers, tuple(world.trust.issuers.values()))
        self.clearinghouse = Clearinghouse(MEMBER, trust, Jwks(http, now=clock), http, clock)

    def token(self, typ: str, **changes: Any) -> str:
        claims = {"iss": OTHER, "sub": "bob", "iat": NOW, "exp": NOW + 300, "scope": "openid ga4gh_passport_v1"}
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return "Bearer " + sign(claims, self.key, {"typ": typ})


@pytest.fixture
def house(world: World, clock: Clock) -> House:
    return House(world, clock)


async def test_AAI_11_an_opaque_token_is_resolved_at_its_broker(house: House) -> None:
    caller = await house.clearinghouse.bearer(f"Bearer {OPAQUE}")
    assert (caller.subject, caller.issuer, caller.name, caller.expires) == ("bob", OTHER, "Bob", NOW + CACHE_SECONDS)
    assert house.answers.sent == [(USERINFO, f"Bearer {OPAQUE}")]
    # The foreign issuer's subjects are its own: bob there is not bob at the broker.
    assert caller.visas == ()


async def test_CLH_07_an_opaque_token_is_shown_to_nobody_where_no_broker_is_named_for_it(
    world: World, clock: Clock
) -> None:
    house = House(world, clock, opaque=False)
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(f"Bearer {OPAQUE}")
    assert house.answers.asked == []


@pytest.mark.parametrize("token", ["a b", "a\x00b", "\u00e9", "a" * 9000, "=", "a=b", "x,y", '"x"', "a\\b"])
async def test_row_60_characters_that_no_bearer_token_has_are_sent_nowhere(house: House, token: str) -> None:
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(f"Bearer {token}")
    assert house.answers.asked == []


@pytest.mark.parametrize("said", [{}, {"sub": ""}, {"sub": 7}, {"sub": "a" * 300}, HttpStatus(401), HttpStatus(403)])
async def test_row_36_what_the_broker_does_not_know_is_nobody(house: House, said: Any) -> None:
    house.said = said
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(f"Bearer {OPAQUE}")


@pytest.mark.parametrize("typ", ["at+jwt", "JWT"])
async def test_AAI_01_jwts_of_another_broker_by_either_type(house: House, typ: str) -> None:
    assert (await house.clearinghouse.bearer(house.token(typ))).issuer == OTHER


@pytest.mark.parametrize(
    "changes",
    [{"scope": None, "nonce": "n"}, {"ga4gh_passport_v1": []}, {"aud": "https://obia.example"}, {"sub": "eve"}],
    ids=["an id_token", "with visas", "for another node", "of somebody else"],
)
async def test_row_10_a_broker_whose_tokens_are_plain_jwts_is_no_way_around(
    house: House, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(house.token("JWT", **changes))


async def test_row_10_our_own_broker_has_typed_tokens_only(house: House, world: World) -> None:
    claims = {"iss": BROKER, "sub": "bob", "iat": NOW, "exp": NOW + 300, "scope": "openid"}
    token = sign(claims, world.keys[BROKER], {"typ": "JWT"})
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(f"Bearer {token}")


def test_two_brokers_never_see_the_same_opaque_token() -> None:
    with pytest.raises(ValueError, match="only one broker"):
        Trust.of((Broker(BROKER, opaque=True), Broker(OTHER, opaque=True)), ())


async def test_updated_visas_replace_those_before(house: House, world: World) -> None:
    token = f"Bearer {OPAQUE}"
    joined = link(world, "bob,https%3A%2F%2Flogin.other.example;bob,https%3A%2F%2Fdac.other.example", sub="x")
    house.said["ga4gh_passport_v1"].append(joined)
    assert {visa.issuer for visa in (await house.clearinghouse.bearer(token)).visas} >= {FOREIGN}
    house.clock.seconds += CACHE_SECONDS
    house.said["ga4gh_passport_v1"] = []
    assert (await house.clearinghouse.bearer(token)).visas == ()


def verified(world: World, token: str, keys: KeySet, seen: Signatures, now: int = NOW) -> bool:
    (candidate,) = passport.candidates([token], world.trust)
    return passport.verify_visa(candidate, keys, now, seen) is not None


def test_a_signature_that_verified_is_not_verified_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, keys, token = Signatures(), world.key_set(MEMBER), world.visa()
    assert verified(world, token, keys, seen)
    monkeypatch.setattr("auth.jose._check_signature", lambda token, key: pytest.fail("verified again"))
    assert verified(world, token, KeySet.of(world.keys[MEMBER]), seen)
    # Times and trust are judged anew.
    assert not verified(world, token, keys, seen, now=NOW + 600)
    with pytest.raises(pytest.fail.Exception, match="verified again"):
        verified(world, world.visa(jti="other"), keys, seen)


def test_row_18_a_remembered_signature_dies_with_its_key(world: World) -> None:
    """Also where another key takes the same name."""
    seen, token, kid = Signatures(), world.visa(), world.keys[MEMBER].kid
    assert verified(world, token, world.key_set(MEMBER), seen)
    assert not verified(world, token, KeySet({}), seen)
    other = KeySet.load({"keys": [{**SigningKey.generate().public_jwk(), "kid": kid}]})
    assert not verified(world, token, other, seen)


def test_row_09_a_changed_token_is_another_one(world: World) -> None:
    seen, keys = Signatures(), world.key_set(MEMBER)
    head, body, signature = world.visa().split(".")
    assert verified(world, f"{head}.{body}.{signature}", keys, seen)
    other = world.visa(said_value=f"{MEMBER}/datasets/HRA000002").split(".")[1]
    assert not verified(world, f"{head}.{other}.{signature}", keys, seen)
    assert len(seen) == 1


def test_row_42_remembered_signatures_are_bounded() -> None:
    seen = Signatures(3)
    for number in range(10):
        seen.remember(f"{number}.b.c", "k")
    assert len(seen) == 3
    assert seen.holds("9.b.c", "k")
    assert not seen.holds("0.b.c", "k")
