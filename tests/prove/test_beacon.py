"""Random questions over files equal a brute-force oracle: exactly for who sees all records, for others as the default
settings have it, with floor, bins and budgets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from auth.budget import Budgets
from tests.node.family import BROKER, PUBLIC_URL
from tests.prove.beacon import holdings
from tests.prove.beacon.asking import prove
from tests.prove.beacon.budgets import Accounts
from tests.prove.beacon.files import Holdings
from tests.prove.beacon.oracle import Oracle
from tests.prove.beacon.questions import Questions
from tests.prove.beacon.registering import register
from tests.prove.beacon.serving import application
from tests.support import running

SEED = int(os.environ.get("GSANODE_SEED", "1"))


async def _prove(engine: Engine, folder: Path, seed: int, number: int, callers: int) -> None:
    root = folder / "holdings"
    holdings.write(root, seed)
    register(engine, root)
    files = Holdings(root)
    async with running(application(engine), PUBLIC_URL) as client:
        oracle = Oracle(files)
        outcomes = await prove(client, oracle, Questions(files, seed, callers), number)
    print(dict(sorted(outcomes.items())))
    assert outcomes["hit"] > number / 3, "most questions must find something"
    assert outcomes["refused"] < number / 3
    assert number / 50 < outcomes["exhausted"] < number / 4
    _compare(Budgets(engine), oracle.accounts)


def _compare(budgets: Budgets, accounts: Accounts) -> None:
    """To the last share of a budget, everybody has paid what the oracle reckons."""
    for holder, dataset in accounts.holders():
        kind, _, name = holder.partition(" ")
        named = {"person": f"{BROKER}\n{name}", "organisation": name or f"unaffiliated\n{BROKER}"}[kind]
        assert budgets.spent(dataset, f"{kind} {named}") == pytest.approx(accounts.spent(dataset, holder), abs=1e-6)
    assert len({holder for holder, _ in accounts.holders()}) > 5


@pytest.mark.asyncio
async def test_BEA_35_37_38_40_45_to_52_and_62_random_questions_over_files(engine: Engine, tmp_path: Path) -> None:
    await _prove(engine, tmp_path, SEED, 150, callers=4)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.asyncio
@pytest.mark.parametrize("part", range(5))  # of which each has other people, files and questions
async def test_beacon_ten_thousand_random_questions(engine: Engine, tmp_path: Path, part: int) -> None:
    await _prove(engine, tmp_path, SEED * 100 + part, 2000, callers=40)
