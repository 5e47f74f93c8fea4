"""Coarse bins of ages and numbers: a comparison falls on published edges, so that a slid bound tells nothing new."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.terms.durations import DAYS, days
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter
from adapters.terms.ontology import CURIE
from adapters.terms.vocabulary import vocabulary

STEPS = (1, 2, 5)
"""Numbers without edges of their own have those of … 0.5, 1, 2, 5, 10, 20 …, their negatives, and 0."""

YEAR = DAYS[0]
LEAST = -1e300


@dataclass(frozen=True)
class Bins:
    """Edges of bins, each ``[edge, next edge)``. They are published, and never depend on anybody's data.

    :param ages: in years, ascending; they hold for every field of ages.
    :param numbers: ascending, by the term that a measure is named by.
    """

    ages: tuple[int, ...] = (0, 1, 5, *range(10, 100, 10))
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def coarse(self, filters: Sequence[Filter]) -> tuple[Filter, ...]:
        """The filters that are answered instead: every bin that a comparison touches belongs to it whole.

        :raises InvalidFilter: for ``!``, which would leave out one bin, on an age or a number.
        """
        return tuple(coarse for filter in filters for coarse in self._coarse(filter))

    def published(self, id: str) -> list[str]:
        """The edges for a field or measure as /filtering_terms lists them; empty where it has none of its own."""
        if _is_age(id):
            return [f"P{edge}Y" for edge in self.ages]
        return [f"{edge:g}" for edge in self.numbers.get(id, ())]

    def _coarse(self, filter: Filter) -> tuple[Filter, ...]:
        if filter.operator is None or filter.value is None:
            return (filter,)
        length = days(filter.value)
        if length is not None:
            return _between(filter, self.ages, length / YEAR, "P{:g}Y", 0)
        number = _number(filter.value) if CURIE.fullmatch(filter.id) else None
        if number is not None:
            return _between(filter, self.numbers.get(filter.id) or _series(number), number, "{:.12g}", LEAST)
        return (filter,)


def _is_age(id: str) -> bool:
    words = vocabulary()
    field = words.imaging_fields.get(id)
    of_imaging = field is not None and field.kind == "age"
    return of_imaging or id in words.ages or any(id in fields.ages for fields in words.specimens.values())


def _between(filter: Filter, edges: Sequence[float], value: float, form: str, least: float) -> tuple[Filter, ...]:
    low, high = _touched(filter, edges, value)
    bounds = ((">=", low), ("<", high))
    found = [replace(filter, operator=o, value=form.format(edge)) for o, edge in bounds if edge is not None]
    # Where no edge bounds it, everybody with a value meets it.
    return tuple(found) or (replace(filter, operator=">=", value=form.format(least)),)


def _touched(filter: Filter, edges: Sequence[float], value: float) -> tuple[float | None, float | None]:
    """The edge from which, and the edge below which values are in a bin that the comparison touches."""
    at = bisect_right(edges, value)
    below, above = (edges[at - 1] if at else None), (edges[at] if at < len(edges) else None)
    if filter.operator in (">", ">="):
        return below, None
    if filter.operator == "<":
        return None, below if below == value else above
    if filter.operator == "<=":
        return None, above
    if filter.operator == "=":
        return below, above
    raise InvalidFilter(f"filter {filter.id!r}: operator '!' on an age or a number needs access to the records")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _series(value: float) -> list[float]:
    """The edges of the 1-2-5 series next to a number, 0 among them where it is the nearest."""
    if value == 0:
        return [float("-1e-9"), 0.0, float("1e-9")]
    power = math.floor(math.log10(abs(value)))
    sizes = [float(f"{digit}e{exponent}") for exponent in range(power - 1, power + 2) for digit in STEPS]
    return sizes if value > 0 else [-size for size in reversed(sizes)]
