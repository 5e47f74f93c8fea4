"""What callers without access to records are told of genotypes, what it costs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete, event, insert, update

from adapters.catalog import models
from adapters.catalog.engine import writing
from adapters.catalog.models import Individual
from auth.budget import Budgets
from auth.information import anonymous_minimum, price
from auth.policy import Floor
from node.privacy import Privacy
from tests.node.family import BROKER, PUBLIC_URL
from tests.privacy.cohort import BMI, DATASET, TERMS, USUAL, Cohort
from tests.privacy.conftest import Asking
from tests.privacy.server import BASE, PROTECTED, application
from tests.support import running

FLOOR = Floor(20, 20)
AGE = {"id": "ageOfOnset", "operator": ">", "value": "P43Y"}


def spent(engine: Engine, holder: str) -> float:
    return Budgets(engine).spent(DATASET, holder)


def by_price(cohort: Cohort) -> list[int]:
    """Alleles, the dearest first."""
    prices = [price(f, cohort.people, FLOOR, numbers=False) for f in cohort.frequencies]
    return sorted(range(cohort.alleles), key=lambda allele: -prices[allele])


def carriers(cohort: Cohort, allele: int) -> int:
    return int((cohort.members[:, allele] > 0).sum())


async def test_an_answer_costs_its_price_once(asking: Asking, small: Cohort, small_engine: Engine) -> None:
    allele = by_price(small)[0]
    for _ in range(3):
        answer = await asking.carriers(allele, "alice@a.example")
        assert answer.status_code == 200
        assert answer.json()["responseSummary"]["exists"] is (carriers(small, allele) >= 20)
    cost = price(float(small.frequencies[allele]), small.people, FLOOR, numbers=False)
    assert 0.3 < cost < 1
    for holder in (f"person {BROKER}\nalice", "organisation a.example"):
        assert spent(small_engine, holder) == pytest.approx(cost)


async def test_a_spent_budget_is_a_clear_refusal_that_depends_on_nobody(asking: Asking, small: Cohort) -> None:
    """The same questions are refused to one who asks of carried alleles as of alleles that nobody carries."""
    dear = by_price(small)
    answers = [await asking.carriers(allele, "alice@a.example") for allele in dear[:6:2]]
    refused = answers[-1]
    assert refused.status_code == 403
    body = refused.json()
    assert body["error"]["errorCode"] == 403
    assert DATASET in body["error"]["errorMessage"]
    assert body["meta"]["beaconId"] == "org.example.privacy"
    nowhere = {**small.question(dear[4]), "start": [777]}
    again = await asking.ask("/individuals", "alice@a.example", requestParameters={"g_variant": nowhere})
    assert again.status_code == 403
    assert again.json()["error"] == body["error"]
    colleague = await asking.carriers(dear[8], "bob@a.example")
    assert colleague.status_code == 403
    assert (await asking.carriers(dear[8], "bob@b.example")).status_code == 200


async def test_BEA_69_access_to_records_is_never_charged(asking: Asking, small: Cohort, small_engine: Engine) -> None:
    for allele in by_price(small)[:20]:
        answer = (await asking.carriers(allele, "controlled")).json()
        assert answer["responseSummary"]["numTotalResults"] == carriers(small, allele)
    assert spent(small_engine, f"person {BROKER}\nalice") == 0


async def test_a_refusal_and_a_debit_come_before_genotypes_are_read(
    asking: Asking, small: Cohort, small_engine: Engine
) -> None:
    statements: list[str] = []
    # The driver's own trace: not every statement goes through SQLAlchemy.
    event.listen(small_engine, "checkout", lambda opened, *_: opened.set_trace_callback(statements.append))
    dear = by_price(small)
    await asking.carriers(dear[0], "alice@a.example")
    commit = max(i for i, s in enumerate(statements) if s.startswith("UPDATE auth_budget_spent"))
    reads = [i for i, s in enumerate(statements) if "variant.carriers" in s]
    assert reads[-1] > commit
    for allele in dear[2:8:2]:
        statements.clear()
        if (await asking.carriers(allele, "alice@a.example")).status_code == 403:
            assert not any("individual_term" in s or s.startswith("UPDATE") for s in statements)
            return
    raise AssertionError("never refused")


REFUSED = [
    {"id": "HP:9999999"},
    {"id": "nothing of that name"},
    {**AGE, "value": "old"},
    {"id": BMI, "operator": ">", "value": "heavy"},
    {**AGE, "operator": "!"},
    {"id": TERMS[0], "scope": "run"},
]


@pytest.mark.parametrize("path", ["/individuals", "/g_variants", "/datasets"])
async def test_a_question_that_is_refused_for_a_filter_is_not_charged(
    asking: Asking, small: Cohort, small_engine: Engine, path: str
) -> None:
    """Whatever is wrong with the filter, and though the one beside it is right."""
    asked = {"g_variant": small.question(1)}
    for wrong in REFUSED:
        filters = [{"id": TERMS[0]}, wrong]
        refused = await asking.ask(path, "alice@a.example", requestParameters=asked, filters=filters)
        assert refused.status_code == 400, refused.text
        assert wrong["id"] in refused.json()["error"]["errorMessage"]
        assert spent(small_engine, f"person {BROKER}\nalice") == 0, wrong
    answered = await asking.ask(path, "alice@a.example", requestParameters=asked, filters=[{"id": TERMS[0]}])
    assert answered.status_code == 200
    assert spent(small_engine, f"person {BROKER}\nalice") > 0


async def test_a_filter_or_a_range_costs_as_much_as_the_most_telling_allele(
    asking: Asking, small_engine: Engine
) -> None:
    unknown = price(None, 400, FLOOR, numbers=False)
    await asking.carriers(0, "alice@a.example", filters=[{"id": "sex", "operator": "=", "value": "NCIT:C16576"}])
    assert spent(small_engine, f"person {BROKER}\nalice") == pytest.approx(unknown)
    wide = {"g_variant": {"assemblyId": "GRCh38", "referenceName": "1", "start": [0], "end": [10**6]}}
    await asking.ask("/g_variants", "bob@b.example", requestParameters=wide)
    assert spent(small_engine, f"person {BROKER}\nbob") == pytest.approx(unknown)


async def test_the_unaffiliated_of_a_broker_share_one_budget(asking: Asking, small: Cohort) -> None:
    dear = by_price(small)
    codes = [(await asking.carriers(dear[2 * n], f"sybil{n}")).status_code for n in range(4)]
    assert codes[0] == 200
    assert codes[-1] == 403


async def test_a_withdrawal_is_another_release(asking: Asking, small: Cohort, small_engine: Engine) -> None:
    """Otherwise the answer of before and the free replay after tell whether the withdrawn person was counted."""
    allele = by_price(small)[0]
    await asking.carriers(allele, "alice@a.example")
    before = spent(small_engine, f"person {BROKER}\nalice")
    with writing(small_engine).begin() as connection:
        from tests.privacy.cohort import NOW

        connection.execute(update(Individual).where(Individual.accession == "HRI000003").values(withdrawn_at=NOW))
    answer = await asking.carriers(allele, "alice@a.example")
    if answer.status_code == 200:
        assert spent(small_engine, f"person {BROKER}\nalice") > before
    else:
        assert answer.status_code == 403


async def test_anonymous_callers_learn_of_one_allele_above_their_own_floor(asking: Asking, small: Cohort) -> None:
    least = anonymous_minimum(small.alleles, small.people, FLOOR)
    assert least is not None
    found = [(await asking.carriers(allele)).json() for allele in range(small.alleles)]
    told = [answer["responseSummary"]["exists"] for answer in found]
    assert told == [carriers(small, allele) >= least for allele in range(small.alleles)]
    assert {True, False} == set(told)
    assert all(answer["responseSummary"].get("numTotalResults", 0) == 0 for answer in found)


CLOSED: list[Callable[[Cohort], dict[str, Any]]] = [
    lambda cohort: {"requestParameters": {"g_variant": cohort.question(1)}, "filters": [{"id": "HP:0000001"}]},
    lambda cohort: {"requestParameters": {"g_variant": {**cohort.question(1), "alternateBases": "N"}}},
    lambda _cohort: {
        "requestParameters": {"g_variant": {"assemblyId": "GRCh38", "referenceName": "1", "start": [0], "end": [10**6]}}
    },
]


@pytest.mark.parametrize("query", CLOSED)
async def test_anonymous_callers_are_sent_to_sign_in_for_anything_else(
    asking: Asking, small: Cohort, query: Callable[[Cohort], dict[str, Any]]
) -> None:
    answer = (await asking.ask("/datasets/HRA000001/individuals", **query(small))).json()
    assert answer["responseSummary"]["exists"] is False
    assert answer["info"]["signIn"] == [DATASET]


async def test_anonymous_counts_of_people_are_floored_and_fall_on_bins(asking: Asking, small: Cohort) -> None:
    exact = (await asking.ask("/individuals", "controlled", filters=[AGE])).json()
    shown = (await asking.ask("/individuals", filters=[AGE])).json()
    coarse = (
        await asking.ask("/individuals", "controlled", filters=[{**AGE, "operator": ">=", "value": "P40Y"}])
    ).json()
    number = shown["responseSummary"]["numTotalResults"]
    assert shown["info"]["filters"] == ["ageOfOnset:>=P40Y"]
    assert number % 20 == 0
    assert number == coarse["responseSummary"]["numTotalResults"] // 20 * 20
    assert number > exact["responseSummary"]["numTotalResults"]
    refused = await asking.ask("/individuals", filters=[{**AGE, "operator": "!"}])
    assert refused.status_code == 400
    assert "access to the records" in refused.json()["error"]["errorMessage"]


async def test_a_data_set_may_differ(small_engine: Engine, small: Cohort) -> None:
    own = {"floor": {"minimum": 50, "round_to": 50}, "budget": "none", "public": {"genotypes": "count"}}
    settings = {**PROTECTED, "privacy": {**PROTECTED["privacy"], "datasets": {DATASET: own}}}
    common = int(np.argmax([carriers(small, allele) for allele in range(small.alleles)]))
    async with running(application(small_engine, settings), PUBLIC_URL) as client:
        for _ in range(3):
            answer = (await Asking(client, small).carriers(common)).json()
            assert answer["responseSummary"]["numTotalResults"] == carriers(small, common) // 50 * 50
    assert spent(small_engine, "organisation a.example") == 0


async def test_BEA_41_edges_are_published_with_the_filtering_terms(asking: Asking) -> None:
    terms = (await asking.client.get(f"{BASE}/filtering_terms")).json()["response"]["filteringTerms"]
    values = {term["id"]: term.get("values") for term in terms}
    assert values["ageOfOnset"][:4] == ["P0Y", "P1Y", "P5Y", "P10Y"]
    assert values[BMI][:3] == ["16", "18.5", "20"]


async def test_questions_that_differ_by_a_few_are_answered_alike(asking: Asking) -> None:
    """The term of nearly everybody takes few away, which the exact numbers show and the others do not."""
    usual = [{"id": USUAL}]
    exact = [(await asking.ask("/individuals", "controlled", filters=f)).json() for f in (usual, [])]
    numbers = [answer["responseSummary"]["numTotalResults"] for answer in exact]
    assert numbers[0] < numbers[1]
    for filters in ([{"id": term}] for term in TERMS):
        pair = [(await asking.ask("/individuals", filters=f)).json() for f in (filters, [*filters, *usual])]
        assert pair[0]["responseSummary"] == pair[1]["responseSummary"]


async def test_too_many_filters_to_compare_are_refused(asking: Asking) -> None:
    filters = [{"id": "ageOfOnset", "operator": ">=", "value": f"P{years}Y"} for years in range(10, 100, 10)]
    filters += [{"id": term} for term in TERMS]
    refused = await asking.ask("/individuals", filters=filters)
    assert refused.status_code == 400
    assert "16 at most" in refused.json()["error"]["errorMessage"]
    assert (await asking.ask("/individuals", "controlled", filters=filters)).status_code == 200


def test_wrong_edges_are_refused() -> None:
    with pytest.raises(ValueError, match="ascend"):
        Privacy.model_validate({"bins": {"ages": [0, 10, 10]}})


COHORTS = ("a", "b", "c", "d", "e")


def with_cohorts(engine: Engine, people: int) -> None:
    """Five cohorts of everybody."""
    with writing(engine).begin() as connection:
        for id in COHORTS:
            row = {"id": id, "dataset": DATASET, "name": id, "type": "study-defined", "record": {}}
            connection.execute(insert(models.Cohort), row)
            members = [{"cohort": id, "individual": f"HRI{number:06}"} for number in range(people)]
            connection.execute(insert(models.CohortMember), members)


async def test_a_question_about_cohorts_is_one_debit_of_all_its_answers(
    asking: Asking, small: Cohort, small_engine: Engine
) -> None:
    with_cohorts(small_engine, small.people)
    unknown = price(None, 400, FLOOR, numbers=False)
    asked = {"requestParameters": {"g_variant": small.question(0)}}
    refused = await asking.ask("/cohorts", "alice@a.example", **asked)
    assert 3 * unknown > 1, "two of a block are charged as one: five cohorts take three charges"
    assert refused.status_code == 403
    assert spent(small_engine, f"person {BROKER}\nalice") == 0, "nothing is paid of what is not answered"
    one = await asking.ask("/cohorts/a", "alice@a.example", **asked)
    assert one.status_code == 200
    assert spent(small_engine, f"person {BROKER}\nalice") == pytest.approx(unknown)
    again = await asking.ask("/cohorts/a/individuals", "alice@a.example", requestedGranularity="boolean", **asked)
    assert again.status_code == 200
    assert spent(small_engine, f"person {BROKER}\nalice") == pytest.approx(unknown), "the same question, asked before"
    with writing(small_engine).begin() as connection:
        connection.execute(delete(models.CohortMember).where(models.CohortMember.cohort > "b"))
        connection.execute(delete(models.Cohort).where(models.Cohort.id > "b"))
    two = await asking.ask("/cohorts", "bob@b.example", **asked)
    assert two.status_code == 200
    assert spent(small_engine, f"person {BROKER}\nbob") == pytest.approx(unknown)
