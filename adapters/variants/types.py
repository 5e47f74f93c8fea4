"""Names of variant types: what ``variantType`` of a question asks for, read from ``config/variant_types.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).resolve().parents[2] / "config" / "variant_types.yaml"


@cache
def _types() -> tuple[Mapping[str, frozenset[str]], tuple[str, ...]]:
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    by_name = {name.upper(): frozenset(row["types"]) for key, row in data.items() for name in (key, *row["synonyms"])}
    return by_name, tuple(data)


def types_named(name: str) -> frozenset[str] | None:
    """The stored types that ``name`` (DUP, EFO:0030070, …) asks for, or None for an unknown name."""
    return _types()[0].get(name.upper())


def type_names() -> tuple[str, ...]:
    """The canonical names that a question may use."""
    return _types()[1]
