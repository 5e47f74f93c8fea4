"""Forms of accessions and of dates."""

from __future__ import annotations

import datetime as dt

import pytest

from adapters.registration.accessions import Accessions, NoAccession
from adapters.registration.dates import date, dicom_age, dicom_date, is_collection_date, is_duration
from tests.adapters.registration.members import accessions


@pytest.mark.parametrize(
    ("member", "entity", "value", "good"),
    [
        ("gsa", "run", "CRR3301760", True),
        ("gsa", "run", "CRR12345", False),
        ("gsa", "run", "CRR123456x", False),
        ("gsa", "run", "xCRR123456", False),
        ("gsa", "dataset", "CRA028180", True),
        ("gsa", "dataset", "CRA0281801", False),
        ("gsa", "individual", "HRI000001", False),
        ("omix", "dataset", "OMIX528", True),
        ("omix", "file", "OMIX1544-06-01", True),
        ("omix", "file", "OMIX1544", False),
        ("gsa-human", "file", "HRR000128-01", True),
        ("obia", "link", "HRI000007", True),
    ],
)
def test_patterns_match_whole_accessions(member: str, entity: str, value: str, good: bool) -> None:
    known = accessions(member)
    assert known.matches(entity, value) is good
    assert (known.objection(entity, value) is None) is good


@pytest.mark.parametrize(
    ("member", "run", "dataset", "number", "expected"),
    [
        ("omix", None, "OMIX006457", 1, "OMIX006457-01"),
        ("omix", None, "OMIX528", 12, "OMIX528-12"),
        ("gsa-human", "HRR000128", "HRA000001", 2, "HRR000128-02"),
        ("gsa", "CRR3301760", "CRA028180", 1, "CRR3301760-01"),
        ("obia", None, "OBIA000001", 7, "OBIF00000007"),
    ],
)
def test_ids_of_files(member: str, run: str | None, dataset: str, number: int, expected: str) -> None:
    known = accessions(member)
    assert known.file(known.file_parent(run, dataset), number) == expected


def test_ids_that_cannot_be_made() -> None:
    with pytest.raises(NoAccession, match="give the id or the run"):
        accessions("gsa-human").file_parent(None, "HRA000001")
    with pytest.raises(NoAccession, match="used up"):
        accessions("omix").file("OMIX006457", 100)
    with pytest.raises(NoAccession, match="used up"):
        accessions("obia").numbered("file", 10**8)
    with pytest.raises(NoAccession, match="give it in the input"):
        Accessions({"run": r"R(\d|x)+"}).numbered("run", 1)


@pytest.mark.parametrize("text", ["2024-02-29", "1999-12-31"])
def test_dates(text: str) -> None:
    assert date(text).isoformat() == text


@pytest.mark.parametrize("text", ["2023-02-29", "2024-1-1", "20240101", "2024-01-01T00:00:00", "", "yesterday"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: YYYY-MM-DD"):
        date(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2024", True),
        ("2024-05", True),
        ("2024-05-31", True),
        ("2024-05/2024-06", True),
        ("NA", True),
        ("Not applicable", True),
        ("", True),
        ("2024-13", False),
        ("2024-04-31", False),
        ("0000", False),
        ("May 2024", False),
        ("2024-05/", False),
    ],
)
def test_collection_dates(text: str, good: bool) -> None:
    assert is_collection_date(text) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [("P32Y", True), ("P32Y6M", True), ("P1W", True), ("PT1H", True), ("P0D", True), ("P1.5Y", True),
     ("P", False), ("PT", False), ("32Y", False), ("P6M32Y", False), ("p32y", False), ("P1Y ", False)],
)  # fmt: skip
def test_durations(text: str, good: bool) -> None:
    assert is_duration(text) is good


def test_dicom_values() -> None:
    assert dicom_date("20240131") == dt.date(2024, 1, 31)
    assert dicom_date("1999.12.31") == dt.date(1999, 12, 31)
    assert dicom_date(" ") is None
    for wrong in ("20240231", "2024-01-31", "today"):
        with pytest.raises(ValueError):  # noqa: PT011 - the message is of the calendar or ours
            dicom_date(wrong)
    assert [dicom_age(text) for text in ("045Y", "003M", "010D", "", "45", "045y")] == [
        "P45Y",
        "P3M",
        "P10D",
        None,
        None,
        None,
    ]
