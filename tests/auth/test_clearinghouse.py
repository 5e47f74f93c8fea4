"""The clearinghouse end to end: rows 10, 13, 14, 24, 25, 36, 42 and 60 of the attack table; CLH-04, CLH-05."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from auth.caller import ANONYMOUS
from auth.clearinghouse import CACHE_SECONDS, Clearinghouse
from auth.errors import InvalidToken, IssuerUnavailable, TokenTooLarge
from auth.http import HttpStatus, JsonGet
from auth.jwks import Jwks
from auth.trust import Broker, Trust, jku
from tests.auth.world import BROKER, FOREIGN, MEMBER, NOW, STRANGER, Answers, Clock, World, sign

USERINFO = f"{BROKER}/userinfo"
FOREIGN_GRANT = {"said_value": f"{MEMBER}/datasets/HRA000009", "said_source": f"{FOREIGN}/dac/DAC1"}


class House:
    """A clearinghouse before a broker and issuers that answer from a table."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.userinfo: Any = {"sub": "alice", "name": "Alice", "ga4gh_passport_v1": [world.visa()]}
        tables: dict[str, Any | Callable[[Mapping[str, str]], Any]] = {
            jku(issuer): {"keys": [key.public_jwk()]} for issuer, key in world.keys.items()
        }
        tables[USERINFO] = lambda headers: self.userinfo
        self.answers = Answers(tables)
        http = cast(JsonGet, self.answers)
        self.clearinghouse = Clearinghouse(MEMBER, world.trust, Jwks(http, now=clock), http, clock)

    def trust(self, *brokers: Broker) -> None:
        """Believe these brokers, and the issuers as before."""
        trust = Trust.of(brokers, tuple(self.world.trust.issuers.values()))
        http = cast(JsonGet, self.answers)
        self.clearinghouse = Clearinghouse(MEMBER, trust, Jwks(http, now=self.clock), http, self.clock)

    def token(self, issuer: str = BROKER, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "iss": issuer,
            "sub": "alice",
            "iat": NOW - 5,
            "exp": NOW + 300,
            "aud": ["portal"],
            "client_id": "portal",
            "scope": "openid ga4gh_passport_v1",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return "Bearer " + sign(claims, self.world.keys[issuer], {"typ": "at+jwt", **(header or {})})

    def asked(self, url: str) -> int:
        return self.answers.asked.count(url)


@pytest.fixture
def house(world: World, clock: Clock) -> House:
    return House(world, clock)


async def test_a_bearer_token_becomes_a_caller_with_visas(house: House) -> None:
    caller = await house.clearinghouse.bearer(house.token())
    assert (caller.subject, caller.issuer, caller.client, caller.name) == ("alice", BROKER, "portal", "Alice")
    assert caller.expires == NOW + 300
    assert [visa.value for visa in caller.visas] == [f"{MEMBER}/datasets/HRA000001"]


async def test_nobody_is_anonymous(house: House) -> None:
    assert await house.clearinghouse.bearer(None) is ANONYMOUS
    assert await house.clearinghouse.passports([]) is ANONYMOUS


BAD_TOKENS: dict[str, dict[str, Any]] = {
    "10 id token": {"header": {"typ": "JWT"}},
    "10 visa": {"header": {"typ": "vnd.ga4gh.visa+jwt"}},
    "10 passport": {"header": {"typ": "vnd.ga4gh.passport+jwt"}},
    "10 client assertion": {"header": {"typ": "client-authentication+jwt"}},
    "11 expired": {"exp": NOW},
    "13 broker not trusted": {"issuer": STRANGER},
    "13 visa issuer as broker": {"issuer": MEMBER},
    "13 signed by another": {"issuer": STRANGER, "iss": BROKER},
    "45 carries a passport": {"ga4gh_passport_v1": []},
    "45 carries a visa": {"ga4gh_visa_v1": {}},
    "46 for another member": {"aud": "https://obia.example"},
    "46 for another member and a client": {"aud": ["https://obia.example", "gateway"]},
    "46 near match": {"aud": f"{MEMBER}/"},
    "46 audience a number": {"aud": 1},
    "46 audience a list of numbers": {"aud": [1]},
    "56 bound to a key": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    "57 bound to a certificate": {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
    "-- scope lacks openid": {"scope": "ga4gh_passport_v1"},
    "-- no scope": {"scope": None},
    "-- no subject": {"sub": None},
    "-- subject a list": {"sub": ["alice"]},
}


@pytest.mark.parametrize("changes", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
async def test_ATTACKS_10_46_access_token_refused_before_the_broker_is_asked(
    house: House, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(house.token(**changes))
    assert house.asked(USERINFO) == 0


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "token", "Bearer a b", "Bearer \u00e9", "DPoP x"]
)
async def test_malformed_header(house: House, header: str) -> None:
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(header)


@pytest.mark.parametrize("scheme", ["DPoP", "Basic", "Token", "Bear", ""])
async def test_ATTACKS_56_a_good_token_under_another_scheme(house: House, scheme: str) -> None:
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(house.token().replace("Bearer", scheme, 1))
    assert house.asked(USERINFO) == 0


async def test_a_token_for_this_member_is_accepted(house: House) -> None:
    for audience in (MEMBER, [MEMBER, "gateway"], "portal", None):
        assert (await house.clearinghouse.bearer(house.token(aud=audience, jti=str(audience)))).subject == "alice"


async def test_userinfo_of_somebody_else_is_refused(house: House) -> None:
    house.userinfo = {"sub": "bob", "ga4gh_passport_v1": []}
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(house.token())


@pytest.mark.parametrize(
    ("status", "error"), [(401, InvalidToken), (403, InvalidToken), (500, IssuerUnavailable), (302, IssuerUnavailable)]
)
async def test_ATTACKS_36_the_broker_has_the_last_word(house: House, status: int, error: type[Exception]) -> None:
    """A revoked token, though its signature holds, is refused."""
    house.userinfo = HttpStatus(status)
    with pytest.raises(error):
        await house.clearinghouse.bearer(house.token())


async def test_no_passport_claim_is_a_caller_without_visas(house: House) -> None:
    house.userinfo = {"sub": "alice"}
    assert (await house.clearinghouse.bearer(house.token(scope="openid"))).visas == ()


@pytest.mark.parametrize("claim", ["x", {"a": 1}, [1], ["a" * 40_000], ["v"] + [str(i) for i in range(1001)]])
async def test_ATTACKS_42_odd_passport_claim(house: House, claim: Any) -> None:
    house.userinfo = {"sub": "alice", "ga4gh_passport_v1": claim}
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(house.token())


async def test_CLH_05_cached_at_most_60_s_and_never_past_an_expiry(house: House, world: World) -> None:
    token = house.token()
    await house.clearinghouse.bearer(token)
    house.clock.seconds += CACHE_SECONDS - 1
    await house.clearinghouse.bearer(token)
    assert house.asked(USERINFO) == 1
    house.clock.seconds += 1
    await house.clearinghouse.bearer(token)
    assert house.asked(USERINFO) == 2
    house.userinfo = {"sub": "alice", "ga4gh_passport_v1": [world.visa(exp=house.clock() + 10)]}
    other = house.token(jti="other")
    assert (await house.clearinghouse.bearer(other)).visas
    house.clock.seconds += 10
    assert not (await house.clearinghouse.bearer(other)).visas
    house.clock.seconds = NOW + 300
    with pytest.raises(InvalidToken):
        await house.clearinghouse.bearer(token)


async def test_the_cache_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.clearinghouse.CACHE_SIZE", 3)
    for number in range(10):
        await house.clearinghouse.bearer(house.token(jti=str(number)))
    assert len(house.clearinghouse._cache) == 3


async def test_ATTACKS_24_cached_per_request_and_never_accumulated(house: House, world: World) -> None:
    mine = world.passport([world.visa()])
    other = world.passport([world.visa(sub="bob", jti="g2")], sub="bob")
    assert (await house.clearinghouse.passports([mine])).subject == "alice"
    assert [v.jti for v in (await house.clearinghouse.passports([other])).visas] == ["g2"]
    both = await house.clearinghouse.passports([mine, other])
    assert [visa.jti for visa in both.visas] == ["g1"]
    assert [v.jti for v in (await house.clearinghouse.passports([mine])).visas] == ["g1"]


async def test_ATTACKS_25_one_bad_passport_rejects_all(house: House, world: World) -> None:
    good = world.passport([world.visa()])
    head, body, _ = good.split(".")
    for bad in (
        world.passport([], issuer=STRANGER),
        world.passport([], exp=NOW),
        f"{head}.{body}.{world.passport([], sub='bob').split('.')[2]}",
        world.visa(),
        "x",
        "",
        "\ud800",
        f"{good}\0{good}",
    ):
        for sent in ([good, bad], [bad, good]):
            with pytest.raises(InvalidToken):
                await house.clearinghouse.passports(sent)


async def test_bad_visas_cost_only_themselves(house: House, world: World) -> None:
    sent = [world.visa(STRANGER), "x", world.visa(exp=NOW), world.visa(header={"kid": "other"}), world.visa()]
    assert [visa.jti for visa in (await house.clearinghouse.passports([world.passport(sent)])).visas] == ["g1"]


async def test_ATTACKS_14_untrusted_key_urls_are_never_asked(house: House, world: World) -> None:
    evil = [
        world.visa(header={"jku": url})
        for url in (jku(STRANGER), jku(FOREIGN), "http://169.254.169.254/", "http://[::1]/", "file:///etc/passwd")
    ]
    caller = await house.clearinghouse.passports([world.passport([*evil, world.visa(STRANGER)])])
    assert caller.visas == ()
    assert set(house.answers.asked) == {jku(BROKER)}


async def test_ATTACKS_36_an_issuer_without_keys_fails_closed_for_its_visas_only(house: House, world: World) -> None:
    house.answers.answers[jku(FOREIGN)] = IssuerUnavailable("down")
    foreign = world.visa(FOREIGN, **FOREIGN_GRANT)
    caller = await house.clearinghouse.passports([world.passport([foreign, world.visa()])])
    assert [visa.issuer for visa in caller.visas] == [MEMBER]


async def test_ATTACKS_36_a_broker_without_keys_fails_closed(house: House, world: World) -> None:
    house.answers.answers[jku(BROKER)] = IssuerUnavailable("down")
    with pytest.raises(IssuerUnavailable):
        await house.clearinghouse.passports([world.passport([world.visa()])])
    with pytest.raises(IssuerUnavailable):
        await house.clearinghouse.bearer(house.token())


async def test_ATTACKS_42_counts_are_bounded(house: House, world: World) -> None:
    with pytest.raises(TokenTooLarge):
        await house.clearinghouse.passports([world.passport([])] * 21)
    many = [world.passport([f"{n}.{i}" for i in range(600)]) for n in range(2)]
    with pytest.raises(TokenTooLarge):
        await house.clearinghouse.passports(many)


async def test_CLH_07_a_token_goes_to_its_own_broker_and_to_nobody_else(house: House, world: World) -> None:
    """Not to the other broker, not to the issuers of the visas, whose keys are fetched without it."""
    other = "https://other-broker.example"
    house.world.keys[other] = house.world.keys[STRANGER]
    house.trust(Broker(BROKER), Broker(other))
    house.answers.answers[jku(other)] = {"keys": [house.world.keys[other].public_jwk()]}
    house.answers.answers[f"{other}/userinfo"] = {"sub": "alice", "ga4gh_passport_v1": []}
    house.userinfo = {"sub": "alice", "ga4gh_passport_v1": [world.visa(), world.visa(FOREIGN, **FOREIGN_GRANT)]}
    ours, theirs = house.token(), house.token(other, client_id="c")
    await house.clearinghouse.bearer(ours)
    await house.clearinghouse.bearer(theirs)
    assert jku(FOREIGN) in house.answers.asked
    assert house.answers.sent == [(USERINFO, ours), (f"{other}/userinfo", theirs)]
    await house.clearinghouse.passports([world.passport([world.visa(FOREIGN, **FOREIGN_GRANT)])])
    assert len(house.answers.sent) == 2


async def test_ATTACKS_60_no_token_reaches_the_log(house: House, world: World) -> None:
    sent = [world.visa(STRANGER), world.visa(exp=NOW), "x.y.z", world.visa(header={"kid": "other"})]
    house.userinfo = {"sub": "alice", "ga4gh_passport_v1": sent}
    token = house.token()
    with capture_logs() as logs:
        await house.clearinghouse.bearer(token)
    text = str(logs)
    assert len(logs) == 4
    assert not [
        secret for secret in (*sent[:2], sent[3], token.split()[1]) if secret in text or secret.split(".")[2] in text
    ]
