"""Texts of elements after an action."""

from __future__ import annotations

import pytest

from adapters.deid.known import Known
from adapters.deid.rules import Action
from tests.adapters.deid.objects import subject


@pytest.mark.parametrize(
    ("age", "kept"),
    [("075Y", "075Y"), ("75Y", "075Y"), ("6M ", "006M"), ("010D", "010D"), ("", ""),
     ("75", ""), ("Mrs Y", ""), ("1234Y", "")],
)  # fmt: skip
def test_an_age_is_kept_as_its_vr_has_it(age: str, kept: str) -> None:
    assert subject(Known()).text(Action.KEEP, "AS", age) == kept
