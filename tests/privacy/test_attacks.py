"""Known attacks against the endpoints: held at the default settings, successful with the protection switched off.

The full form, over 2,504 people, is ``make prove PART=privacy``.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from auth.policy import Floor
from tests.privacy import cohort, harness
from tests.privacy.harness import DEFAULT, NUMBERS, Target
from tests.privacy.server import OPEN, PROTECTED

pytestmark = pytest.mark.timeout(300)
PEOPLE, TARGETS = 160, 16
BOUND = 0.05 + 0.05


def noise(targets: int) -> float:
    """Three standard deviations of a share of 10 % of so many, and of the threshold from as many others."""
    return 3 * math.sqrt(2 * BOUND * (1 - BOUND) / targets)


@pytest.fixture(scope="module")
def rich() -> cohort.Cohort:
    """So many alleles that an open Beacon gives everybody away."""
    return cohort.generate(seed=7, people=PEOPLE, haplotypes=2500, neighbours=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacks")


@pytest.mark.parametrize(("settings", "numbers", "together"), [(PROTECTED, False, 2), (NUMBERS, True, 1)])
async def test_a_budget_holds(
    rich: cohort.Cohort, folder: Path, settings: dict[str, object], numbers: bool, together: int
) -> None:
    async with harness.member(rich, folder, settings) as asking:
        targets = Target(0 if numbers else TARGETS, TARGETS)
        found = await harness.by_budget(asking, targets, DEFAULT, numbers=numbers, together=together, most=6)
    assert found <= BOUND + noise(TARGETS)


async def test_without_protection_the_same_callers_recognise_members(rich: cohort.Cohort, folder: Path) -> None:
    async with harness.member(rich, folder, OPEN) as asking:
        found = await harness.by_budget(
            asking, Target(0, 20), Floor(1, 1), numbers=True, together=1, most=10, charged=False
        )
    assert found >= 0.5


async def test_anonymous_callers_learn_nothing_where_no_floor_would_hold(rich: cohort.Cohort, folder: Path) -> None:
    async with harness.member(rich, folder, PROTECTED) as asking:
        few = cohort.Cohort(rich.members, rich.others, rich.frequencies[:30], rich.starts[:30])
        asking.cohort = few
        assert not any(await harness.attacks.everything(asking, range(30)))


async def test_unlimited_identities_are_held_by_the_floor_of_anonymous_callers(tmp_path: Path) -> None:
    made = cohort.generate(seed=8, people=600, haplotypes=75, neighbours=2)
    async with harness.member(made, tmp_path, PROTECTED) as asking:
        found = await harness.unlimited(asking)
    assert found
    assert max(found.values()) <= BOUND + noise(600)


async def test_bounds_and_differences_isolate_nobody(tmp_path: Path) -> None:
    """The same questions, rounded just so but without bins and differences, find most of those who have the term."""
    made = cohort.generate(seed=9, people=900, haplotypes=2)
    rounded = {"floor": {}, "privacy": {"bins": "none", "apart": 1}}
    async with harness.member(made, tmp_path, PROTECTED) as asking:
        held = await harness.isolation(asking, targets=3, steps=4, pairs=4)
    assert held == {"slides": (0.0, 0.0), "differs": (0.0, 0.0)}
    async with harness.member(made, tmp_path, OPEN) as asking:
        exact = await harness.isolation(asking, targets=3, steps=2, pairs=4)
    assert exact["slides"] == (1.0, 0.0)
    assert exact["differs"][0] >= 0.8
    async with harness.member(made, tmp_path, rounded) as asking:
        slid = (await harness.isolation(asking, targets=1, steps=25, pairs=1))["slides"]
    assert slid[0] > 0
