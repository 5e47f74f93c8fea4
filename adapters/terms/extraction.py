"""What a Beacon individual says, as terms, ages and numbers that filters ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.terms.durations import days
from adapters.terms.vocabulary import Vocabulary

Record = Mapping[str, Any]


@dataclass(slots=True)
class Facts:
    """The facts of one person.

    :param terms: (path, term id) pairs.
    :param labels: term id → label as the record gives it.
    :param values: (field, low, high): numbers in the record's unit, ages in days.
    """

    terms: set[tuple[str, str]] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    values: set[tuple[str, float, float]] = field(default_factory=set)


def facts(record: Record, vocabulary: Vocabulary) -> Facts:
    """The facts of a Beacon individual; what is marked as excluded is no fact."""
    found = Facts()
    for path in vocabulary.terms:
        for value in _walk(record, path.split(".")):
            term = _term(value)
            if term:
                found.terms.add((path, term[0]))
                if term[1]:
                    found.labels.setdefault(*term)
    for name, age in vocabulary.ages.items():
        for value in _walk(record, age.path.split(".")):
            span = _age(value)
            if span:
                found.values.add((name, *span))
    for number in vocabulary.numbers:
        for element in _walk(record, number.path.split(".")):
            found.values.update(_numbers(element, number.code, number.value))
    return found


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    """Everything at a path, lists entered, excluded elements left out."""
    if isinstance(value, list):
        for element in value:
            yield from _walk(element, steps)
    elif isinstance(value, Mapping) and value.get("excluded") is True:
        return
    elif not steps:
        yield value
    elif isinstance(value, Mapping) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])


def _term(value: Any) -> tuple[str, str] | None:
    """(id, label) of an ontology term; a time element may wrap one as ``ontologyClass``."""
    if not isinstance(value, Mapping):
        return None
    inner = value.get("ontologyClass", value)
    id = inner.get("id") if isinstance(inner, Mapping) else None
    if not isinstance(id, str) or not id:
        return None
    label = inner.get("label")
    return id, label if isinstance(label, str) else ""


def _age(value: Any) -> tuple[float, float] | None:
    """Days of an age or of both ends of an age range, in any of the forms that records use."""
    if isinstance(value, str):
        length = days(value)
        return None if length is None else (length, length)
    if not isinstance(value, Mapping):
        return None
    for wrapper in ("age", "ageRange", "iso8601duration"):
        if wrapper in value:
            return _age(value[wrapper])
    start, end = _age(value.get("start")), _age(value.get("end"))
    return (start[0], end[1]) if start and end and start[0] <= end[1] else None


def _numbers(element: Any, code: str, path: str) -> Iterator[tuple[str, float, float]]:
    if not isinstance(element, Mapping):
        return
    term, value = _term(element.get(code)), element.get(path)
    if isinstance(value, Mapping) and isinstance(value.get("typedQuantities"), list):
        for part in value["typedQuantities"]:
            yield from _numbers(part, "quantityType", "quantity")
        return
    number = _number(value)
    if term and number is not None:
        yield term[0], number, number


def _number(value: Any) -> float | None:
    """A finite number, plain or as Beacon's quantity."""
    while isinstance(value, Mapping):
        value = value.get("value", value.get("quantity"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
