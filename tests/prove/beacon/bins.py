"""Comparisons as they are answered without access to the records: every bin that one touches, whole."""

from __future__ import annotations

import re
from typing import Any

from tests.prove.beacon.facts import months

YEARS = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
SERIES = sorted(sign * digit * 10.0**power for sign in (1, -1) for digit in (1, 2, 5) for power in range(-9, 9))
AGES = ("age", "ageOfOnset", "diseases.ageOfOnset", "collectionMoment")


class Unanswered(Exception):
    """The comparison takes access to the records."""


def coarse(filter: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters that are answered instead.

    :raises Unanswered: for ``!``.
    """
    value = str(filter.get("value", ""))
    if "operator" not in filter:
        return [filter]
    if filter["id"] in AGES:
        edges = [float(year) for year in YEARS]
        found = _bounds(filter, edges, months(value) / 12)
        return [{**filter, "operator": operator, "value": f"P{edge:g}Y"} for operator, edge in found]
    if re.fullmatch(r"-?\d+(\.\d+)?", value) and ":" in filter["id"]:
        found = _bounds(filter, sorted([*SERIES, 0.0]), float(value))
        return [{**filter, "operator": operator, "value": f"{edge:.12g}"} for operator, edge in found]
    return [filter]


def _bounds(filter: dict[str, Any], edges: list[float], value: float) -> list[tuple[str, float]]:
    operator = filter["operator"]
    if operator == "!":
        raise Unanswered(filter["id"])
    below = [edge for edge in edges if edge <= value][-1:]
    above = [edge for edge in edges if edge > value][:1]
    low = [(">=", edge) for edge in below] if operator in (">", ">=", "=") else []
    if operator == "<":
        above = below if below == [value] else above
    high = [("<", edge) for edge in above] if operator in ("<", "<=", "=") else []
    return low + high or [(">=", edges[0])]
