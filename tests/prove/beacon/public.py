"""What a caller may be told at the default settings: docs/privacy.md in a few lines, written apart from the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

MINIMUM = ROUND_TO = 20
APART = 5
OPEN = "HRA000001"
GRANTS = {"two": "HRA000002", "three": "HRA000003"}


@dataclass(frozen=True)
class Caller:
    """Who asks.

    :param organisation: of the verified affiliation, None for who shows none.
    :param records: data sets whose records the caller sees.
    :param researcher: has Registered Access.
    """

    name: str | None
    organisation: str | None
    records: frozenset[str]
    researcher: bool


@cache
def caller(token: str | None) -> Caller:
    """The holder of a token ``NAME@ORGANISATION two three researcher``, of which all but the name may be absent."""
    if token is None:
        return Caller(None, None, frozenset({OPEN}), False)
    who, *words = token.split()
    name, _, organisation = who.partition("@")
    records = frozenset({OPEN, *(GRANTS[word] for word in words if word in GRANTS)})
    return Caller(name, organisation or None, records, "researcher" in words)


def floor(number: int) -> int | None:
    """The number to show, None where it may not be told that there is anything."""
    return None if number < MINIMUM else number - number % ROUND_TO


def known(token: str | None, who: Mapping[str, set[str]]) -> bool:
    """Whether a term that no ontology has may be known to exist, given the people of each data set who have it."""
    full = caller(token).records
    seen = set().union(*(of for d, of in who.items() if d in full))
    hidden = set().union(*(of for d, of in who.items() if d not in full))
    return bool(seen) or floor(len(hidden)) is not None


@dataclass(frozen=True)
class Sight:
    """What one caller may be told in answer to one question.

    :param genotypes: the question is about genotypes.
    :param closed: data sets that tell this caller nothing of them.
    :param least: fewest carriers for a yes, where it takes more than the floor.
    """

    caller: Caller
    genotypes: bool
    closed: frozenset[str] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)

    def full(self, dataset: str) -> bool:
        """Whether the caller sees its records."""
        return dataset in self.caller.records

    def granularity(self, dataset: str) -> str:
        """Records, numbers of people, or yes and no."""
        if self.full(dataset):
            return "record"
        return "boolean" if self.genotypes and not self.caller.researcher else "count"

    def tells(self, dataset: str, number: int) -> bool:
        """Whether it may be said that so many people are there."""
        if self.full(dataset):
            return number > 0
        return dataset not in self.closed and number >= self.least.get(dataset, 0) and floor(number) is not None

    def shown(self, found: Mapping[str, set[str]]) -> set[str]:
        """Data sets of which it may be said that somebody of ``found`` is there."""
        return {dataset for dataset, who in found.items() if self.tells(dataset, len(who))}

    def number(self, found: Mapping[str, set[str]]) -> int:
        """How many people may be told of, over all data sets."""
        shown = self.shown(found)
        exact = set().union(*(found[d] for d in shown if self.full(d)))
        counted = set().union(*(found[d] for d in shown if self.granularity(d) == "count")) - exact
        return len(exact) + (floor(len(counted)) or 0)
