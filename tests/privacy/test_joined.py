"""The member's side of a join pays from the same budgets as its Beacon, before anybody is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.catalog.catalog import Catalog
from adapters.variants.published import PublicVariants
from auth.budget import Budgets
from auth.caller import ANONYMOUS, Caller
from auth.information import price
from auth.policy import Floor as Rule
from auth.policy import Policy
from node.beacon.guard import Guard
from node.beacon.meeting import Meeting
from node.beacon.question import Search
from node.privacy import Floor, Privacy
from tests.node.family import BROKER, PUBLIC_URL, researcher
from tests.privacy.cohort import DATASET, TERMS, Cohort
from tests.privacy.server import SOON, TYPES, affiliation, in_force
from web.errors import Failure

FLOOR = Rule(20, 20)
ALICE = Caller("alice", BROKER, (affiliation("alice", "a.example"),), SOON)


def meeting(engine: Engine) -> Meeting:
    floor, privacy = Floor(), Privacy()
    protections = privacy.protections(floor)
    guard = Guard(protections, Budgets(engine), PublicVariants(engine), privacy.edges())
    policy, search = Policy(PUBLIC_URL, in_force), Search(engine, TYPES)
    catalog = Catalog(engine)
    return Meeting(catalog=catalog, search=search, policy=policy, floor=floor.rule(), linked=False, guard=guard)


def clauses(cohort: Cohort, allele: int) -> list[dict[str, Any]]:
    asked = {"requestParameters": {"g_variant": cohort.question(allele)}}
    return [{"entryType": "individual", "filters": [{"id": TERMS[0]}]}, {"entryType": "genomicVariant", **asked}]


def test_a_join_about_genotypes_is_paid_once_and_then_refused(small_engine: Engine, small: Cohort) -> None:
    member, budgets = meeting(small_engine), Budgets(small_engine)
    for _ in range(2):
        member.debit(clauses(small, 1), ALICE, numbers=True)
    member.debit(clauses(small, 5), ALICE, numbers=True)
    paid = budgets.spent(DATASET, f"person {BROKER}\nalice")
    assert paid == pytest.approx(2 * price(None, small.people, FLOOR, numbers=False))
    assert 0.8 < paid < 1
    with pytest.raises(Failure) as refusal:
        member.debit(clauses(small, 9), ALICE, numbers=True)
    assert refusal.value.status == 403
    assert budgets.spent(DATASET, f"person {BROKER}\nalice") == paid


def test_a_join_that_is_refused_for_a_filter_is_not_charged(small_engine: Engine, small: Cohort) -> None:
    unknown = {"entryType": "individual", "filters": [{"id": "HP:9999999"}]}
    with pytest.raises(Failure, match="HP:9999999") as refusal:
        meeting(small_engine).debit([*clauses(small, 1), unknown], ALICE, numbers=True)
    assert refusal.value.status == 400
    assert Budgets(small_engine).spent(DATASET, f"person {BROKER}\nalice") == 0


def test_a_join_about_genotypes_takes_a_sign_in(small_engine: Engine, small: Cohort) -> None:
    with pytest.raises(Failure) as refusal:
        meeting(small_engine).debit(clauses(small, 1), ANONYMOUS, numbers=False)
    assert refusal.value.status == 401


def test_a_join_without_genotypes_or_with_access_costs_nothing(small_engine: Engine, small: Cohort) -> None:
    member = meeting(small_engine)
    member.debit(clauses(small, 1)[:1], ANONYMOUS, numbers=True)
    member.debit(clauses(small, 1), researcher(DATASET, "g1", SOON), numbers=True)
    assert Budgets(small_engine).spent(DATASET, f"person {BROKER}\nalice") == 0


def test_a_join_without_meaning_is_a_400(small_engine: Engine) -> None:
    with pytest.raises(Failure) as refusal:
        meeting(small_engine).debit([{"entryType": "nonsense"}], ALICE, numbers=True)
    assert refusal.value.status == 400
