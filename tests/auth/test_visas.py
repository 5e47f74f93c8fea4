"""Our visas: their form (AAI-03, VIS-07), their life, and the signed status list."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from auth import jose, passport
from auth.committees import register_committee
from auth.dac import Dac
from auth.errors import InvalidToken
from auth.keys import KeyRing
from auth.policy import DatasetRule, Policy
from auth.trust import Broker, Trust, own
from auth.visas import LIFETIME, VisaIssuer, read_status
from tests.auth.world import BROKER, FOREIGN, MEMBER, NOW, Clock, person

RULE = DatasetRule("HRA000001", "controlled", "public", "DAC1")
ALICE, DORA = person("alice", expires=NOW + 10**9), person("dora", expires=NOW + 10**9)


class Office:
    """A DAC and a visa issuer over one database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.clock = clock
        register_committee(engine, "DAC1", "First", {"dora": ""}, NOW)
        self.ring = KeyRing(engine, clock)
        self.dac = Dac(engine, BROKER, {"HRA000001": RULE}.get, MEMBER, clock)
        self.issuer = VisaIssuer(MEMBER, engine, self.ring, clock)

    def grant(self, days: int = 30) -> str:
        request = self.dac.create(ALICE, "HRA000001", "to learn").id
        self.dac.command(ALICE, request, "submit")
        self.dac.command(DORA, request, "approve", days=days)
        return request


@pytest.fixture
def office(auth_engine: Engine, clock: Clock) -> Office:
    return Office(auth_engine, clock)


def test_AAI_03_VIS_07_form_of_a_visa(office: Office) -> None:
    office.grant()
    (token,) = office.issuer.for_subject("alice")
    visa = jose.verify(token, office.ring.key_set(), typ={"vnd.ga4gh.visa+jwt"}, now=NOW)
    assert dict(visa.header) == {
        "typ": "vnd.ga4gh.visa+jwt",
        "alg": "ES256",
        "kid": office.ring.current().kid,
        "jku": f"{MEMBER}/.well-known/jwks.json",
    }
    said = visa.claims["ga4gh_visa_v1"]
    assert said == {
        "type": "ControlledAccessGrants",
        "asserted": NOW,
        "value": f"{MEMBER}/datasets/HRA000001",
        "source": f"{MEMBER}/dac/DAC1",
        "by": "dac",
    }
    assert {name: visa.claims[name] for name in ("iss", "sub", "iat", "exp")} == {
        "iss": MEMBER,
        "sub": "alice",
        "iat": NOW,
        "exp": NOW + LIFETIME,
    }
    assert "scope" not in visa.claims
    assert office.issuer.for_subject("bob") == []


def test_a_visa_never_outlives_its_grant(office: Office) -> None:
    office.grant(days=1)
    office.clock.seconds = NOW + 86400 - 10
    (token,) = office.issuer.for_subject("alice")
    assert jose.unverified(token).claims["exp"] == NOW + 86400
    office.clock.seconds = NOW + 86400
    assert office.issuer.for_subject("alice") == []


def test_from_decision_to_access_to_revocation(office: Office) -> None:
    """Grant → visa → clearinghouse → policy, and refusal with the next request after the revocation."""
    request = office.grant()
    trust = Trust.of((Broker(BROKER),), (own(MEMBER, BROKER),))
    policy = Policy(MEMBER, office.issuer.in_force)

    def visas() -> tuple[passport.Visa, ...]:
        found = passport.candidates(office.issuer.for_subject("alice"), trust)
        checked = [passport.verify_visa(one, office.ring.key_set(), office.clock()) for one in found]
        return passport.combine(("alice", BROKER), [visa for visa in checked if visa], trust)

    held = visas()
    decision = policy.fetch(person("alice", *held), RULE, NOW)
    assert decision.allowed
    assert office.issuer.in_force(decision.grants) == set(decision.grants)
    assert not policy.fetch(person("bob"), RULE, NOW).allowed
    office.dac.command(DORA, request, "revoke")
    assert policy.fetch(person("alice", *held), RULE, NOW).reason == "grant_not_in_force"
    assert office.issuer.in_force(decision.grants) == frozenset()
    assert visas() == ()


def test_ATTACKS_67_the_status_list_names_what_was_revoked(office: Office) -> None:
    request = office.grant()
    jti = jose.unverified(office.issuer.for_subject("alice")[0]).claims["jti"]
    assert read_status(office.issuer.status(), MEMBER, office.ring.key_set(), NOW).revoked == frozenset()
    office.dac.command(DORA, request, "revoke")
    office.clock.seconds = NOW + LIFETIME
    assert read_status(office.issuer.status(), MEMBER, office.ring.key_set(), office.clock()).revoked == {jti}
    office.clock.seconds = NOW + LIFETIME + jose.SKEW
    assert read_status(office.issuer.status(), MEMBER, office.ring.key_set(), office.clock()).revoked == frozenset()


def test_ATTACKS_67_a_status_list_is_believed_for_a_minute_and_from_its_issuer(office: Office) -> None:
    listed, keys = office.issuer.status(), office.ring.key_set()
    assert read_status(listed, MEMBER, keys, NOW + 59).revoked == frozenset()
    for issuer, now in ((MEMBER, NOW + 60), (FOREIGN, NOW)):
        with pytest.raises(InvalidToken):
            read_status(listed, issuer, keys, now)
    key = office.ring.current()
    for claims in (
        {"iss": MEMBER, "iat": NOW, "exp": NOW + 61, "revoked": []},
        {"iss": MEMBER, "iat": NOW, "exp": NOW + 60},
        {"iss": MEMBER, "iat": NOW, "exp": NOW + 60, "revoked": [1]},
    ):
        with pytest.raises(InvalidToken):
            read_status(jose.sign(claims, key, typ="visa-status+jwt"), MEMBER, keys, NOW)
    with pytest.raises(InvalidToken):
        read_status(jose.sign({**claims, "revoked": []}, key, typ="at+jwt"), MEMBER, keys, NOW)
