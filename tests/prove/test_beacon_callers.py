"""10,000 concurrent requests of mixed callers: not one answer differs from the same request sent alone."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from adapters.catalog.engine import connect
from tests.privacy import cohort, mixed
from tests.privacy.server import PROTECTED, serving

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]
SEED = int(os.environ.get("GSANODE_SEED", "1"))


async def test_10_000_requests_at_once_are_answered_as_alone(tmp_path: Path) -> None:
    made = cohort.generate(SEED, people=400, haplotypes=60, neighbours=2)
    path = tmp_path / "catalog.db"
    engine = connect(f"sqlite:///{path}")
    cohort.write(engine, made)
    engine.dispose()
    asked = mixed.requests(made, SEED, number=1000)
    kinds = Counter(sent.path for sent in asked)
    assert len(kinds) == len(mixed.PATHS)
    with serving(path, PROTECTED) as base:
        found, statuses = await mixed.differing(base, asked, total=10_000, seed=SEED + 1)
    assert found == []
    assert set(statuses) == {"200", "400", "403"}, statuses
