"""Row 70: a data set without its numbers of human genetic resources does not appear, where the policy says so."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.registration.genetic_resources import plan_numbers
from adapters.registration.plan import Origin, Plan

GOOD = {"approval": "2023CJ0123", "backup": "BF2023010112345"}


def planned(hgr: Any, tier: str, required: list[str]) -> tuple[dict[str, Any], list[str]]:
    plan = Plan()
    values = plan_numbers({"tier": tier, "hgr": hgr}, Origin("dataset.yaml").at("hgr"), plan, required)
    return values, [problem.kind.value for problem in plan.problems]


@pytest.mark.parametrize("hgr", [None, "", {}])
@pytest.mark.parametrize(
    ("tier", "required", "blocked"),
    [
        ("open", [], False),
        ("controlled", ["open"], False),  # as the archive's guide has it
        ("open", ["open"], True),
        ("controlled", ["open", "controlled"], True),
    ],
)
def test_ATTACKS_70_the_policy_says_who_needs_numbers(hgr: Any, tier: str, required: list[str], blocked: bool) -> None:
    assert planned(hgr, tier, required) == ({}, ["missing value"] if blocked else [])


@pytest.mark.parametrize("required", [[], ["controlled"]])
def test_numbers_and_the_word_that_none_apply_are_kept(required: list[str]) -> None:
    assert planned(GOOD, "controlled", required) == ({"hgr": GOOD}, [])
    assert planned("not applicable", "controlled", required) == ({"hgr": "not applicable"}, [])


@pytest.mark.parametrize("number", ["1", "abcdefgh", "2023 CJ 0123", "2023CJ0123;", "<script>2023", "2" * 41, 2023])
@pytest.mark.parametrize("key", ["approval", "backup"])
def test_ATTACKS_70_invalid_numbers_are_refused_whatever_the_policy(key: str, number: Any) -> None:
    for required in ([], ["controlled"]):
        assert planned({**GOOD, key: number}, "controlled", required)[1] == ["bad value"]


def test_ATTACKS_70_one_number_is_not_both() -> None:
    assert planned({"approval": "2023CJ0123"}, "open", ["open"])[1] == ["missing value"]
    assert planned({"approval": "2023CJ0123"}, "open", [])[1] == []
