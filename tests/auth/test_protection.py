"""Whose budget a question is charged to, and what researchers may learn beyond everyone."""

from __future__ import annotations

from dataclasses import replace

from auth.caller import ANONYMOUS, Caller
from auth.policy import Floor, Policy, PublicGranularity
from auth.protection import Protection, Protections, organisation, person
from tests.auth.test_policy import CONTROLLED, STATUS, TERMS, Ledger, grant, status, terms
from tests.auth.world import MEMBER, NOW
from tests.auth.world import person as holder


def affiliated(*values: str, **changes: object) -> Caller:
    visas = [replace(grant(), type="AffiliationAndRole", value=value, by="so", expires=NOW + 60) for value in values]
    return holder("alice", *(replace(visa, **changes) for visa in visas))  # type: ignore[arg-type]


def test_an_organisation_is_the_domain_of_a_verified_affiliation() -> None:
    assert organisation(affiliated("faculty@Med.Example"), NOW) == "med.example"
    assert organisation(affiliated("student@b.example", "faculty@a.example"), NOW) == "a.example"


def test_without_one_in_force_the_unaffiliated_of_a_broker_are_one() -> None:
    shared = organisation(holder("alice"), NOW)
    assert shared == organisation(holder("bob"), NOW)
    assert shared == organisation(affiliated("faculty@a.example", expires=NOW), NOW)
    assert shared == organisation(affiliated("faculty@a.example", by=None), NOW)
    assert shared == organisation(affiliated("no domain"), NOW)
    assert person(holder("alice")) != person(holder("bob"))
    assert person(holder("alice")) != person(replace(holder("alice"), issuer="https://other.example"))


def test_BEA_69_genotypes_by_level_of_access() -> None:
    visas = (terms(), status())
    policy = Policy(MEMBER, Ledger(TERMS, STATUS), default=PublicGranularity())
    levels = [policy.granularity(caller, CONTROLLED, NOW, genotypes=True) for caller in (ANONYMOUS, holder("alice"))]
    assert levels == ["boolean", "boolean"]
    assert policy.granularity(holder("alice", *visas), CONTROLLED, NOW, genotypes=True) == "count"
    expired = replace(holder("alice", *visas), expires=NOW)
    assert policy.granularity(expired, CONTROLLED, NOW, genotypes=True) == "boolean"


def test_the_strictest_floor_is_of_all_data_sets() -> None:
    default = Protection(Floor(20, 20))
    made = Protections(default, {"HRA000007": Protection(Floor(50, 10)), "HRA000008": Protection(Floor(5, 25))})
    assert made.strictest() == Floor(50, 25)
    assert made["HRA000009"] is default
