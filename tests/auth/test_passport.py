"""Visas and passports under attack: rows 12 to 23, 33 to 43 of the attack table."""

from __future__ import annotations

from typing import Any

import pytest

from auth import identities, jose, passport
from auth.errors import InvalidToken, TokenTooLarge
from auth.trust import Broker, Trust, TrustEntry, jku
from tests.auth.world import A_BROKER, B_FOREIGN, BROKER, FOREIGN, LINKER, MEMBER, NOW, STRANGER, World, link

FOREIGN_GRANT = {"said_value": f"{MEMBER}/datasets/HRA000009", "said_source": f"{FOREIGN}/dac/DAC1"}

IGNORED: dict[str, dict[str, Any]] = {
    "13 issuer not trusted": {"issuer": STRANGER},
    "13 trusted issuer named, key of another": {"issuer": STRANGER, "iss": MEMBER, "header": {"jku": jku(MEMBER)}},
    "13 source not trusted": {"said_source": f"{FOREIGN}/dac/DAC1"},
    "13 source of the foreign issuer not trusted": {
        "issuer": FOREIGN,
        **FOREIGN_GRANT,
        "said_source": f"{MEMBER}/dac/D",
    },
    "14 jku absent": {"header": {"jku": None}},
    "14 jku of a stranger": {"header": {"jku": jku(STRANGER)}},
    "14 jku trusted for another issuer": {"header": {"jku": jku(FOREIGN)}},
    "15 jku to the cloud's metadata": {"header": {"jku": "http://169.254.169.254/latest"}},
    "15 jku to this machine": {"header": {"jku": "http://[::1]/jwks"}},
    "15 jku a file": {"header": {"jku": "file:///etc/passwd"}},
    "15 jku data": {"header": {"jku": "data:application/json,{}"}},
    "15 jku a list": {"header": {"jku": [jku(MEMBER)]}},
    "15 jku with a user": {"header": {"jku": "https://human.example@evil.example/.well-known/jwks.json"}},
    "16 iss with a slash": {"iss": f"{MEMBER}/"},
    "16 iss in capitals": {"iss": "https://HUMAN.example"},
    "16 iss with an encoded dot": {"iss": "https://human%2eexample"},
    "16 jku with dot segments": {"header": {"jku": f"{MEMBER}/x/../.well-known/jwks.json"}},
    "16 jku with a slash": {"header": {"jku": jku(MEMBER) + "/"}},
    "16 jku in capitals": {"header": {"jku": jku(MEMBER).upper()}},
    "17 grants the data set of another": {
        "issuer": FOREIGN,
        **FOREIGN_GRANT,
        "said_value": f"{MEMBER}/datasets/HRA000001",
    },
    "17 member grants what is not its own": {"said_value": f"{FOREIGN}/datasets/X1"},
    "17 type its issuer is not trusted with": {"said_type": "AffiliationAndRole", "said_value": "faculty@x.example"},
    "33 asserted after iat": {"said_asserted": NOW - 9},
    "33 asserted text": {"said_asserted": str(NOW - 100)},
    "33 asserted zero": {"said_asserted": 0},
    "33 asserted negative": {"said_asserted": -1},
    "33 asserted true": {"said_asserted": True},
    "33 asserted float": {"said_asserted": NOW - 100.5},
    "33 asserted absent": {"said_asserted": None},
    "35 exp past": {"exp": NOW},
    "37 by absent": {"said_by": None},
    "37 by unknown": {"said_by": "king"},
    "37 by a list": {"said_by": ["dac"]},
    "37 by self": {"said_by": "self"},
    "37 value of 256 characters": {"said_value": f"{MEMBER}/datasets/".ljust(256, "A")},
    "37 value a list": {"said_value": [f"{MEMBER}/datasets/HRA000001"]},
    "37 value absent": {"said_value": None},
    "37 source no URL": {"said_source": "dac"},
    "37 source absent": {"said_source": None},
    "38 value below a whole-value scope": {
        "issuer": FOREIGN,
        **FOREIGN_GRANT,
        "said_value": f"{MEMBER}/datasets/HRA0000090",
    },
    "38 value on another host": {"said_value": "https://evil.example/datasets/HRA000001"},
    "41 unknown type": {"said_type": "https://x.example/types/Custom"},
    "43 scope openid": {"scope": "email openid"},
    "10 passport type": {"header": {"typ": "vnd.ga4gh.passport+jwt"}},
    "10 access token type": {"header": {"typ": "at+jwt"}},
    "10 no visa inside": {"ga4gh_visa_v1": "yes"},
    "26 conditions not a list": {"said_conditions": {"type": "x"}},
    "26 conditions empty": {"said_conditions": []},
    "26 conditions a list of objects": {"said_conditions": [{"type": "ResearcherStatus", "by": "const:so"}]},
    "26 conditions text": {"said_conditions": "none"},
    "56 bound to a key": {"cnf": {"jkt": "x"}},
    "42 two hundred clauses": {"said_conditions": [[{"type": "A", "by": "const:so"}] * 200]},
    "-- sub absent": {"sub": None},
    "-- sub a number": {"sub": 7},
    "-- sub with a line feed": {"sub": "alice\nbob"},
    "-- jti a list": {"jti": ["g1"]},
}


@pytest.mark.parametrize("changes", IGNORED.values(), ids=IGNORED.keys())
def test_ATTACKS_13_to_43_visa_ignored(world: World, changes: dict[str, Any]) -> None:
    assert world.verified(world.visa(**changes)) == []


def test_good_visas_of_both_issuers_are_in_effect(world: World) -> None:
    (visa,) = world.effective(world.visa())
    assert (visa.issuer, visa.value, visa.by, visa.jti) == (MEMBER, f"{MEMBER}/datasets/HRA000001", "dac", "g1")
    assert world.verified(world.visa(FOREIGN, **FOREIGN_GRANT))[0].issuer == FOREIGN
    assert world.verified(world.visa(FOREIGN, **{**FOREIGN_GRANT, "said_value": f"{FOREIGN}/datasets/any"}))


def test_AAI_03_typ_is_recommended_only(world: World) -> None:
    for typ in (None, "JWT", "vnd.ga4gh.visa+jwt", "application/vnd.ga4gh.visa+jwt"):
        assert world.effective(world.visa(header={"typ": typ}))


def test_CLH_02_untrusted_visas_are_left_out_before_any_key_is_looked_up(world: World) -> None:
    rows = [
        changes for name, changes in IGNORED.items() if name[:2] in ("14", "15", "16") or name.startswith("13 issuer")
    ]
    assert passport.candidates([world.visa(**changes) for changes in rows], world.trust) == []


def test_VIS_05_sources_are_compared_as_they_stand(world: World) -> None:
    """Rows 16 and 38: no normalisation of any kind."""
    for source in (f"{FOREIGN}/dac/DAC1/", f"{FOREIGN}/dac/dac1", f"{FOREIGN}:443/dac/DAC1", f"{FOREIGN}/dac/%44AC1"):
        assert not world.verified(world.visa(FOREIGN, **{**FOREIGN_GRANT, "said_source": source}))


def test_ATTACKS_33_a_statement_counts_only_so_long(world: World) -> None:
    entry = world.trust.issuers[MEMBER]
    limited = TrustEntry(entry.issuer, entry.jwks_uri, None, entry.datasets, entry.types, BROKER, max_age=200)
    world.trust = Trust.of((Broker(BROKER),), (limited,))
    assert world.effective(world.visa())[0].expires == NOW + 100
    assert world.effective(world.visa(said_asserted=NOW - 200)) == ()


def test_trust_names_an_issuer_once() -> None:
    entry = TrustEntry("https://a.example", "https://a.example/k")
    with pytest.raises(ValueError, match="twice"):
        Trust.of((), (entry, entry))


PASSPORTS: dict[str, dict[str, Any]] = {
    "12 typ of a visa": {"header": {"typ": "vnd.ga4gh.visa+jwt"}},
    "12 typ JWT": {"header": {"typ": "JWT"}},
    "12 no typ": {"header": {"typ": None}},
    "10 access token": {"header": {"typ": "at+jwt"}},
    "11 expired": {"exp": NOW},
    "11 no exp": {"exp": None},
    "-- no visas claim": {"ga4gh_passport_v1": None},
    "-- visas not a list": {"ga4gh_passport_v1": "x"},
    "-- visa not text": {"ga4gh_passport_v1": [1]},
    "-- sub absent": {"sub": None},
    "-- visa and passport at once": {"ga4gh_visa_v1": {"type": "ControlledAccessGrants"}},
    "42 visa of 64 KB": {"ga4gh_passport_v1": ["A" * 65_536]},
    "56 bound to a key": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    "42 1001 visas": {"ga4gh_passport_v1": [f"{i}" for i in range(1001)]},
}


@pytest.mark.parametrize("changes", PASSPORTS.values(), ids=PASSPORTS.keys())
def test_ATTACKS_10_to_12_passport_rejected(world: World, changes: dict[str, Any]) -> None:
    made = world.passport([], **changes)
    with pytest.raises(InvalidToken):
        passport.verify_passport(passport.open_passport(made, world.trust)[0], world.key_set(BROKER), NOW)


@pytest.mark.parametrize("issuer", [STRANGER, MEMBER, LINKER])
def test_ATTACKS_13_only_brokers_make_passports(world: World, issuer: str) -> None:
    with pytest.raises(InvalidToken, match="not trusted"):
        passport.open_passport(world.passport([], issuer=issuer), world.trust)


def test_AAI_02_passport_with_no_visas_is_a_passport(world: World) -> None:
    made = passport.verify_passport(
        passport.open_passport(world.passport([]), world.trust)[0], world.key_set(BROKER), NOW
    )
    assert made == passport.Passport(BROKER, "alice", NOW + 900, ())


def test_200_visas_pass_the_size_limits(world: World) -> None:
    visas = [world.visa(jti=f"g{i}") for i in range(200)]
    parsed, _ = passport.open_passport(world.passport(visas), world.trust)
    assert len(passport.verify_passport(parsed, world.key_set(BROKER), NOW).visas) == 200


def test_ATTACKS_42_passport_above_the_limit() -> None:
    with pytest.raises(TokenTooLarge):
        passport.open_passport("A" * (passport.MAX_PASSPORT + 1), Trust.of((), ()))


def test_CLH_01_a_passport_does_not_vouch_for_its_visas(world: World) -> None:
    """A visa changed inside a well signed passport is left out."""
    head, body, signature = world.visa().split(".")
    other = world.visa(sub="alice", said_value=f"{MEMBER}/datasets/HRA000002").split(".")[1]
    assert other != body
    assert world.effective(f"{head}.{other}.{signature}") == ()


# Rows 19 to 23: whose visas may be put together.


def test_ATTACKS_19_visa_of_another_subject_is_not_combined(world: World) -> None:
    assert world.effective(world.visa(sub="bob")) == ()
    assert world.effective(world.visa(FOREIGN, **FOREIGN_GRANT)) == ()  # alice at FOREIGN is not alice at BROKER
    assert world.effective(world.visa(FOREIGN, sub="bob", **FOREIGN_GRANT)) == ()


def test_VIS_08_a_trusted_link_joins(world: World) -> None:
    grant = world.visa(FOREIGN, sub="bob", **FOREIGN_GRANT)
    joined = world.effective(grant, link(world, f"{A_BROKER};{B_FOREIGN}", sub="x"))
    assert [visa.subject for visa in joined if visa.type == "ControlledAccessGrants"] == ["bob"]


NOT_JOINED = {
    "20 link by an untrusted issuer": {"issuer_is": STRANGER},
    "20 link by self": {"said_by": "self"},
    "20 link by a peer": {"said_by": "peer"},
    "20 link with conditions": {"said_conditions": [[{"type": "LinkedIdentities", "by": "const:system"}]]},
    "20 link source not trusted": {"said_source": STRANGER},
    "20 link expired": {"exp": NOW},
    "21 comma encoded": {"said_value": f"{A_BROKER};bob%2Chttps%3A%2F%2Fdac.other.example"},
    "21 semicolon encoded": {"said_value": f"{A_BROKER}%3B{B_FOREIGN}"},
    "21 encoded twice": {"said_value": f"{A_BROKER};bob,https%253A%252F%252Fdac.other.example"},
    "21 other case": {"said_value": f"{A_BROKER};BOB,https%3A%2F%2Fdac.other.example"},
    "21 issuer with a slash": {"said_value": f"{A_BROKER};{B_FOREIGN}%2F"},
    "21 two commas": {"said_value": f"{A_BROKER};bob,https://dac.other.example,x"},
    "21 not UTF-8": {"said_value": f"{A_BROKER};bob%ff,https%3A%2F%2Fdac.other.example"},
    "22 parts concatenated alike": {"said_value": f"{A_BROKER};bobh,ttps%3A%2F%2Fdac.other.example"},
    "23 does not name me": {"said_value": f"carol,https%3A%2F%2Fbroker.example;{B_FOREIGN}"},
}


@pytest.mark.parametrize("changes", NOT_JOINED.values(), ids=NOT_JOINED.keys())
def test_ATTACKS_20_to_23_not_combined(world: World, changes: dict[str, Any]) -> None:
    changes = {"said_value": f"{A_BROKER};{B_FOREIGN}", **changes}
    if changes.pop("issuer_is", None):
        forged = world.visa(
            STRANGER, sub="x", said_type="LinkedIdentities", said_source=STRANGER, said_by="system", **changes
        )
    else:
        forged = link(world, changes.pop("said_value"), sub="x", **changes)
    grant = world.visa(FOREIGN, sub="bob", **FOREIGN_GRANT)
    assert not [visa for visa in world.effective(grant, forged) if visa.type == "ControlledAccessGrants"]


@pytest.mark.parametrize("value", ["a,b,c", "a", ",b", "a,", "", "a,b;", "a,b;c", ";a,b", "a%ff,b", "a,%ff"])
def test_ATTACKS_21_one_pair_of_wrong_form_spoils_the_link(value: str) -> None:
    assert identities.links("a%2Cb,https%3A%2F%2Fi.example") == {("a,b", "https://i.example")}
    assert identities.links(value) == frozenset()


def test_ATTACKS_20_chain_through_an_untrusted_link_is_broken(world: World) -> None:
    middle = "m,https%3A%2F%2Fmiddle.example"
    first = world.visa(
        STRANGER, sub="x", said_type="LinkedIdentities", said_source=STRANGER, said_value=f"{A_BROKER};{middle}"
    )
    second = link(world, f"{middle};{B_FOREIGN}", sub="y")
    grant = world.visa(FOREIGN, sub="bob", **FOREIGN_GRANT)
    assert world.effective(grant, first, second) == ()
    trusted = link(world, f"{A_BROKER};{middle}", sub="x")
    assert len(world.effective(grant, trusted, second)) == 3


def test_ATTACKS_23_stolen_visa_in_another_passport(world: World) -> None:
    """Mallory wraps Alice's grant and Alice's own link in a passport of her own."""
    stolen = [world.visa(), link(world, f"{A_BROKER};{B_FOREIGN}", sub="x")]
    assert world.effective(*stolen, subject="mallory") == ()


def test_numeric_claims_of_jose_are_whole_seconds() -> None:
    assert jose.numeric({"exp": 12.9}, "exp") == 12
