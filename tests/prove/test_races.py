"""Row 66: 1,000 interleavings of approve, revoke, close, reject, minting and download, over each database."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.prove import racing

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]
ROUNDS = 1000
SEED = int(os.environ.get("GSANODE_SEED", "1"))


def test_ATTACKS_66_a_thousand_interleavings_leave_no_illegal_outcome(engine: Engine, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    with racing.stage(engine, tmp_path / "archive") as stage:
        for number in range(ROUNDS):
            outcomes[racing.interleave(stage, number, SEED)] += 1
        racing.whole(stage)
    print(f"{engine.dialect.name}: {dict(outcomes)}")
    assert min(outcomes[state] for state in ("approved", "revoked", "closed", "rejected")) >= 10, outcomes
