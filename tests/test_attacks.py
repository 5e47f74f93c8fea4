"""Every row of the attack table has a test, and there are enough of them."""

from __future__ import annotations

import doctest

from tests import attacks


def test_the_examples_hold() -> None:
    assert doctest.testmod(attacks).failed == 0


def test_every_row_has_a_case() -> None:
    by_row, total = attacks.counted(attacks.collected())
    assert [row for row in attacks.ROWS if not by_row[row] and row not in attacks.WAITING] == []
    assert [row for row in by_row if row not in attacks.ROWS or row in attacks.WAITING] == []
    assert total >= 150
