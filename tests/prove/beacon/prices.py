"""What answers about genotypes cost, by the words of docs/privacy.md: every number of carriers is looked at."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.prove.beacon.public import MINIMUM, ROUND_TO

SHARE = 0.13
POINTS = FALSE_POSITIVES = 0.05
RAREST, QUARTERS = 24, 4  # frequencies are looked at from 2^-24, in steps of a quarter of a doubling
NEVER = 1e-40
Numbers = NDArray[np.float64]


def price(frequency: float | None, people: int, *, numbers: bool) -> float:
    """The highest price within a factor of two of the frequency, or at all; people count to two digits."""
    digits = 10 ** max(0, len(str(people)) - 2)
    middle = None if frequency is None else round(QUARTERS * math.log2(max(frequency, 2.0**-RAREST)))
    steps = [
        step
        for step in range(-QUARTERS * RAREST, 0)
        if middle is None or middle - QUARTERS <= step <= min(-1, middle + QUARTERS)
    ]
    return max(_price(2 ** (step / QUARTERS), people // digits * digits, numbers) for step in steps)


@cache
def _price(frequency: float, people: int, numbers: bool) -> float:
    told = cost(1 - (1 - frequency) ** 2, people, MINIMUM, numbers)
    if numbers:
        return max(told, 1 / (SHARE * people))
    frequency = max(frequency, (MINIMUM - 1) / (2 * people))
    raisaro = -math.log10(1 - (1 - frequency) ** (2 * people))
    return max(told, raisaro / -math.log10(FALSE_POSITIVES))


def cost(carrier: float, people: int, minimum: int, numbers: bool) -> float:
    """What one answer tells who knows whether the person carries the allele, as anybody does with a chance.

    :param numbers: it is a number, rounded; otherwise yes or no.
    """
    others = _binomial(people - 1, carrier)
    seen = np.arange(people + 1)
    shown = np.where(seen < minimum, 0, seen // ROUND_TO * ROUND_TO if numbers else 1)
    chances = []
    for own in (0, 1):
        of = np.zeros(people + 1)
        np.add.at(of, shown[own : own + people], others)
        chances.append(of)
    absent = (1 - carrier) * chances[0] + carrier * chances[1]
    return max(_told(present[absent > 0], absent[absent > 0]) for present in chances)


def _told(present: Numbers, absent: Numbers) -> float:
    divergence = float(((present - absent) ** 2 / absent).sum())
    order = np.argsort(-present / absent, kind="stable")
    wrong = right = 0.0
    for p, a in zip(present[order], absent[order], strict=True):  # the best test, by lot where it must stop within one
        part = min(1.0, (FALSE_POSITIVES - wrong) / a)
        wrong, right = wrong + part * a, right + part * p
        if part < 1:
            break
    return max(divergence / SHARE, (right - wrong) / POINTS)


def _binomial(trials: int, chance: float) -> Numbers:
    numbers = np.arange(trials + 1)
    ways = np.array([math.log(math.comb(trials, number)) for number in range(trials + 1)])
    chances: Numbers = np.exp(ways + numbers * math.log(chance) + (trials - numbers) * math.log1p(-chance))
    return np.where(chances > NEVER, chances, 0.0)


@cache
def anonymous_minimum(alleles: int, people: int) -> int | None:
    """Fewest carriers for a yes to everybody about every allele of the neutral spectrum; None where nothing is told."""
    minimum = MINIMUM
    while minimum <= people // 4:
        # Of the alleles the share with j carriers goes as 1/j, and a person carries j in ``people`` of those.
        costs = [cost(carriers / people, people, minimum, False) for carriers in range(1, people)]
        if alleles / (people * math.log(2 * people)) * sum(costs) <= 1:
            return minimum
        minimum = math.ceil(minimum * 1.25)
    return None
