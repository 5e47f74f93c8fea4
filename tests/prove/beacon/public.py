"""What a caller may be told: docs/privacy.md in a few lines, written apart from the code that it holds to account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINIMUM, ROUND_TO = 5, 5
TOKENS: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"HRA000001"}),
    "two": frozenset({"HRA000001", "HRA000002"}),
    "three": frozenset({"HRA000001", "HRA000003"}),
    "both": frozenset({"HRA000001", "HRA000002", "HRA000003"}),
}
"""Token → data sets whose records its holder sees; ``both`` is the caller to whom everything is exact."""


def floor(number: int) -> int | None:
    """The number to show, None where it may not be told that there is anything."""
    return None if number < MINIMUM else number - number % ROUND_TO


def granularity(token: str | None, dataset: str, *, genotypes: bool) -> str:
    """How much of a data set is told: records, numbers of people, or yes and no."""
    if dataset in TOKENS[token]:
        return "record"
    return "boolean" if genotypes else "count"


@dataclass(frozen=True)
class Told:
    """Of people, data set by data set, what may be told.

    :param shown: data sets of which it may be said that somebody is there.
    :param number: people over all data sets.
    """

    shown: frozenset[str]
    number: int


def people(token: str | None, found: Mapping[str, set[str]], *, genotypes: bool) -> Told:
    """What may be told of ``found``, the people of each data set who meet a question."""
    full = TOKENS[token]
    shown = {d for d, who in found.items() if who and (d in full or floor(len(who)) is not None)}
    exact = set().union(*(found[d] for d in shown & full))
    counted = set().union(*(found[d] for d in shown - full if not genotypes)) - exact
    return Told(frozenset(shown), len(exact) + (floor(len(counted)) or 0))


def known(token: str | None, who: Mapping[str, set[str]]) -> bool:
    """Whether a term that no ontology has may be known to exist, given the people of each data set who have it."""
    seen = set().union(*(of for d, of in who.items() if d in TOKENS[token]))
    hidden = set().union(*(of for d, of in who.items() if d not in TOKENS[token]))
    return bool(seen) or floor(len(hidden)) is not None
