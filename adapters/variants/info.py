"""The INFO column of a VCF line, read only where something of it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Fields that the standard reserves have their type even where a header does not declare them.
RESERVED = {"AC": "Integer", "AN": "Integer", "END": "Integer", "SVLEN": "Integer", "SVTYPE": "String"}


class Info:
    """Fields by key, typed as the header says.

    :param types: key → Integer, Float, Flag, Character or String.
    """

    def __init__(self, text: str, types: Mapping[str, str]) -> None:
        self._text = text
        self._types = types
        self._fields: dict[str, str] | None = None

    def get(self, key: str) -> Any:
        """A number, a tuple of several, a text, True for a flag; None for what is missing or not of its type."""
        if self._fields is None:
            pairs = (field.partition("=") for field in reversed(self._text.split(";")))
            self._fields = {name: value for name, _, value in pairs}
        text = self._fields.get(key)
        if text is None:
            return None
        kind = self._types.get(key) or RESERVED.get(key, "String")
        if kind == "Flag":
            return True
        if kind not in ("Integer", "Float"):
            return None if text == "." else text
        values = tuple(_number(part, int if kind == "Integer" else float) for part in text.split(","))
        return values[0] if len(values) == 1 else values


def _number(text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        return kind(text)
    except ValueError:
        return None
