"""The attacks of ``test_privacy`` over real genotypes, with their real linkage, where the shared data are present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auth.policy import Floor
from tests.privacy import real
from tests.privacy.cohort import Cohort
from tests.privacy.harness import DEFAULT, NUMBERS, Target, by_budget, member, unlimited
from tests.privacy.server import OPEN, PROTECTED
from tests.prove.test_privacy import BOUND, SEED, place, say, tolerance
from tests.support import shared

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

TARGETS = int(os.environ.get("GSANODE_TARGETS", "400")) // 2
FILES = ("1000G_2504_chr1_GRCh37.vcf.gz", "1000G_2548_chr22_GRCh38.vcf.gz")


@pytest.fixture(scope="module")
def people() -> Cohort:
    """About 1,250 people in the data set, and as many others."""
    return real.cohort([shared("data/variants") / name for name in FILES], SEED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


async def test_unlimited_anonymous_identities_over_real_genotypes(people: Cohort, folder: Path) -> None:
    async with member(people, place(folder, "real"), PROTECTED) as asking:
        found = await unlimited(asking, nested=False)
    say(f"real, {people.people:,} people, {people.alleles:,} alleles, anonymous: {found or 'nothing is told'}")
    assert max(found.values(), default=0.0) <= BOUND + tolerance(people.people)


@pytest.mark.parametrize(
    ("settings", "numbers", "together"), [(PROTECTED, False, 1), (PROTECTED, False, 2), (NUMBERS, True, 1)]
)
async def test_callers_with_budgets_over_real_genotypes(
    people: Cohort, folder: Path, settings: dict[str, object], numbers: bool, together: int
) -> None:
    first = TARGETS * (2 if numbers else together - 1)
    async with member(people, place(folder, "real"), settings) as asking:
        found = await by_budget(asking, Target(first, TARGETS), DEFAULT, numbers=numbers, together=together, most=40)
    say(f"real, one caller, {'numbers' if numbers else 'yes and no'}, {together} in a block: {found:.1%}")
    assert found <= BOUND + tolerance(TARGETS)


async def test_real_genotypes_with_the_protection_switched_off(people: Cohort, folder: Path) -> None:
    async with member(people, place(folder, "real"), OPEN) as asking:
        targets = Target(0, TARGETS // 2)
        found = await by_budget(asking, targets, Floor(1, 1), numbers=True, together=1, most=60, charged=False)
    say(f"real, unprotected, a number for each block: {found:.1%}")
    assert found > BOUND + tolerance(TARGETS // 2)
