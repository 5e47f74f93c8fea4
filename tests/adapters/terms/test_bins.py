"""Comparisons of callers below record access fall on published edges (issue: bounds that slide)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.terms.bins import Bins
from adapters.terms.durations import days
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter

BMI = "LOINC:39156-5"
BINS = Bins(numbers={BMI: (18.5, 25.0, 30.0)})


def words(id: str, operator: str, value: str) -> list[str]:
    return [f"{f.operator}{f.value}" for f in BINS.coarse([Filter(id, operator, value)])]


@pytest.mark.parametrize(
    ("id", "asked", "answered"),
    [
        ("ageOfOnset", (">", "P43Y"), [">=P40Y"]),
        ("ageOfOnset", (">=", "P40Y"), [">=P40Y"]),
        ("ageOfOnset", ("<", "P40Y"), ["<P40Y"]),
        ("ageOfOnset", ("<", "P40Y1D"), ["<P50Y"]),
        ("ageOfOnset", ("<=", "P40Y"), ["<P50Y"]),
        ("age", ("=", "P612M"), [">=P50Y", "<P60Y"]),
        ("age", ("<=", "P120Y"), [">=P0Y"]),
        (BMI, (">=", "26.1"), [">=25"]),
        (BMI, ("<", "18"), ["<18.5"]),
        (BMI, (">", "3"), [">=-1e+300"]),
        ("LOINC:1", ("=", "0.07"), [">=0.05", "<0.1"]),
        ("LOINC:1", ("<", "-3"), ["<-2"]),
        ("modality", ("=", "CT"), ["=CT"]),
        ("manufacturer", ("=", "3"), ["=3"]),
    ],
)
def test_a_comparison_takes_whole_bins(id: str, asked: tuple[str, str], answered: list[str]) -> None:
    assert words(id, *asked) == answered


OPERATORS = ("<", "<=", ">", ">=", "=")


def holds(value: float, operator: str, bound: float) -> bool:
    return {
        "<": value < bound,
        "<=": value <= bound,
        ">": value > bound,
        ">=": value >= bound,
        "=": value == bound,
    }[operator]


def meets(filters: list[Filter], value: float) -> bool:
    return all(holds(value, str(f.operator), float(str(f.value))) for f in filters)


@given(st.sampled_from(OPERATORS), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from([BMI, "LOINC:1"]))
def test_nobody_who_meets_it_is_left_out(operator: str, bound: float, value: float, id: str) -> None:
    if holds(value, operator, bound):
        assert meets(list(BINS.coarse([Filter(id, operator, repr(bound))])), value)


@given(st.sampled_from(OPERATORS), st.integers(0, 120 * 12), st.integers(0, 120 * 12))
def test_a_bound_that_slides_within_a_bin_tells_nothing(operator: str, one: int, other: int) -> None:
    """Strictly between two edges every bound is answered alike."""
    edges = [*BINS.ages, 10_000]
    place = [next(i for i, edge in enumerate(edges) if months < edge * 12) for months in (one, other)]
    inner = all(months % 12 for months in (one, other))
    if inner and place[0] == place[1]:
        assert words("ageOfOnset", operator, f"P{one}M") == words("ageOfOnset", operator, f"P{other}M")
    for filter in BINS.coarse([Filter("ageOfOnset", operator, f"P{one}M")]):
        years = (days(str(filter.value)) or 0) / 365.25
        assert round(years, 6) in BINS.ages


def test_a_bin_cannot_be_left_out() -> None:
    with pytest.raises(InvalidFilter, match=r"ageOfOnset.*needs access to the records"):
        BINS.coarse([Filter("ageOfOnset", "!", "P40Y")])
