"""Questions about people that differ by a few are told alike, over all the clauses of a question and over both sides
of a join: what two answers differ by is then nobody in particular (``docs/privacy.md``, near questions).

A **condition** is a filter of a wanted clause, an unwanted clause, or one of several filters of an unwanted clause. One
that changes who meets the question, but by fewer than ``apart`` people, is left out; then the next, until none that is
left does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Question = Mapping[str, Any]
MOST_CONDITIONS = 16


class TooManyConditions(ValueError):
    """More conditions than can be compared."""


def without_one(question: Question) -> list[Question]:
    """The question without each of its conditions, in their order.

    A question that would have no clause left is not among them.

    :raises TooManyConditions: for more than :data:`MOST_CONDITIONS`.
    """
    found: list[Question] = [
        *({**question, "all": clauses} for clauses in _with_a_filter_less(question["all"], at_least=1)),
        *({**question, "none": clauses} for clauses in _with_a_clause_less(question)),
        *({**question, "none": clauses} for clauses in _with_a_filter_less(question["none"], at_least=2)),
    ]
    if len(found) > MOST_CONDITIONS:
        raise TooManyConditions(
            f"all, none: {len(found)} conditions at one member; {MOST_CONDITIONS} can be compared, more take access"
            " to the records"
        )
    return found


def _with_a_filter_less(clauses: Sequence[Mapping[str, Any]], at_least: int) -> Iterator[list[Mapping[str, Any]]]:
    for number, clause in enumerate(clauses):
        filters = clause.get("filters") or []
        for place in range(len(filters) if len(filters) >= at_least else 0):
            wider = {**clause, "filters": [*filters[:place], *filters[place + 1 :]]}
            yield [*clauses[:number], wider, *clauses[number + 1 :]]


def _with_a_clause_less(question: Question) -> Iterator[list[Mapping[str, Any]]]:
    clauses = question["none"]
    if question["all"] or len(clauses) > 1:
        for number in range(len(clauses)):
            yield [*clauses[:number], *clauses[number + 1 :]]


def told(question: Question, meet: Callable[[Question], frozenset[str]], apart: int) -> Question:
    """The question that is answered instead of ``question``.

    :param meet: the people who meet a question.
    :param apart: by how many people answers must differ to be told apart.
    :raises TooManyConditions: see :func:`without_one`.
    """
    while apart > 1:
        people = meet(question)
        changes = [(len(people ^ meet(other)), place) for place, other in enumerate(without_one(question))]
        few = [change for change in changes if 0 < change[0] < apart]
        if not few:
            break
        question = without_one(question)[min(few)[1]]
    return question


class Side:
    """One side of a join as pseudonyms, and what it becomes without each of its conditions.

    :param without: by condition, the people gained and the people lost.
    """

    def __init__(
        self, people: frozenset[bytes], without: Sequence[tuple[frozenset[bytes], frozenset[bytes]]] = ()
    ) -> None:
        self.people = people
        self._without = tuple(without)

    def wider(self) -> list[Side]:
        """The side without each of its conditions; the others still can be left out, each by its own effect."""
        return [
            Side((self.people | gained) - lost, self._without[:place] + self._without[place + 1 :])
            for place, (gained, lost) in enumerate(self._without)
        ]


def told_joined(kept: Side, other: Side, *, away: bool, apart: int) -> frozenset[bytes]:
    """The people who are answered of a join: those of both sides, or of ``kept`` without ``other``.

    All that one side asks for is a condition too. Questions whose results differ by fewer than ``apart`` people are
    told alike, as :func:`told` does for one member.
    """
    sides: tuple[Side, ...] = (kept, other)
    people = _shared(sides, away)
    while apart > 1:
        changes = [(len(people ^ _shared(less, away)), place, less) for place, less in enumerate(_less(sides, away))]
        few = [change for change in changes if 0 < change[0] < apart]
        if not few:
            break
        sides = min(few, key=lambda change: change[:2])[2]
        people = _shared(sides, away)
    return people


def told_number(kept: int, other: int, shared: int, *, away: bool, apart: int) -> int:
    """How many :func:`told_joined` answers of sides without conditions that could be left out by themselves.

    :param kept: people of the one side, ``other`` those of the other, ``shared`` those of both.
    """
    now = kept - shared if away else shared
    alone = [kept] if away else [kept, other]
    few = [(abs(number - now), place) for place, number in enumerate(alone) if 0 < abs(number - now) < apart]
    return alone[min(few)[1]] if few else now


def _shared(sides: Sequence[Side], away: bool) -> frozenset[bytes]:
    if len(sides) == 1:
        return sides[0].people
    kept, other = (side.people for side in sides)
    return kept - other if away else kept & other


def _less(sides: tuple[Side, ...], away: bool) -> Iterator[tuple[Side, ...]]:
    """The sides with one condition less."""
    for place, side in enumerate(sides):
        for wider in side.wider():
            yield (*sides[:place], wider, *sides[place + 1 :])
    if len(sides) == 2:
        yield sides[:1]
        if not away:
            yield sides[1:]
