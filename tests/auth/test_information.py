"""Prices against a simulation of the best test, written apart from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auth.information import EVIDENCE, anonymous_minimum, price, raisaro
from auth.policy import Floor

PEOPLE = 2504


def power(frequency: float, floor: Floor, numbers: bool, questions: int, seed: int = 1) -> float:
    """Share of members recognised at 5 % false positives by ``questions`` such answers about alleles they carry."""
    dice, runs = np.random.default_rng(seed), 60_000
    carrier = 1 - (1 - frequency) ** 2
    shown = []
    for own in (0, 1):
        people = PEOPLE - own
        counts = dice.binomial(people, carrier, (runs, questions)) + own
        told = np.where(counts < floor.minimum, 0, counts // floor.round_to + 1 if numbers else 1)
        shown.append(told)
    # The likelihood of each answer, from the other half of the runs.
    values = int(max(shown[0].max(), shown[1].max())) + 1
    chances = [np.bincount(side[: runs // 2].ravel(), minlength=values) + 0.5 for side in shown]
    ratio = np.log(chances[1] / chances[0])
    scores = [ratio[side[runs // 2 :]].sum(axis=1) + dice.uniform(0, 1e-9, runs // 2) for side in shown]
    return float((scores[1] > np.quantile(scores[0], 0.95)).mean())


@pytest.mark.parametrize("minimum", [10, 20, 50])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8, 1.0, 1.5])
@pytest.mark.parametrize("numbers", [False, True])
def test_a_whole_budget_gains_five_points_at_most(minimum: int, share: float, numbers: bool) -> None:
    floor = Floor(minimum, minimum)
    frequency = share * minimum / (2 * PEOPLE)
    questions = math.floor(1 / price(frequency, PEOPLE, floor, numbers=numbers))
    if questions:
        assert power(frequency, floor, numbers, min(questions, 40)) <= 0.10 + 0.006


def test_without_a_floor_a_yes_costs_what_raisaro_charges_at_least() -> None:
    for frequency in (0.0005, 0.001, 0.005):
        evidence = -math.log10(1 - (1 - frequency) ** (2 * PEOPLE))
        assert raisaro(frequency, PEOPLE) == pytest.approx(evidence)
        assert price(frequency, PEOPLE, Floor(1, 1), numbers=False) >= evidence / EVIDENCE


def test_a_number_costs_its_share_of_independent_counts_at_least() -> None:
    for frequency in (1e-6, 0.001, 0.2, 0.9):
        assert price(frequency, PEOPLE, Floor(20, 20), numbers=True) >= 1 / (0.13 * 2600)


def test_an_unknown_allele_costs_as_much_as_any() -> None:
    floor = Floor(20, 20)
    known = [price(frequency, PEOPLE, floor, numbers=False) for frequency in np.geomspace(1e-6, 0.9, 60)]
    unknown = price(None, PEOPLE, floor, numbers=False)
    assert max(known) <= unknown
    assert min(known) < 0.001 < unknown / 100


def test_a_frequency_may_be_off_by_a_factor_of_two() -> None:
    floor = Floor(20, 20)
    peak = 14 / (2 * PEOPLE)
    for factor in (0.51, 1.0, 1.96):
        assert price(factor * peak, PEOPLE, floor, numbers=False) > 0.45


def test_a_floor_that_holds_for_everyone_rises_with_alleles_and_ends() -> None:
    floor = Floor(20, 20)
    least = [anonymous_minimum(alleles, PEOPLE, floor) for alleles in (500, 3000, 6000, 1_000_000)]
    assert least[0] == 20
    assert least[0] <= (least[1] or 0) <= (least[2] or 0)
    assert least[-1] is None
    assert anonymous_minimum(500, 30, floor) is None
