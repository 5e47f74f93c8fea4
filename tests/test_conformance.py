"""The names of tests say which requirements they check."""

from __future__ import annotations

import doctest

import pytest

from tests import conformance


def test_the_examples_hold() -> None:
    assert doctest.testmod(conformance).failed == 0


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_DRS_28_REG_05_X_01_every_error", ["DRS-28", "REG-05", "X-01"]),
        ("test_HTS_43_and_44_urls", ["HTS-43", "HTS-44"]),
        ("test_HTS_05[start=1]", ["HTS-05"]),
        ("test_ATTACKS_13_to_43_visa_ignored", []),
        ("test_nothing_01", []),
    ],
)
def test_ids_in_names(name: str, ids: list[str]) -> None:
    assert conformance.ids_in(name) == ids
