"""Questions whose people differ by a few are told alike, so that what two answers differ by is nobody in particular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pyroaring import BitMap

from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter
from node.beacon.question import Members, Question, Search

MOST_FILTERS = 16


def told_alike(
    search: Search, question: Question, members: Members, found: Members, apart: Mapping[str, int]
) -> dict[str, tuple[Question, BitMap]]:
    """By data set what is answered, and who meets it: the question, or it without filters that take few people away.

    A filter that takes away fewer than ``apart`` people is left out, then the next, until none of those left does:
    "A" and "A and B" have the same answer where B does not hold of the one person who was meant. It is the one that
    takes the fewest away, of several the first by its text: in which order they are given does not matter.

    :param found: who meets the question.
    :raises InvalidFilter: for more filters than can be looked at.
    """
    filters = tuple(dict.fromkeys(question.filters))
    if len(filters) > MOST_FILTERS:
        raise InvalidFilter(f"filters: {len(filters)} of them; without access to the records {MOST_FILTERS} at most")
    wider = _Wider(search, members)
    told: dict[str, tuple[Question, BitMap]] = {}
    for dataset, people in found.items():
        asked = replace(question, filters=filters)
        while (less := wider.next(asked, dataset, len(people), apart.get(dataset, 1))) is not None:
            asked, people = less, wider.met(less)[dataset]
        told[dataset] = asked, people
    return told


class _Wider:
    """Who meets a question with fewer filters; each is asked once."""

    def __init__(self, search: Search, members: Members) -> None:
        self._search = search
        self._members = members
        self._met: dict[Question, Members] = {}

    def met(self, question: Question) -> Members:
        if question not in self._met:
            self._met[question] = self._search.met(question, self._members, lambda _people: True)
        return self._met[question]

    def next(self, question: Question, dataset: str, number: int, apart: int) -> Question | None:
        """The question without the filter that takes the fewest away, if it takes any, and less than ``apart``."""
        added = [(len(self.met(less)[dataset]) - number, _text(left_out), less) for left_out, less in _less(question)]
        few = [one for one in added if 0 < one[0] < apart]
        return min(few)[2] if few else None


def _less(question: Question) -> Iterator[tuple[Filter, Question]]:
    for place, filter in enumerate(question.filters):
        yield filter, replace(question, filters=question.filters[:place] + question.filters[place + 1 :])


def _text(filter: Filter) -> tuple[str, str, str, bool]:
    return str(filter), filter.scope or "", filter.about or "", filter.descendants
