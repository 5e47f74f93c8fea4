"""Comparisons hold certainly or not at all; text matches as written (PostgreSQL: tests/node/beacon/test_search.py)."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap
from sqlalchemy import Engine

from adapters.terms.errors import InvalidFilter, UnknownFilter
from adapters.terms.filters import Filter, Filters, read
from tests.adapters.terms.conftest import Put, prepared

EVERYONE = BitMap(range(10))
# ordinal: age, or age range, at onset in years
ONSETS: dict[int, Any] = {0: (40, 40), 1: (40, 50), 2: (50, 50), 3: (30, 41), 4: None}


@pytest.fixture
def terms_engine(sqlite_engine: Engine) -> Engine:
    """The many small cases run on one kind of server."""
    return prepared(sqlite_engine)


@pytest.fixture
def filters(terms_engine: Engine, put: Put) -> Filters:
    for ordinal, ages in ONSETS.items():
        record: dict[str, Any] = {"sex": {"id": "NCIT:C16576", "label": "50% fe_male"}}
        if ages:
            ends = {"start": {"iso8601duration": f"P{ages[0]}Y"}, "end": {"iso8601duration": f"P{ages[1]}Y"}}
            onset = {"iso8601duration": f"P{ages[0]}Y"} if ages[0] == ages[1] else ends
            record["diseases"] = [{"diseaseCode": {"id": f"ICD10:J{ordinal}"}, "ageOfOnset": onset}]
        put(ordinal, record)
    return Filters(terms_engine, ["individual"])


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("=", [0]), (">", [2]), (">=", [0, 1, 2]), ("<", []), ("<=", [0]), ("!", [1, 2, 3])],
)
def test_BEA_37_a_range_satisfies_only_what_both_its_ends_do(
    filters: Filters, operator: str, expected: list[int]
) -> None:
    asked = Filter("ageOfOnset", operator, "P480M")
    assert list(filters.individuals([asked], EVERYONE)) == expected


@pytest.mark.parametrize("id", ["ageOfOnset", "diseases.ageOfOnset", "diseases.ageOfOnset.iso8601duration"])
def test_BEA_37_a_field_goes_by_its_path_too(filters: Filters, id: str) -> None:
    assert list(filters.individuals([Filter(id, ">", "P45Y")], EVERYONE)) == [2]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("NCIT:C16576", True),
        ("ncit:c16576", True),
        ("50% FE_male", True),
        ("%fe_male", True),
        ("%fe%", True),
        ("%fexmale", False),
        ("female", False),
        ("NCIT:C1657", False),
        ("", False),
    ],
)
def test_BEA_37_wildcards_stand_for_text_and_nothing_else_does(filters: Filters, value: str, found: bool) -> None:
    assert list(filters.individuals([Filter("sex", "=", value)], EVERYONE)) == (list(ONSETS) if found else [])


def test_BEA_37_not_is_about_those_who_have_the_field(filters: Filters) -> None:
    assert list(filters.individuals([Filter("diseases.diseaseCode", "!", "ICD10:J0")], EVERYONE)) == [1, 2, 3]


def test_filters_are_joined_by_and_within_the_visible(filters: Filters) -> None:
    asked = [Filter("NCIT:C16576"), Filter("ageOfOnset", ">=", "P40Y")]
    assert list(filters.individuals(asked, EVERYONE)) == [0, 1, 2]
    assert list(filters.individuals(asked, BitMap([2, 4]))) == [2]
    assert list(filters.individuals([], BitMap([2, 4]))) == [2, 4]


def test_a_term_in_no_ontology_is_known_only_where_it_may_be_listed(filters: Filters) -> None:
    assert list(filters.individuals([Filter("ICD10:J0")], EVERYONE)) == [0]
    with pytest.raises(UnknownFilter, match="ICD10:J0"):
        filters.individuals([Filter("ICD10:J0")], EVERYONE, lambda people: len(people) > 1)
    with pytest.raises(UnknownFilter, match="ICD10:J0"):
        filters.individuals([Filter("ICD10:J0")], BitMap([1]))


@pytest.mark.parametrize("id", ["modality", "DCM:CT", "imaging:cross-sectional", "nonsense", "HP"])
def test_BEA_31_what_the_member_does_not_hold_is_unknown(filters: Filters, id: str) -> None:
    with pytest.raises(UnknownFilter, match=id):
        filters.individuals([Filter(id)], EVERYONE) if filters.scope(Filter(id)) == "individual" else None


@pytest.mark.parametrize(
    "data", [None, "HP:1", {}, {"id": ""}, {"id": 3}, {"id": "x" * 300}, {"id": "a", "value": True}]
)
def test_BEA_31_malformed_filters(data: Any) -> None:
    with pytest.raises(InvalidFilter):
        read(data)
