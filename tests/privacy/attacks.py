"""Attacks on membership and on what is said of one person, through the endpoints that everybody has.

The attacker is given all that the literature grants: the genomes of those sought, the true frequencies of all alleles,
the size of the data set, and the rules of this node. Each attack ends in a score per person; its power is the share of
members above the score that 5 % of strangers exceed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auth.information import price
from auth.policy import Floor
from node.privacy import Privacy
from tests.privacy.cohort import BMI, TERMS, USUAL, Cohort, Matrix, record
from tests.privacy.conftest import Asking

Scores = NDArray[np.float64]
FALSE_POSITIVES = 0.05
RARE_ERROR = 1e-6
EDGES = Privacy().edges().numbers[BMI]  # type: ignore[union-attr]


def power(members: Scores, others: Scores) -> float:
    """Share of ``members`` recognised where 5 % of ``others`` are taken for members; ties are decided by lot."""
    lot = np.random.default_rng(0)
    members, others = (side + lot.uniform(0, 1e-9, len(side)) for side in (members, others))
    return float((members > np.quantile(others, 1 - FALSE_POSITIVES)).mean())


@dataclass(frozen=True)
class Chances:
    """Probability of each answer of an allele: ``out`` without the person, ``own[c]`` with one who carries or not."""

    out: NDArray[np.float64]
    own: tuple[NDArray[np.float64], NDArray[np.float64]]

    def score(self, answer: int, carries: bool) -> float:
        """Log likelihood ratio of an answer."""
        return math.log((self.own[carries][answer] + 1e-300) / (self.out[answer] + 1e-300))

    @cached_property
    def telling(self) -> float:
        """Divergence of the answer for a carrier."""
        present, absent = self.own[True], self.out
        known = absent > 0
        return float((((present - absent) ** 2)[known] / absent[known]).sum())


def chances(frequency: float, people: int, floor: Floor, numbers: bool) -> Chances:
    """What answers are likely, for who knows the frequency and the floor; answers are counted from 0."""
    return _chances(float(f"{frequency:.2e}"), people, floor, numbers)


@cache
def _chances(frequency: float, people: int, floor: Floor, numbers: bool) -> Chances:
    carrier = min(max(1 - (1 - frequency) ** 2, 1e-12), 1 - 1e-12)
    others = _binomial(people - 1, carrier)
    size = people // floor.round_to + 2
    own = []
    for extra in (0, 1):
        seen = np.arange(len(others)) + extra
        shown = np.where(seen < floor.minimum, 0, seen // floor.round_to if numbers else 1)
        own.append(np.bincount(shown, weights=others, minlength=size))
    return Chances((1 - carrier) * own[0] + carrier * own[1], (own[0], own[1]))


@cache
def _ways(trials: int) -> NDArray[np.float64]:
    """Logarithms of the binomial coefficients."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    ways: NDArray[np.float64] = logs[trials] - logs - logs[::-1]
    return ways


def _binomial(trials: int, chance: float) -> NDArray[np.float64]:
    numbers = np.arange(trials + 1)
    ways = _ways(trials)
    spread: NDArray[np.float64] = np.exp(ways + numbers * math.log(chance) + (trials - numbers) * math.log1p(-chance))
    return spread


# --- without a budget: every allele, as often as one likes, under ever new identities ---


async def everything(asking: Asking, alleles: Sequence[int]) -> list[bool]:
    """What anonymous callers learn of every allele."""
    gate = asyncio.Semaphore(8)

    async def one(allele: int) -> bool:
        async with gate:
            answer = await asking.carriers(allele, requestedGranularity="boolean")
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["responseSummary"]["exists"])

    return await asyncio.gather(*(one(allele) for allele in alleles))


def shringarpure_bustamante(
    cohort: Cohort, alleles: Sequence[int], answers: Sequence[bool], floor: Floor
) -> tuple[Scores, Scores]:
    """Their test: knows the spectrum but not the frequency of an allele; looks at alleles that the person carries."""
    told = [chances(float(cohort.frequencies[a]), cohort.people, floor, False) for a in alleles]
    weights = np.array([1 - (1 - cohort.frequencies[a]) ** 2 for a in alleles])
    no_out = float(np.average([c.out[0] for c in told], weights=weights))
    no_own = max(RARE_ERROR, float(np.average([c.own[1][0] for c in told], weights=weights)))
    yes, no = math.log((1 - no_own) / (1 - no_out)), math.log(no_own / no_out)
    per_allele = np.where(answers, yes, no)
    return tuple((side[:, alleles] > 0) @ per_allele for side in (cohort.members, cohort.others))  # type: ignore[return-value]


def likelihood_ratio(
    cohort: Cohort, alleles: Sequence[int], answers: Sequence[bool], floor: Floor
) -> tuple[Scores, Scores]:
    """The best test where alleles are independent: the likelihood of every answer, carried or not."""
    weights = np.zeros((2, len(alleles)))
    for place, (allele, answer) in enumerate(zip(alleles, answers, strict=True)):
        told = chances(float(cohort.frequencies[allele]), cohort.people, floor, False)
        weights[:, place] = [told.score(int(answer), carries) for carries in (False, True)]
    return tuple(_weighed(side[:, alleles] > 0, weights) for side in (cohort.members, cohort.others))  # type: ignore[return-value]


def _weighed(carried: NDArray[np.bool_], weights: NDArray[np.float64]) -> Scores:
    scores: Scores = carried @ (weights[1] - weights[0]) + weights[0].sum()
    return scores


def inferred(
    cohort: Cohort, alleles: Sequence[int], answers: Sequence[bool], floor: Floor, neighbours: int
) -> tuple[Scores, Scores]:
    """The test of who knows linkage: of each haplotype, the joint likelihood of its neighbours' answers, simulated.

    Answers about neighbours support each other; taken for independent they would count too much.
    """
    dice = np.random.default_rng(1)
    scores = [np.zeros(len(side)) for side in (cohort.members, cohort.others)]
    for first in range(0, len(alleles), neighbours):
        block = list(alleles[first : first + neighbours])
        answer = np.array(answers[first : first + neighbours])
        ratios = _joint(cohort, block, answer, floor, dice)
        for score, side in zip(scores, (cohort.members, cohort.others), strict=True):
            score += ratios[(side[:, block] > 0).sum(axis=1)]
    return scores[0], scores[1]


def _joint(
    cohort: Cohort, block: list[int], answer: NDArray[np.bool_], floor: Floor, dice: np.random.Generator
) -> NDArray[np.float64]:
    """By how many of the nested alleles a person carries: the log ratio of the block's answers with them and without.

    Who carries a neighbour carries those before it, so that the number says which; carriers are drawn down the chain.
    """
    runs, levels = 4000, len(block) + 1
    carrier = 1 - (1 - cohort.frequencies[block]) ** 2
    counts = np.zeros((runs, len(block)), dtype=np.int64)
    counts[:, 0] = dice.binomial(cohort.people - 1, carrier[0], runs)
    for place in range(1, len(block)):
        counts[:, place] = dice.binomial(counts[:, place - 1], min(1.0, carrier[place] / carrier[place - 1]))
    seen = []
    for level in range(levels):
        own = np.arange(len(block)) < level
        seen.append((((counts + own) >= floor.minimum) == answer).all(axis=1).mean() + 1 / runs)
    shares = -np.diff(np.concatenate([[1.0], carrier, [0.0]]))
    out = float(np.dot(shares, seen))
    return np.log(np.array(seen) / out)


# --- with a budget: the most telling questions first ---


async def budgeted(
    asking: Asking,
    person: Matrix,
    token: str,
    floor: Floor,
    *,
    numbers: bool,
    together: int = 1,
    most: int = 60,
    charged: bool = True,
) -> float:
    """The score of one person for one caller who asks the most telling questions until the budget is spent.

    The order is the best: by what the answer tells for its price (Raisaro et al. order by rarity alone). With
    ``together``, neighbours that are charged as one are asked together. Where nothing is ``charged``, what tells most
    comes first, one group of each block.
    """
    score, refused = 0.0, 0
    for group in _ordered(asking.cohort, person, floor, numbers, together, charged)[:most]:
        for allele in group:
            answer = await asking.carriers(allele, token, requestedGranularity="count" if numbers else "boolean")
            if answer.status_code == 403:
                refused += 1
                continue
            assert answer.status_code == 200, answer.text
            summary = answer.json()["responseSummary"]
            told = summary["numTotalResults"] // floor.round_to if numbers else int(summary["exists"])
            score += chances(float(asking.cohort.frequencies[allele]), asking.cohort.people, floor, numbers).score(
                told, True
            )
        if refused >= 3:
            break
    return score


def _ordered(
    cohort: Cohort, person: Matrix, floor: Floor, numbers: bool, together: int, charged: bool
) -> list[list[int]]:
    by_block: dict[int, list[tuple[float, float, int]]] = {}
    for allele in np.flatnonzero(person).tolist():
        frequency = float(cohort.frequencies[allele])
        tells = chances(frequency, cohort.people, floor, numbers).telling
        cost = price(frequency, cohort.people, floor, numbers=numbers) if charged else 1.0
        by_block.setdefault(int(cohort.starts[allele]) // 10_000, []).append((tells, cost, allele))
    groups = []
    for found in by_block.values():
        best = sorted(found, reverse=True)
        for first in range(0, len(best) if charged else together, together):
            group = best[first : first + together]
            groups.append(
                (sum(t for t, _, _ in group) / (max(c for _, c, _ in group) + 1e-6), [a for _, _, a in group])
            )
    return [alleles for _, alleles in sorted(groups, reverse=True)]


# --- one person known but for one thing: does the target have the term? ---


@dataclass(frozen=True)
class Known:
    """What is known of a person, but for the term that is sought."""

    age: str
    bmi: float
    terms: frozenset[str]
    sex: str


def known(number: int) -> Known:
    person = record(number)
    terms = frozenset(feature["featureType"]["id"] for feature in person["phenotypicFeatures"])
    return Known(
        person["diseases"][0]["ageOfOnset"]["iso8601duration"],
        person["measures"][0]["measurementValue"]["value"],
        terms,
        person["sex"]["id"],
    )


async def _count(asking: Asking, filters: list[dict[str, Any]]) -> int:
    answer = await asking.ask("/datasets/HRA000001/individuals", filters=filters)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["responseSummary"]["numTotalResults"])


async def slides(asking: Asking, target: int, term: str, steps: int) -> bool:
    """Two bounds next to the target's age, while another bound slides the numbers over all their roundings."""
    person = known(target)
    for step in range(steps):
        bound = 17 + (person.bmi - 17) * step / steps
        others = [{"id": term}, {"id": BMI, "operator": ">=", "value": bound}]
        bounds = [{"id": "ageOfOnset", "operator": operator, "value": person.age} for operator in (">=", ">")]
        numbers = [await _count(asking, [*others, bound]) for bound in bounds]
        if numbers[0] != numbers[1]:
            return True
    return False


async def differs(asking: Asking, target: int, term: str, people: Sequence[Known], most: int) -> bool:
    """ "A" and "A and B", where B is known to hold of everybody with A but the target, for many A."""
    person, tried = people[target], 0
    own = sorted(person.terms - {term})
    low, high = next(pair for pair in pairwise(EDGES) if pair[0] <= person.bmi < pair[1])
    for size in range(5):
        for chosen in combinations(own, size):
            alike = [p for p in people if p.terms.issuperset(chosen) and p.sex == person.sex and low <= p.bmi < high]
            lacking = [p for p in alike if USUAL not in p.terms]
            if len(lacking) != 1:
                continue
            filters = [{"id": name} for name in (*chosen, term)] + [{"id": person.sex}]
            filters += [{"id": BMI, "operator": ">=", "value": low}, {"id": BMI, "operator": "<", "value": high}]
            with_usual = [*filters, {"id": USUAL}]
            if await _count(asking, filters) != await _count(asking, with_usual):
                return True
            tried += 1
            if tried == most:
                return False
    return False


def sought(people: Sequence[Known], most: int) -> list[int]:
    """Targets of :func:`differs`: people without the usual term."""
    return [number for number, person in enumerate(people) if USUAL not in person.terms][:most]


TERM = TERMS[0]
