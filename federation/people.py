"""People of one member that meet all clauses and none of the others: set algebra over whole persons.

A person may be several individuals of an archive that links to another (imaged twice, in two collections): what is met
by one of them is met by the person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class People:
    """Persons that meet a question: ``all`` by GSA-Human accession or else own accession, ``linked`` the former."""

    all: frozenset[str]
    linked: frozenset[str]
    records: tuple[Row, ...]


def of_genotypes(clause: Clause) -> bool:
    """Whether a clause asks about genotypes, which may be public at a lower granularity than people."""
    return clause.get("entryType") == "genomicVariant" or bool((clause.get("requestParameters") or {}).get("g_variant"))


def meeting(search: Search, question: Mapping[str, Any], caller: Caller, visible: Collection[str]) -> People:
    """The people that meet all of ``question["all"]`` and none of ``question["none"]``.

    Without any ``all`` it is the people that meet at least one of ``none``: those to be taken away by another member's.

    :param visible: data sets whose records the caller may see. A person's record is visible if **each** clause is met
        in one of them: what is met elsewhere only is not the caller's to know.
    """
    wanted = [search(clause, caller) for clause in question["all"]]
    unwanted = [search(clause, caller) for clause in question["none"]]
    if not wanted:
        every = [match for met in unwanted for match in met]
        return _people([every], _persons(every), visible)
    persons = frozenset.intersection(*(_persons(met) for met in wanted))
    persons = persons.difference(*(_persons(met) for met in unwanted))
    return _people(wanted, persons, visible)


def _persons(met: Met) -> frozenset[str]:
    return frozenset(person or accession for accession, person, _ in met)


def _people(clauses: Sequence[Met], persons: frozenset[str], visible: Collection[str]) -> People:
    shown = [[match for match in met if visible_sets(match[2], visible)] for met in clauses]
    seen = persons.intersection(*(_persons(met) for met in shown))
    rows: dict[str, Row] = {}
    for met in shown:
        for accession, person, datasets in met:
            if (person or accession) in seen:
                before = rows[accession].datasets if accession in rows else frozenset()
                rows[accession] = Row(accession, person, before | visible_sets(datasets, visible))
    linked = frozenset(person for met in clauses for _, person, _ in met if person is not None)
    return People(persons, persons & linked, tuple(rows[accession] for accession in sorted(rows)))


def visible_sets(datasets: Collection[str], visible: Collection[str]) -> frozenset[str]:
    """Those of ``datasets`` that are visible."""
    return frozenset(datasets).intersection(visible)
