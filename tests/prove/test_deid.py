"""De-identification against an answer key of planted identifiers (issue 7, "Measure": the answer key)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.prove.deid import score
from tests.prove.score import Score, by_category

SEED = int(os.environ.get("GSANODE_SEED", "1"))
LEAST = 0.9995  # of all checks


def test_deid_reduced(tmp_path: Path) -> None:
    """A tenth of the set, in every run of the tests."""
    outcome, reached = score(tmp_path, 150, SEED)
    assert outcome.refused == {}
    _judge(reached)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_deid_whole(tmp_path: Path) -> None:
    """1,500 objects and more: nothing leaks, at least 99.95 % of the checks are met, every category is there."""
    outcome, reached = score(tmp_path, 1600, SEED)
    assert outcome.passed == 1600
    for category, (met, all_) in by_category(reached).items():
        print(f"{category}: {met} of {all_}")
    print(f"{reached.share:.4%}")
    _judge(reached)
    assert set(by_category(reached)) >= {
        "tag_retained",
        "text_notnull",
        "text_retained",
        "text_removed",
        "date_shifted",
        "uid_changed",
        "uid_consistent",
        "patid_consistent",
        "pixels_retained",
    }


def _judge(reached: Score) -> None:
    assert reached.leaks == []
    assert reached.absent == 0
    assert reached.share >= LEAST, reached.misses[:20]
