"""What a record says, in the forms that archives really use."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.terms.durations import days
from adapters.terms.extraction import facts
from adapters.terms.vocabulary import vocabulary

BMI = {"id": "LOINC:35925-4", "label": "BMI"}


def of(**record: Any) -> Any:
    return facts(record, vocabulary())


def test_excluded_phenotypes_do_not_count() -> None:
    found = of(
        phenotypicFeatures=[
            {"featureType": {"id": "HP:1"}, "excluded": True},
            {"featureType": {"id": "HP:2"}, "excluded": False},
            {"featureType": {"id": "HP:3"}},
        ]
    )
    assert {term for _, term in found.terms} == {"HP:2", "HP:3"}


def test_terms_keep_their_path_and_label() -> None:
    found = of(diseases=[{"diseaseCode": {"id": "ICD10:J40", "label": "bronchitis"}, "stage": {"id": "NCIT:C1"}}])
    assert found.terms == {("diseases.diseaseCode", "ICD10:J40"), ("diseases.stage", "NCIT:C1")}
    assert found.labels == {"ICD10:J40": "bronchitis"}


@pytest.mark.parametrize(
    "onset",
    [
        {"iso8601duration": "P40Y"},
        {"age": {"iso8601duration": "P40Y"}},
        {"age": "P40Y"},
        "P40Y",
        {"ageRange": {"start": {"iso8601duration": "P40Y"}, "end": {"iso8601duration": "P40Y"}}},
        {"start": {"iso8601duration": "P40Y"}, "end": {"iso8601duration": "P40Y"}},
    ],
)
def test_ages_in_every_form(onset: Any) -> None:
    length = days("P40Y")
    assert of(diseases=[{"diseaseCode": {"id": "X:1"}, "ageOfOnset": onset}]).values == {("ageOfOnset", length, length)}


def test_an_age_group_is_a_term_not_an_age() -> None:
    found = of(diseases=[{"ageOfOnset": {"id": "NCIT:C49685", "label": "Adult 18-65"}}])
    assert ("diseases.ageOfOnset", "NCIT:C49685") in found.terms
    assert not found.values


@pytest.mark.parametrize(
    "value",
    [
        {"value": 22.5},
        {"quantity": {"value": 22.5}},
        22.5,
        {"typedQuantities": [{"quantityType": BMI, "quantity": {"value": 22.5}}]},
    ],
)
def test_numbers_in_every_form(value: Any) -> None:
    assert of(measures=[{"assayCode": BMI, "measurementValue": value}]).values == {(BMI["id"], 22.5, 22.5)}


@pytest.mark.parametrize(
    "value", [{"value": "22"}, {"value": True}, None, {"value": float("nan")}, {"id": "NCIT:C1"}, []]
)
def test_what_is_no_number_is_none(value: Any) -> None:
    assert of(measures=[{"assayCode": BMI, "measurementValue": value}]).values == set()


@pytest.mark.parametrize(
    "record", [{}, {"diseases": None}, {"diseases": "x"}, {"diseases": [None, 3, {"diseaseCode": 3}]}]
)
def test_odd_records_have_no_facts(record: Any) -> None:
    assert not facts(record, vocabulary()).terms


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("P9M", "P1Y"),
        ("P30D", "P1M"),
        ("P11M", "P1Y"),
        ("P8Y", "P10Y"),
        ("P51W", "P1Y"),
        ("PT23H", "P1D"),
        ("P0Y", "P1D"),
    ],
)
def test_BEA_37_durations_compare_by_length_not_as_text(shorter: str, longer: str) -> None:
    assert days(shorter) < days(longer)  # type: ignore[operator]


@pytest.mark.parametrize(("one", "other"), [("P1Y", "P12M"), ("P1W", "P7D"), ("P2Y6M", "P30M"), ("P1D", "PT24H")])
def test_BEA_37_equal_durations(one: str, other: str) -> None:
    assert days(one) == days(other)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "40Y", "P-1Y", "P1S", "P1YT", "P1Y ", "p1y", "P1D1Y", "P" + "9" * 50 + "Y"]
)
def test_BEA_37_malformed_durations(text: str) -> None:
    assert days(text) is None
