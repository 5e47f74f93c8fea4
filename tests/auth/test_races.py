"""Row 66 at a small count; ``make prove PART=races`` runs a thousand over each database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from tests.prove import racing


def test_ATTACKS_66_interleavings_leave_no_illegal_outcome(engine: Engine, tmp_path: Path) -> None:
    with racing.stage(engine, tmp_path / "archive") as stage:
        seen = {racing.interleave(stage, number, seed=7) for number in range(20)}
        racing.whole(stage)
    assert len(seen) >= 2
