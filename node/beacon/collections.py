"""Answers about data sets and cohorts: collections, not result sets (CHECKLIST BEA-07)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyroaring import BitMap

from adapters.catalog.catalog import CohortRecord, DatasetRecord
from adapters.terms.vocabulary import COHORT, INDIVIDUAL
from adapters.variants.query import VariantQuery, validate
from node.beacon.access import Access
from node.beacon.question import Members, Question, Search


def datasets(
    search: Search,
    access: Callable[[Question], Access],
    question: Question,
    existing: Sequence[DatasetRecord],
    members: Callable[[], Members],
) -> list[DatasetRecord]:
    """The data sets that a question means: those whose people (or alleles) are told to exist.

    :param access: the caller's access to the answer of a question.
    """
    named = [d for d in existing if question.entry in (None, d.accession)]
    if question.variant is None and not search.of_people(question):
        return named
    about = Question(INDIVIDUAL, question.filters, question.variant)
    told = _told(search, access, about, members())
    return [dataset for dataset in named if dataset.accession in told]


def cohorts(
    search: Search,
    access: Callable[[Sequence[Question]], Access],
    question: Question,
    existing: Sequence[CohortRecord],
    members: Callable[[], Members],
) -> list[CohortRecord]:
    """The cohorts that a question means: those of whose people enough meet it.

    :param access: the caller's access to the answers of the question for each cohort, which are paid for together.
    """
    named = [cohort for cohort in existing if question.entry in (None, cohort.id)]
    if question.variant is None and not search.of_people(question):
        return named
    about, who = Question(INDIVIDUAL, question.filters, question.variant), members()
    if not named:  # what has no meaning is refused all the same
        without = replace(about, variant=None)
        _met(search, access([without]), without, who)
        validate(question.variant or VariantQuery())
        return []
    of_each = [replace(about, within=(COHORT, cohort.id)) for cohort in named]
    may = access(of_each)
    return [c for c, one in zip(named, of_each, strict=True) if c.dataset in _met(search, may, one, who)]


def size(search: Search, access: Access, cohort: CohortRecord, members: Members) -> int:
    """How many people of a cohort may be told of."""
    people = search.of(cohort.id, members).get(cohort.dataset, BitMap())
    return access.count({cohort.dataset: people} if people else {})


def _told(search: Search, access: Callable[[Question], Access], about: Question, who: Members) -> Members:
    """Those who meet a question about people, as far as the caller may know that they exist."""
    return _met(search, access(about), about, who)


def _met(search: Search, may: Access, about: Question, who: Members) -> Members:
    about = search.resolved(about, who, may.listed(who))
    return may.shown(may.met(search, about, who).people)
