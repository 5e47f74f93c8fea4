"""Conditions of a visa (Passport 1.2.1, Conditions; VIS-10, VIS-11), evaluated fully and in bounded time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from auth.caller import Clause, Conditions, Visa

MAX_CLAUSES = 100
MAX_PATTERN = 1024
MAX_VALUE = 4096
_CLAIMS: dict[str, Callable[[Visa], str | None]] = {
    "value": lambda visa: visa.value,
    "source": lambda visa: visa.source,
    "by": lambda visa: visa.by,
}


class InvalidConditions(ValueError):
    """Conditions that are not a list of lists, or too many."""


def parse(conditions: Any) -> Conditions:
    """Conditions as they stand in a visa; a clause of wrong form stays as one that is never met.

    :raises InvalidConditions: not a non-empty list of lists, or more than 100 clauses.
    """
    if not isinstance(conditions, list) or not conditions:
        raise InvalidConditions("conditions are not a list of alternatives")
    if not all(isinstance(alternative, list) for alternative in conditions):
        raise InvalidConditions("an alternative of the conditions is not a list of clauses")
    if sum(len(alternative) for alternative in conditions) > MAX_CLAUSES:
        raise InvalidConditions(f"the conditions have more than {MAX_CLAUSES} clauses")
    return tuple(tuple(_clause(clause) for clause in alternative) for alternative in conditions)


def _clause(clause: Any) -> Clause:
    if not isinstance(clause, dict) or not all(isinstance(value, str) for value in clause.values()):
        return ()
    return tuple(sorted(clause.items()))


def met(conditions: Conditions, visas: Sequence[Visa]) -> tuple[Visa, ...] | None:
    """The visas that meet ``conditions`` for the longest time, or None if they are not met.

    :param visas: verified visas of the same person; those that have conditions themselves count for nothing.
    """
    free = [visa for visa in visas if not visa.conditions]
    ways = [way for alternative in conditions if (way := _alternative(alternative, free)) is not None]
    return max(ways, key=_end, default=None)


def _alternative(alternative: Sequence[Clause], visas: Sequence[Visa]) -> tuple[Visa, ...] | None:
    """All clauses must be met; an alternative without clauses is met by nobody."""
    chosen: list[Visa] = []
    for clause in alternative:
        meeting = [visa for visa in visas if meets(visa, clause)]
        if not meeting:
            return None
        chosen.append(max(meeting, key=lambda visa: visa.expires))
    return tuple(chosen) or None


def _end(way: Sequence[Visa]) -> int:
    return min(visa.expires for visa in way)


def meets(visa: Visa, clause: Clause) -> bool:
    """Does this single visa meet ``clause``: its type, and at least one other claim of it?"""
    claims = dict(clause)
    if claims.pop("type", None) != visa.type or not claims:
        return False
    return all(name in _CLAIMS and _matches(_CLAIMS[name](visa), wanted) for name, wanted in claims.items())


def _matches(value: str | None, wanted: str) -> bool:
    if value is None:
        return False
    prefix, colon, rest = wanted.partition(":")
    if not colon:
        return False
    if prefix == "const":
        return value == rest
    if prefix == "pattern":
        return glob(rest, value)
    if prefix == "split_pattern":
        return any(glob(rest, part) for part in value.split(";"))
    return False


def glob(pattern: str, value: str) -> bool:
    """Does ``pattern`` match all of ``value``: ``?`` one character, ``*`` any number, all else itself?

    Stars are matched leftmost, without going back; a pattern above 1,024 or a value above 4,096 characters never
    matches, so that the time is bounded.
    """
    if len(pattern) > MAX_PATTERN or len(value) > MAX_VALUE:
        return False
    first, *rest = [_piece(piece) for piece in pattern.split("*")]
    head = first.match(value)
    if head is None:
        return False
    if not rest:
        return head.end() == len(value)
    *middle, last = rest
    place = head.end()
    for piece in middle:
        found = piece.search(value, place)
        if found is None:
            return False
        place = found.end()
    start = len(value) - _length(pattern)
    return start >= place and last.match(value, start) is not None


def _piece(piece: str) -> re.Pattern[str]:
    return re.compile(".".join(re.escape(part) for part in piece.split("?")), re.DOTALL)


def _length(pattern: str) -> int:
    return len(pattern.rpartition("*")[2])
