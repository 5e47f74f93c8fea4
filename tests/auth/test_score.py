"""The sharing score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.score import SECONDS_PER_DAY, Workload, sharing_score

DAY = SECONDS_PER_DAY


@pytest.mark.parametrize(
    ("work", "score"),
    [
        (Workload(0, 0, 0, 0), None),
        (Workload(5, 0, 0, 0), 0.0),
        (Workload(10, 10, 10, 0), 100.0),
        (Workload(10, 10, 10, 140 * DAY), 85.0),
        (Workload(10, 5, 5, 0), 80.0),
        (Workload(10, 10, 0, 0), 70.0),
        (Workload(4, 2, 1, 2 * 14 * DAY), 20 + 15 + 15),
    ],
)
def test_examples(work: Workload, score: float | None) -> None:
    assert sharing_score("controlled", work) == score


def test_open_is_full_whatever_was_asked() -> None:
    assert sharing_score("open", Workload(0, 0, 0, 0)) == sharing_score("open", Workload(9, 1, 0, 99)) == 100


@given(st.integers(1, 99), st.data())
def test_doing_more_sooner_never_lowers_the_score(received: int, data: st.DataObject) -> None:
    processed = data.draw(st.integers(1, received))
    approved = data.draw(st.integers(0, processed))
    seconds = data.draw(st.integers(0, 10**8))
    score = sharing_score("controlled", Workload(received, processed, approved, seconds))
    assert score is not None
    assert 0 <= score <= 100
    faster = sharing_score("controlled", Workload(received, processed, approved, seconds // 2))
    kinder = sharing_score("controlled", Workload(received, processed, processed, seconds))
    assert faster is not None
    assert kinder is not None
    assert faster >= score <= kinder
