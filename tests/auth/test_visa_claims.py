"""The claims of a visa, one by one (VIS-01 to VIS-08, VIS-11, VIS-12; CLH-03, CLH-04, CLH-06)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auth import passport
from auth.caller import Visa
from auth.policy import REGISTERED_ACCESS, DatasetRule, Policy
from auth.trust import Broker, Trust, TrustEntry
from tests.auth.world import A_BROKER, B_FOREIGN, BROKER, FOREIGN, LINKER, MEMBER, NOW, STRANGER, World, link, person

CONTROLLED = DatasetRule("HRA000001", "controlled", "public", "DAC1")
SOURCE = "https://no.organization"
TYPES = {
    "AffiliationAndRole": "faculty@med.example",
    "AcceptedTermsAndPolicies": "https://terms.example/1",
    "ResearcherStatus": REGISTERED_ACCESS,
    "ControlledAccessGrants": f"{MEMBER}/datasets/HRA000009",
}


def foreign(world: World, kind: str = "ResearcherStatus", **changes: Any) -> list[Visa]:
    """What is left of a visa of the foreign issuer, which may issue every type of :data:`TYPES`."""
    said = {"said_type": kind, "said_value": TYPES.get(kind, "x"), "said_source": SOURCE, "said_by": "so", **changes}
    return world.verified(world.visa(FOREIGN, **said))


@pytest.mark.parametrize("claim", ["type", "asserted", "value", "source"])
def test_VIS_01_required_claims(world: World, claim: str) -> None:
    assert foreign(world)
    assert not foreign(world, **{f"said_{claim}": None})
    assert not foreign(world, **{f"said_{claim}": ""})


def test_VIS_01_optional_and_unknown_claims(world: World) -> None:
    assert foreign(world, said_by=None)[0].by is None
    (visa,) = foreign(world, said_colour="red", said_label={"en": "x"}, extra="y")
    assert (visa.type, visa.asserted, visa.conditions) == ("ResearcherStatus", NOW - 100, ())


def test_VIS_02_every_standard_type_is_understood(world: World) -> None:
    assert [visa.type for kind in TYPES for visa in foreign(world, kind)] == list(TYPES)
    (joined,) = world.verified(link(world, f"{A_BROKER};{B_FOREIGN}"))
    assert joined.type == "LinkedIdentities"


@pytest.mark.parametrize(
    "kind", ["https://x.example/types/Custom", "Custom", "controlledaccessgrants", "ControlledAccessGrants ", " "]
)
def test_VIS_02_ATTACKS_41_other_types_are_ignored(world: World, kind: str) -> None:
    """The Passport around them stays good."""
    good = world.visa()
    assert [visa.jti for visa in world.effective(world.visa(said_type=kind, jti="odd"), good)] == ["g1"]


@pytest.mark.parametrize("kind", ["AcceptedTermsAndPolicies", "ControlledAccessGrants"])
@pytest.mark.parametrize("by", [None, "", "king", "DAC", ["dac"], 1])
def test_VIS_03_ATTACKS_37_by_is_required_of_two_types(world: World, kind: str, by: Any) -> None:
    assert foreign(world, kind, said_by="so")
    assert not foreign(world, kind, said_by=by)


@pytest.mark.parametrize("by", ["self", "peer", "system", "so", "dac"])
def test_VIS_04_the_five_values_of_by(world: World, by: str) -> None:
    assert [visa.by for visa in foreign(world, said_by=by)] == [by]


@pytest.mark.parametrize("by", [None, "self", "peer", "system", "so"])
def test_VIS_04_CLH_06_a_policy_that_wants_a_value_takes_no_other(by: str | None) -> None:
    policy = Policy(MEMBER, lambda jtis: jtis)
    assert policy.fetch(person("alice", granted()), CONTROLLED, NOW).allowed
    assert not policy.fetch(person("alice", granted(by=by)), CONTROLLED, NOW).allowed


@pytest.mark.parametrize("by", [None, "king"])
def test_VIS_04_an_unknown_by_meets_no_condition(world: World, by: str | None) -> None:
    wanted = [[{"type": "ResearcherStatus", "by": "pattern:*"}]]
    joined = link(world, f"{A_BROKER};{B_FOREIGN}", sub="x")
    said = {"sub": "bob", "said_type": "ResearcherStatus", "said_value": REGISTERED_ACCESS, "said_source": SOURCE}
    conditional = world.visa(said_conditions=wanted)
    assert MEMBER in {v.issuer for v in world.effective(conditional, joined, world.visa(FOREIGN, **said, said_by="so"))}
    found = world.effective(conditional, joined, world.visa(FOREIGN, **said, said_by=by))
    assert MEMBER not in {visa.issuer for visa in found}


def test_VIS_06_no_organisation(world: World) -> None:
    (visa,) = foreign(world, "AffiliationAndRole", said_value="public.citizen-scientist@no.organization")
    assert passport.affiliation(visa.value) == ("public.citizen-scientist", "no.organization")
    assert visa.source == "https://no.organization"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("faculty@med.example", ("faculty", "med.example")),
        ("a@b@c.example", ("a", "b@c.example")),
        ("faculty@", None),
        ("@med.example", None),
        ("faculty", None),
        ("@", None),
    ],
)
def test_VIS_06_ATTACKS_39_affiliations_are_split_at_the_first_at(
    world: World, value: str, parts: tuple[str, str] | None
) -> None:
    assert passport.affiliation(value) == parts
    assert bool(foreign(world, "AffiliationAndRole", said_value=value)) == (parts is not None)


CLAUSES = {
    "names conditions": {"conditions": "const:x"},
    "names asserted": {"asserted": "const:1799999900"},
    "type alone": {},
}


@pytest.mark.parametrize("more", CLAUSES.values(), ids=CLAUSES.keys())
def test_VIS_11_clauses_that_nothing_meets(world: World, more: dict[str, str]) -> None:
    clause = {"type": "ControlledAccessGrants", **more}
    sent = [world.visa(said_conditions=[[clause]], jti="c"), world.visa()]
    assert [visa.jti for visa in world.effective(*sent)] == ["g1"]


def test_VIS_11_one_other_visa_meets_a_clause(world: World) -> None:
    clause = {"type": "ControlledAccessGrants", "by": "const:dac", "value": f"const:{MEMBER}/datasets/HRA000002"}
    conditional = world.visa(said_conditions=[[clause]], jti="c")
    other = world.visa(said_value=f"{MEMBER}/datasets/HRA000002", jti="o")
    assert {visa.jti for visa in world.effective(conditional, other)} == {"c", "o"}
    # Not by itself, nor by two visas that have one half each, nor by one that has conditions.
    assert world.effective(conditional) == ()
    itself = world.visa(said_value=f"{MEMBER}/datasets/HRA000002", said_conditions=[[clause]], jti="i")
    assert world.effective(itself) == ()
    chained = world.visa(said_value=f"{MEMBER}/datasets/HRA000002", said_conditions=[[{**clause, "by": "pattern:*"}]])
    assert world.effective(conditional, chained) == ()


NOT_UNDERSTOOD: dict[str, Any] = {
    "another prefix": [[{"type": "ControlledAccessGrants", "by": "regex:dac"}]],
    "a claim of another version": [[{"type": "ControlledAccessGrants", "by": "const:dac", "level": "const:2"}]],
    "a type by pattern": [[{"type": "pattern:Controlled*", "by": "const:dac"}]],
    "one of two not understood": [
        [{"type": "ControlledAccessGrants", "by": "const:dac"}, {"type": "ControlledAccessGrants", "by": "in:dac"}]
    ],
    "an object": {"any": "thing"},
    "a list of lists of text": [["ControlledAccessGrants"]],
    "no alternatives": [],
    "an alternative without clauses": [[]],
}


@pytest.mark.parametrize("wanted", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_VIS_12_conditions_that_are_not_understood_reject_the_visa(world: World, wanted: Any) -> None:
    sent = [world.visa(said_conditions=wanted, jti="c"), world.visa()]
    assert [visa.jti for visa in world.effective(*sent)] == ["g1"]


UNVERIFIED: dict[str, dict[str, Any]] = {
    "exp": {"exp": NOW},
    "no exp": {"exp": None},
    "iat": {"iat": NOW + 31, "said_asserted": NOW},
    "no iat": {"iat": None},
    "iss": {"iss": STRANGER},
    "no iss": {"iss": None},
    "alg": {"header": {"alg": "ES512"}},
    "kid": {"header": {"kid": "other"}},
    "no kid": {"header": {"kid": None}},
}


@pytest.mark.parametrize("changes", UNVERIFIED.values(), ids=UNVERIFIED.keys())
def test_CLH_03_what_is_wrong_with_one_visa_costs_that_visa_only(world: World, changes: dict[str, Any]) -> None:
    assert [visa.jti for visa in world.effective(world.visa(jti="bad", **changes), world.visa())] == ["g1"]


def test_CLH_03_the_signature_is_checked(world: World) -> None:
    head, body, signature = world.visa(jti="bad").split(".")
    forged = f"{head}.{body}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}"
    assert [visa.jti for visa in world.effective(forged, world.visa())] == ["g1"]


def granted(**changes: Any) -> Visa:
    """A grant of the member's own committee, verified."""
    value, source = f"{MEMBER}/datasets/HRA000001", f"{MEMBER}/dac/DAC1"
    visa = Visa(MEMBER, "alice", "ControlledAccessGrants", value, source, "dac", NOW - 100, (), NOW + 600, "g1")
    return replace(visa, **changes)


def test_CLH_04_ATTACKS_34_the_earliest_of_all_expiries_governs(world: World) -> None:
    """``exp`` of the token, of the visa, of a visa that meets its condition, and the age of the statement."""
    policy = Policy(MEMBER, lambda jtis: jtis)

    def ends(*tokens: str, session: int = NOW + 900) -> int | None:
        return policy.fetch(person("alice", *world.effective(*tokens), expires=session), CONTROLLED, NOW).expires

    assert ends(world.visa(exp=NOW + 600)) == NOW + 600
    assert ends(world.visa(exp=NOW + 600), session=NOW + 300) == NOW + 300
    clause = {"type": "ControlledAccessGrants", "value": f"const:{MEMBER}/datasets/HRA000002"}
    other = world.visa(said_value=f"{MEMBER}/datasets/HRA000002", exp=NOW + 200, jti="o")
    assert ends(world.visa(said_conditions=[[clause]]), other) == NOW + 200
    entry = world.trust.issuers[MEMBER]
    world.trust = Trust.of((Broker(BROKER),), (replace(entry, max_age=250),))
    assert ends(world.visa(said_asserted=NOW - 100)) == NOW + 150
    assert ends(world.visa(said_asserted=NOW - 250)) is None


def test_CLH_04_registered_access_ends_with_the_first_of_its_two_visas() -> None:
    rule = DatasetRule("HRA000001", "registered", "public", None)
    terms = granted(type="AcceptedTermsAndPolicies", value=REGISTERED_ACCESS, by="self", expires=NOW + 70)
    status = granted(type="ResearcherStatus", value=REGISTERED_ACCESS, by="so", expires=NOW + 50)
    assert Policy(MEMBER, lambda jtis: jtis).fetch(person("alice", terms, status), rule, NOW).expires == NOW + 50


@pytest.mark.parametrize("source", ["dac", "urn:dac:1", "ftp://dac.example/1", "https://", "//dac.example"])
def test_VIS_05_ATTACKS_37_a_source_that_is_no_url_counts_for_nothing_even_where_it_is_named(
    world: World, source: str
) -> None:
    entry = TrustEntry(FOREIGN, f"{FOREIGN}/.well-known/jwks.json", (source,), (), ("ResearcherStatus",))
    world.trust = Trust.of((Broker(BROKER),), (entry,))
    assert not foreign(world, said_source=source)


OTHER_GRANTS: dict[str, dict[str, Any]] = {
    "type": {"said_type": "ResearcherStatus"},
    "value": {"said_value": f"{MEMBER}/datasets/HRA000002"},
    "source": {"said_source": f"{MEMBER}/dac/DAC2"},
    "by": {"said_by": "system"},
    "issuer": {"issuer": FOREIGN, "said_source": f"{FOREIGN}/dac/DAC1"},
    "issuer that is not trusted": {"issuer": STRANGER},
    "issuer of links only": {"issuer": LINKER, "said_source": LINKER},
}


@pytest.mark.parametrize("changes", OTHER_GRANTS.values(), ids=OTHER_GRANTS.keys())
def test_CLH_06_a_grant_is_type_value_source_issuer_and_by(world: World, changes: dict[str, Any]) -> None:
    policy = Policy(MEMBER, lambda jtis: jtis)
    assert policy.fetch(person("alice", *world.effective(world.visa())), CONTROLLED, NOW).allowed
    visas = world.verified(world.visa(**changes))
    assert not policy.fetch(person("alice", *visas), CONTROLLED, NOW).allowed


def test_CLH_06_another_issuer_grants_what_its_trust_entry_says(world: World) -> None:
    entry = TrustEntry(FOREIGN, f"{FOREIGN}/.well-known/jwks.json", (f"{FOREIGN}/dac/DAC1",), ())
    for datasets, allowed in (((), False), ((f"{MEMBER}/datasets/",), True), ((f"{MEMBER}/datasets/HRA00000",), False)):
        world.trust = Trust.of((Broker(BROKER),), (replace(entry, datasets=datasets),))
        visas = world.verified(world.visa(FOREIGN))
        decision = Policy(MEMBER, lambda jtis: jtis).fetch(person("alice", *visas), CONTROLLED, NOW)
        assert decision.allowed == allowed
