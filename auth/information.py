"""What an answer about genotypes tells of one person, as a share of a budget. Pure, and never from anybody's data.

The one who asks knows a genome and wants to know whether its person is in the data set. Without the person the number
of carriers is binomial: ``people`` persons, each a carrier with the chance that the public frequency gives. With the
person, one of them is certain. What the answer shows of that number (at least the floor, or the number rounded) has a
distribution either way. A whole budget lifts the best test from 5 % right at 5 % wrong to 10 % right at 5 % wrong;
an answer costs what it adds to that, the greater of two measures:

- its chi-square divergence over :data:`SEPARATION`: information of independent answers adds up, and the sum that a
  whole budget buys moves the score of the best test by the 0.36 standard deviations between 5 % and 10 %;
- the points that it gains alone, over five points: a rare yes tells more than its divergence says.

Neither is ever taken below Raisaro's charge −log10(1−(1−f)^2N) of a yes, nor below 1/(0.13·N) for a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from auth.policy import Floor

FALSE_POSITIVES = 0.05
GAIN = 0.05
SEPARATION = 0.13
EVIDENCE = -math.log10(FALSE_POSITIVES)
"""A budget in Raisaro's unit: evidence for which the better test is one in twenty."""

STEPS = 4
"""Frequencies are looked at in steps of a quarter of a doubling."""

SPREAD = 4
"""Steps by which the public frequency may be off, either way: a factor of two between populations."""

_TAIL = 9.0
_RAREST = 2.0**-24


@lru_cache(4096)
def price(frequency: float | None, people: int, floor: Floor, *, numbers: bool) -> float:
    """The share of a budget that an answer costs, the most over all frequencies within a factor of two.

    :param frequency: public allele frequency; None if it is not known, or if the question does not name one allele:
        the answer then costs as much as the most telling allele would.
    :param people: how many people the data set has.
    :param numbers: the answer is a number; otherwise yes or no.
    """
    if people < 2:
        return math.inf
    least, size = math.floor(STEPS * math.log2(_RAREST)), _rounded(people)
    steps = range(least, 0)
    if frequency is not None:
        middle = round(STEPS * math.log2(min(max(frequency, _RAREST), 1.0)))
        steps = range(max(least, middle - SPREAD), min(-1, middle + SPREAD) + 1)
    return max(_price(step, size, floor, numbers) for step in steps)


def raisaro(frequency: float, people: int, minimum: int = 1) -> float:
    """Evidence of a yes, −log10(1−(1−f)^2N) (Raisaro et al., 2017).

    Where a yes takes ``minimum`` carriers, the allele is at least as frequent as those before the last one make it.
    """
    frequency = max(frequency, (minimum - 1) / (2 * people))
    if frequency >= 1:
        return 0.0
    nobody = math.exp(2 * people * math.log1p(-frequency))
    return -math.log1p(-nobody) / math.log(10) if nobody < 1 else math.inf


def anonymous_minimum(alleles: int, people: int, floor: Floor) -> int | None:
    """The least number of carriers for a yes, if everyone may ask about every allele of a data set for ever.

    All those answers together must cost no more than one budget for a person with an ordinary genome. Of ``alleles``
    with the neutral spectrum, the share with j carriers goes as 1/j, and a person carries j in ``people`` of those.

    :returns: None where no minimum up to a quarter of the people is enough.
    """
    minimum = max(floor.minimum, 2)
    while minimum <= people // 4:
        if _expected(alleles, people, minimum) <= 1:
            return minimum
        minimum = math.ceil(minimum * 1.25)
    return None


@lru_cache(maxsize=4096)
def _expected(alleles: int, people: int, minimum: int) -> float:
    """Budgets that yes and no about every allele cost together, of what one person carries."""
    of_one = alleles / (people * math.log(2 * people))
    floor, total, carriers = Floor(minimum, 1), 0.0, 1.0
    while carriers < people:
        width = max(1.0, carriers / 16)
        total += width * _of_carriers(carriers / people, people, floor, numbers=False)
        carriers += width
    return of_one * total


@lru_cache(maxsize=65536)
def _price(step: int, people: int, floor: Floor, numbers: bool) -> float:
    frequency = 2.0 ** (step / STEPS)
    told = _of_carriers(1 - (1 - frequency) ** 2, people, floor, numbers=numbers)
    least = 1 / (SEPARATION * people) if numbers else raisaro(frequency, people, floor.minimum) / EVIDENCE
    return max(told, least)


def _rounded(people: int) -> int:
    """To two digits, so that prices are computed once for a data set whose size changes by a few."""
    scale = 10 ** max(0, len(str(people)) - 2)
    return int(people // scale * scale)


def _of_carriers(carrier: float, people: int, floor: Floor, *, numbers: bool) -> float:
    """The cost for the one who knows the person's genotype: a carrier or not, whichever tells more.

    :param carrier: the chance that anybody is a carrier.
    """
    carrier = min(max(carrier, 1e-12), 1 - 1e-12)
    mean, width = people * carrier, _TAIL * math.sqrt(people * carrier * (1 - carrier)) + 12
    if not numbers and not mean - width <= floor.minimum <= mean + width:
        return 0.0  # the answer is foregone
    answers: dict[int, list[float]] = {}
    for others, chance in _binomial(people - 1, carrier):
        for own in (0, 1):
            seen = others + own
            shown = 0 if seen < floor.minimum else 1 if not numbers else seen - seen % floor.round_to
            answers.setdefault(shown, [0.0, 0.0])[own] += chance
    return max(_cost([(with_[own], (1 - carrier) * with_[0] + carrier * with_[1]) for with_ in answers.values()])
               for own in (0, 1))  # fmt: skip


def _cost(answers: list[tuple[float, float]]) -> float:
    """Cost of an answer whose values have these chances with the person and without."""
    divergence = sum((present - absent) ** 2 / absent for present, absent in answers if absent > 0)
    wrong = right = 0.0
    for present, absent in sorted(answers, key=lambda pair: -pair[0] / pair[1] if pair[1] else -math.inf):
        part = 1.0 if absent <= FALSE_POSITIVES - wrong else (FALSE_POSITIVES - wrong) / absent
        wrong, right = wrong + part * absent, right + part * present
        if part < 1:
            break
    return max(divergence / SEPARATION, (right - wrong) / GAIN)


def _binomial(trials: int, chance: float) -> Iterator[tuple[int, float]]:
    """The binomial distribution, without its far tails."""
    mean = trials * chance
    width = _TAIL * math.sqrt(mean * (1 - chance)) + 12
    whole = math.lgamma(trials + 1)
    for number in range(max(0, math.floor(mean - width)), min(trials, math.ceil(mean + width)) + 1):
        ways = whole - math.lgamma(number + 1) - math.lgamma(trials - number + 1)
        yield number, math.exp(ways + number * math.log(chance) + (trials - number) * math.log1p(-chance))
