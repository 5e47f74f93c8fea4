"""Requests of mixed callers at once: not one answer differs from the same request sent alone (10,000 in make prove)."""

from __future__ import annotations

from pathlib import Path

from adapters.catalog.engine import connect
from tests.privacy import cohort, mixed
from tests.privacy.cohort import Cohort
from tests.privacy.server import PROTECTED, serving


async def test_300_requests_at_once_are_answered_as_alone(small: Cohort, tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    engine = connect(f"sqlite:///{path}")
    cohort.write(engine, small)
    engine.dispose()
    asked = mixed.requests(small, seed=3, number=100)
    with serving(path, PROTECTED) as base:
        found, statuses = await mixed.differing(base, asked, total=300, seed=4)
    assert found == []
    assert set(statuses) >= {"200", "403"}
