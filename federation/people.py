"""People of one member that meet all clauses and none of the others: set algebra over whole persons.

A person may be several individuals of an archive that links to another (imaged twice, in two collections): what is met
by one of them is met by the person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from auth.caller import Caller

Clause = Mapping[str, Any]
Met = Sequence[tuple[str, str | None, Collection[str]]]
Search = Callable[[Clause, Caller | None], Met]


@dataclass(frozen=True)
class Row:
    """An individual whose record the caller may see; ``person`` is its GSA-Human accession, if linked."""

    accession: str
    person: str | None
    datasets: frozenset[str]


def of_genotypes(clause: Clause) -> bool:
    """Whether a clause asks about genotypes, which may be public at a lower granularity than people."""
    return clause.get("entryType") == "genomicVariant" or bool((clause.get("requestParameters") or {}).get("g_variant"))


class Meetings:
    """Who meets questions that share clauses: each clause is looked up once.

    A question is people that meet all of its ``all`` and none of its ``none``; without any ``all`` it is the people
    that meet at least one of ``none``: those to be taken away by another member's.
    """

    def __init__(self, search: Search, caller: Caller) -> None:
        self._search = search
        self._caller = caller
        self._met: dict[bytes, Met] = {}
        self._people: dict[bytes, frozenset[str]] = {}

    def met(self, clause: Clause) -> Met:
        """Who meets one clause."""
        form = orjson.dumps(clause, option=orjson.OPT_SORT_KEYS)
        if form not in self._met:
            self._met[form] = self._search(clause, self._caller)
        return self._met[form]

    def persons(self, question: Mapping[str, Any]) -> frozenset[str]:
        """By GSA-Human accession, or else own accession."""
        return self._of(question, _persons)

    def linked(self, question: Mapping[str, Any]) -> frozenset[str]:
        """By GSA-Human accession, those who have one here."""
        return self._of(question, _linked)

    def rows(self, question: Mapping[str, Any], visible: Collection[str]) -> tuple[Row, ...]:
        """The individuals to show, by accession.

        :param visible: data sets whose records the caller may see. A person's record is visible if **each** clause is
            met in one of them: what is met elsewhere only is not the caller's to know.
        """
        clauses = [self.met(clause) for clause in question["all"]]
        clauses = clauses or [[match for clause in question["none"] for match in self.met(clause)]]
        shown = [[match for match in met if visible_sets(match[2], visible)] for met in clauses]
        seen = self.persons(question).intersection(*(_persons(met) for met in shown))
        rows: dict[str, Row] = {}
        for met in shown:
            for accession, person, datasets in met:
                if (person or accession) in seen:
                    before = rows[accession].datasets if accession in rows else frozenset()
                    rows[accession] = Row(accession, person, before | visible_sets(datasets, visible))
        return tuple(rows[accession] for accession in sorted(rows))

    def _of(self, question: Mapping[str, Any], who: Callable[[Met], frozenset[str]]) -> frozenset[str]:
        form = who.__name__.encode() + orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
        if form not in self._people:
            self._people[form] = self._found(question, who)
        return self._people[form]

    def _found(self, question: Mapping[str, Any], who: Callable[[Met], frozenset[str]]) -> frozenset[str]:
        unwanted = frozenset[str]().union(*(who(self.met(clause)) for clause in question["none"]))
        if not question["all"]:
            return unwanted
        first, *others = (who(self.met(clause)) for clause in question["all"])
        found = first.intersection(*others) if others else first
        return found - unwanted if unwanted else found


def _persons(met: Met) -> frozenset[str]:
    return frozenset(person or accession for accession, person, _ in met)


def _linked(met: Met) -> frozenset[str]:
    return frozenset([person for _, person, _ in met if person is not None])


def visible_sets(datasets: Collection[str], visible: Collection[str]) -> frozenset[str]:
    """Those of ``datasets`` that are visible."""
    return frozenset(datasets).intersection(visible)
