"""Known attacks over 2,504 people, against the endpoints: within 5 points of the false-positive rate at the defaults.

Prints what each reaches (``pytest -s``); ``docs/privacy.md`` has the figures. ``GSANODE_TARGETS`` members, and as many
others, are sought one by one by callers with budgets.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from auth.policy import Floor
from tests.privacy import cohort, harness
from tests.privacy.harness import DEFAULT, NUMBERS, Target
from tests.privacy.server import OPEN, PROTECTED

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

SEED = int(os.environ.get("GSANODE_SEED", "1"))
TARGETS = int(os.environ.get("GSANODE_TARGETS", "400"))
PEOPLE = 2504
BOUND = 0.05 + 0.05


def tolerance(people: int) -> float:
    """Two standard deviations of a share of 10 % of so many, and of its threshold from as many others."""
    return 2 * math.sqrt(2 * BOUND * (1 - BOUND) / people)


def say(text: str) -> None:
    print(f"\n    {text}", end="", flush=True)


@pytest.fixture(scope="module")
def sparse() -> cohort.Cohort:
    """4,000 alleles: a panel of genes."""
    return cohort.generate(SEED, PEOPLE, haplotypes=2000, neighbours=2)


@pytest.fixture(scope="module")
def rich() -> cohort.Cohort:
    """20,000 alleles."""
    return cohort.generate(SEED + 1, PEOPLE, haplotypes=10_000, neighbours=2)


@pytest.fixture(scope="module")
def dense() -> cohort.Cohort:
    """The rare alleles of a cohort with 40,000: what tells most."""
    return cohort.generate(SEED + 2, PEOPLE, haplotypes=12_000, neighbours=2, most=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("privacy")


def place(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


@pytest.mark.parametrize("name", ["sparse", "rich"])
def test_what_a_fixed_floor_reaches_alone(name: str, request: pytest.FixtureRequest) -> None:
    """Yes and no about every allele, without anything but a floor: the table by floor."""
    made: cohort.Cohort = request.getfixturevalue(name)
    reached = []
    for minimum in (1, 10, 20, 50, 100, 200):
        told = [bool(n >= minimum) for n in (made.members > 0).sum(axis=0)]
        found = harness.by_all(made, told, Floor(minimum, 1))
        say(f"{made.alleles:,} alleles, floor {minimum}: " + ", ".join(f"{k} {v:.1%}" for k, v in found.items()))
        reached.append(max(found.values()))
    assert name == "sparse" or reached[0] > BOUND


async def test_unlimited_anonymous_identities(sparse: cohort.Cohort, folder: Path) -> None:
    async with harness.member(sparse, place(folder, "sparse"), PROTECTED) as asking:
        found = await harness.unlimited(asking)
    say("anonymous, at the defaults: " + ", ".join(f"{k} {v:.1%}" for k, v in found.items()))
    assert found
    assert max(found.values()) <= BOUND + tolerance(PEOPLE)


async def test_unlimited_anonymous_identities_where_no_floor_holds(rich: cohort.Cohort, folder: Path) -> None:
    few = cohort.Cohort(rich.members, rich.others, rich.frequencies[:500], rich.starts[:500])
    async with harness.member(rich, place(folder, "rich"), PROTECTED) as asking:
        asking.cohort = few
        assert not any(await harness.attacks.everything(asking, range(500)))


@pytest.mark.parametrize(
    ("settings", "numbers", "together"), [(PROTECTED, False, 1), (PROTECTED, False, 2), (NUMBERS, True, 1)]
)
async def test_callers_with_budgets(
    dense: cohort.Cohort, folder: Path, settings: dict[str, object], numbers: bool, together: int
) -> None:
    shift = (1 if numbers else together - 1 if together == 1 else 2) * TARGETS
    async with harness.member(dense, place(folder, "dense"), settings) as asking:
        found = await harness.by_budget(
            asking, Target(shift, TARGETS), DEFAULT, numbers=numbers, together=together, most=40
        )
    say(f"one caller, {'numbers' if numbers else 'yes and no'}, {together} in a block: {found:.1%}")
    assert found <= BOUND + tolerance(TARGETS)


async def test_with_the_protection_switched_off(dense: cohort.Cohort, folder: Path) -> None:
    async with harness.member(dense, place(folder, "dense"), OPEN) as asking:
        found = await harness.by_budget(
            asking, Target(0, TARGETS // 4), Floor(1, 1), numbers=True, together=1, most=30, charged=False
        )
    say(f"unprotected, 30 numbers: {found:.1%}")
    assert found >= 0.4


async def test_bounds_and_differences(sparse: cohort.Cohort, folder: Path) -> None:
    rounded = {"floor": {"minimum": 10, "round_to": 10}, "privacy": {"bins": "none", "apart": 1}}
    shares = {}
    for name, settings in (("defaults", PROTECTED), ("rounded to 10 only", rounded), ("unprotected", OPEN)):
        async with harness.member(sparse, place(folder, "sparse"), settings) as asking:
            shares[name] = await harness.isolation(asking, targets=8, steps=60, pairs=10)
        say(f"{name}: found with and without the term {shares[name]}")
    assert shares["defaults"] == {"slides": (0.0, 0.0), "differs": (0.0, 0.0)}
    assert shares["unprotected"]["slides"][0] >= 0.9
    assert shares["unprotected"]["differs"][0] >= 0.6
    assert shares["rounded to 10 only"]["slides"][0] >= 0.5
    assert np.array(list(shares["unprotected"].values()))[:, 1].max() == 0
