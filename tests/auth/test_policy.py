"""The decision: rows 17, 34, 38, 40 of the attack table, CLH-04, CLH-06 and the floor of public numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.caller import ANONYMOUS, Caller, Visa
from auth.policy import REGISTERED_ACCESS, DatasetRule, Decision, Floor, Policy, PublicGranularity
from tests.auth.world import FOREIGN, MEMBER, NOW, person

OPEN = DatasetRule("HRA000001", "open", "public", None)
CONTROLLED = DatasetRule("HRA000001", "controlled", "public", "DAC1")
PROTECTED = replace(CONTROLLED, records="protected")
REGISTERED = DatasetRule("HRA000001", "registered", "public", None)


class Ledger:
    """Which grants are in force; counts the questions."""

    def __init__(self, *jtis: str) -> None:
        self.jtis, self.asked = set(jtis), 0

    def __call__(self, jtis: Collection[str]) -> Collection[str]:
        self.asked += 1
        return self.jtis & set(jtis)


def grant(**changes: Any) -> Visa:
    visa = Visa(
        issuer=MEMBER,
        subject="alice",
        type="ControlledAccessGrants",
        value=f"{MEMBER}/datasets/HRA000001",
        source=f"{MEMBER}/dac/DAC1",
        by="dac",
        asserted=NOW - 100,
        conditions=(),
        expires=NOW + 600,
        jti="g1",
    )
    return replace(visa, **changes)


def decide(caller: Caller, rule: DatasetRule = CONTROLLED, now: int = NOW, ledger: Ledger | None = None) -> Decision:
    return Policy(MEMBER, ledger or Ledger("g1", "g2")).fetch(caller, rule, now)


def test_open_is_for_everyone() -> None:
    assert decide(ANONYMOUS, OPEN) == Decision(True, "open")
    assert decide(person("alice", expires=NOW - 1), OPEN).allowed


def test_a_grant_in_force_allows_until_the_earliest_expiry() -> None:
    assert decide(person("alice", grant())) == Decision(True, "granted", NOW + 600, ("g1",))
    assert decide(person("alice", grant(), expires=NOW + 60)).expires == NOW + 60
    assert decide(person("alice", grant(), grant(jti="g2", expires=NOW + 700))).grants == ("g2",)


DENIED: dict[str, tuple[Caller, bool]] = {
    "-- anonymous": (ANONYMOUS, True),
    "-- no visa": (person("alice"), False),
    "34 token expired": (person("alice", grant(), expires=NOW), True),
    "-- token without expiry": (replace(person("alice", grant()), expires=None), True),
    "34 visa expired": (person("alice", grant(expires=NOW)), False),
    "37 by another": (person("alice", grant(by="system")), False),
    "37 by missing": (person("alice", grant(by=None)), False),
    "38 suffix": (person("alice", grant(value=f"{MEMBER}/datasets/HRA0000010")), False),
    "38 prefix": (person("alice", grant(value=f"{MEMBER}/datasets/HRA00000")), False),
    "38 other host": (person("alice", grant(value=f"{FOREIGN}/datasets/HRA000001")), False),
    "38 case": (person("alice", grant(value=f"{MEMBER}/datasets/hra000001")), False),
    "38 slash": (person("alice", grant(value=f"{MEMBER}/datasets/HRA000001/")), False),
    "38 bare accession": (person("alice", grant(value="HRA000001")), False),
    "17 another committee": (person("alice", grant(source=f"{MEMBER}/dac/DAC2")), False),
    "-- other type": (person("alice", grant(type="ResearcherStatus")), False),
    "-- unknown grant": (person("alice", grant(jti="g9")), False),
    "-- own visa without jti": (person("alice", grant(jti=None)), False),
}


@pytest.mark.parametrize(("caller", "authenticate"), DENIED.values(), ids=DENIED.keys())
def test_ATTACKS_17_34_37_38_denied(caller: Caller, authenticate: bool) -> None:
    decision = decide(caller)
    assert (decision.allowed, decision.authenticate, decision.grants, decision.expires) == (
        False,
        authenticate,
        (),
        None,
    )
    assert decision.reason


@pytest.mark.parametrize("rule", [CONTROLLED, PROTECTED, REGISTERED])
def test_who_is_nobody_is_asked_to_sign_in(rule: DatasetRule) -> None:
    assert decide(ANONYMOUS, rule) == Decision(False, "sign_in_required", authenticate=True)
    visas_without_a_person = replace(person("alice", grant()), subject=None)
    assert decide(visas_without_a_person, rule).reason == "sign_in_required"


@pytest.mark.parametrize(
    "rule", [replace(CONTROLLED, dac=None), replace(CONTROLLED, tier="secret"), replace(CONTROLLED, tier="")]
)
def test_in_doubt_closed(rule: DatasetRule) -> None:
    assert not decide(person("alice", grant()), rule).allowed


def test_ATTACKS_67_revocation_counts_at_the_next_decision() -> None:
    ledger, caller = Ledger("g1"), person("alice", grant())
    assert decide(caller, ledger=ledger).allowed
    ledger.jtis.clear()
    assert decide(caller, ledger=ledger).reason == "grant_not_in_force"
    assert ledger.asked == 2


def test_a_foreign_issuers_grant_is_named_with_its_issuer() -> None:
    """That the issuer may speak for this data set was checked with its trust entry; that it stands is asked as ours."""
    caller = person("alice", grant(issuer=FOREIGN, source=f"{FOREIGN}/dac/X", jti="f"))
    decision = decide(caller, ledger=Ledger(f"{FOREIGN} f"))
    assert (decision.allowed, decision.grants) == (True, (f"{FOREIGN} f",))
    assert not decide(caller, ledger=Ledger("f", f"{MEMBER} f")).allowed


def test_ATTACKS_67_a_visa_stands_only_with_all_that_it_rests_on() -> None:
    """What meets its conditions and what links it to this person may be revoked too."""
    caller = person("alice", grant(rests=((FOREIGN, "c"), (MEMBER, "l"))))
    assert decide(caller, ledger=Ledger("g1", f"{FOREIGN} c", "l")).grants == ("g1", f"{FOREIGN} c", "l")
    for lost in ("g1", f"{FOREIGN} c", "l"):
        assert not decide(caller, ledger=Ledger(*({"g1", f"{FOREIGN} c", "l"} - {lost}))).allowed


def test_records_are_public_or_protected_like_the_bytes() -> None:
    policy = Policy(MEMBER, Ledger("g1"))
    assert policy.records(ANONYMOUS, CONTROLLED, NOW).allowed
    assert policy.records(ANONYMOUS, PROTECTED, NOW).authenticate
    assert policy.records(person("alice", grant()), PROTECTED, NOW).allowed
    assert not policy.records(ANONYMOUS, replace(CONTROLLED, records="?"), NOW).allowed


def test_granularity() -> None:
    policy = Policy(MEMBER, Ledger("g1"), {"HRA000007": PublicGranularity("boolean", "boolean")})
    holder = person("alice", grant())
    assert policy.granularity(ANONYMOUS, OPEN, NOW, genotypes=True) == "record"
    assert policy.granularity(holder, CONTROLLED, NOW, genotypes=True) == "record"
    assert policy.granularity(ANONYMOUS, CONTROLLED, NOW) == "count"
    assert policy.granularity(ANONYMOUS, CONTROLLED, NOW, genotypes=True) == "boolean"
    assert policy.granularity(holder, replace(CONTROLLED, accession="HRA000007"), NOW) == "boolean"


TERMS, STATUS = f"{FOREIGN} t", f"{FOREIGN} s"


def terms(**changes: Any) -> Visa:
    said = {"type": "AcceptedTermsAndPolicies", "value": REGISTERED_ACCESS, "by": "self", "jti": "t"}
    return grant(**{"issuer": FOREIGN, **said, **changes})


def status(**changes: Any) -> Visa:
    said = {"type": "ResearcherStatus", "value": REGISTERED_ACCESS, "by": "so", "jti": "s"}
    return grant(**{"issuer": FOREIGN, **said, **changes})


def test_ATTACKS_40_registered_access_needs_both() -> None:
    both = person("alice", terms(), status(expires=NOW + 30))
    ledger = Ledger(TERMS, STATUS)
    assert decide(both, REGISTERED, ledger=ledger) == Decision(True, "registered", NOW + 30, (TERMS, STATUS))
    assert not decide(both, REGISTERED, ledger=Ledger(TERMS)).allowed
    assert not decide(both, REGISTERED, ledger=Ledger(STATUS)).allowed
    for visas in ((), (terms(),), (status(),), (terms(), terms()), (terms(), status(value="https://doi.org/other"))):
        assert not decide(person("alice", *visas), REGISTERED, ledger=ledger).allowed
    assert not decide(person("alice", terms(), status(expires=NOW)), REGISTERED, ledger=ledger).allowed
    assert not decide(person("alice", terms(by=None), status()), REGISTERED, ledger=ledger).allowed
    assert decide(ANONYMOUS, REGISTERED).authenticate


@given(st.integers(0, 10_000), st.integers(0, 50), st.integers(1, 50))
def test_floor_tells_only_multiples_above_the_minimum(n: int, minimum: int, round_to: int) -> None:
    shown = Floor(minimum, round_to).apply(n)
    if n < minimum:
        assert shown is None
    else:
        assert shown is not None
        assert shown <= n < shown + round_to
        assert shown % round_to == 0


@pytest.mark.parametrize(("minimum", "round_to"), [(-1, 1), (0, 0), (5, -1)])
def test_a_floor_that_is_none(minimum: int, round_to: int) -> None:
    with pytest.raises(ValueError, match="floor"):
        Floor(minimum, round_to)
