"""What the archive adds to table E.1-1."""

from __future__ import annotations

import pytest

from adapters.deid.rules import Action
from tests.adapters.deid.objects import profile


@pytest.mark.parametrize(("tag", "beside"), profile().settings["removed_with"].items())
def test_what_is_valid_beside_a_removed_attribute_only_goes_with_it(tag: str, beside: str) -> None:
    assert profile().action(int(beside, 16), "LO") is Action.REMOVE
    assert profile().action(int(tag, 16), "LO") is Action.REMOVE
