"""Data answers: result sets by data set, and collections (CHECKLIST BEA-62, BEA-63)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Engine

from adapters.catalog.catalog import DatasetRecord
from adapters.terms.vocabulary import OWNED
from adapters.variants.query import VariantQuery
from node.beacon.access import Access
from node.beacon.pages import Records, page
from node.beacon.question import VARIANT, Members, Question, Search

Body = dict[str, Any]


@dataclass
class Answer:
    """What may be told.

    :param number: of distinct entries, by granularity and floor.
    :param counts: data set that exists in the answer → number to show of its entries.
    :param results: data set → records of the page.
    """

    number: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    results: dict[str, list[Body]] = field(default_factory=dict)


def answer(
    search: Search, engine: Engine, access: Access, question: Question, members: Members, skip: int, limit: int
) -> Answer:
    """Answer a question.

    :param limit: entries of a page; 0 where no records are wanted.
    :raises adapters.terms.errors.FilterError: for a filter that cannot be answered.
    :raises adapters.variants.query.InvalidVariantQuery: for a variant question without meaning.
    """
    question = search.resolved(question, members, access.listed(members))
    met = access.met(search, question, members)
    people = met.people
    full = {dataset: people[dataset] for dataset in access.full() if dataset in people}
    records = page(search, engine, question, full, skip, limit) if full else Records()
    limited = {dataset: of for dataset, of in people.items() if dataset not in full}
    coarse = access.coarse(question)
    counts = {dataset: number for dataset, number in records.totals.items() if number}
    if question.entry_type == VARIANT:
        return Answer(records.total, counts | _alleles(search, access, coarse, limited), records.results)
    shown = access.shown(limited)
    if question.entry_type in OWNED:
        entries = _entries(search, met.questions, shown)
        return Answer(records.total + access.sum_count(entries), counts | _told(access, entries), records.results)
    told = _told(access, {dataset: len(of) for dataset, of in shown.items()})
    return Answer(access.count(people), counts | told, records.results)


def _entries(search: Search, questions: Mapping[str, Question], shown: Members) -> dict[str, int]:
    """Data set → number of entries of the people shown; enough people stand behind each number.

    :param questions: what is answered of each data set.
    """
    return {dataset: sum(1 for _ in search.entries(questions[dataset], {dataset: of})) for dataset, of in shown.items()}


def _told(access: Access, numbers: Mapping[str, int]) -> dict[str, int]:
    return {dataset: access.set_count(dataset, number) for dataset, number in numbers.items()}


def _alleles(search: Search, access: Access, question: Question, limited: Members) -> dict[str, int]:
    """Where an allele exists for who sees no records: enough people carry one, or it is listed by itself."""
    if not limited:
        return {}
    exist = set(access.shown(search.carriers(question, limited)))
    if not search.of_people(question):
        exist |= _listed(search, question, list(limited))
    return dict.fromkeys(exist, 0)


def _listed(search: Search, question: Question, datasets: list[str]) -> set[str]:
    """Data sets with a file without genotypes that lists an allele."""
    if question.entry is None:
        sites = search.variants.exists(question.variant or VariantQuery(), datasets, BitMap())
        return {dataset for dataset, found in sites.items() if found}
    allele = search.variants.variant(question.entry, datasets, BitMap())
    return {occurrence.dataset for occurrence in allele.occurrences} if allele else set()


def result_sets(
    answered: Answer,
    access: Access,
    datasets: Sequence[DatasetRecord],
    include: str,
    handovers: Callable[[str, Sequence[Body]], list[Body]],
) -> list[Body]:
    """The result sets to include (BEA-26).

    :param handovers: of the records of a data set; of none, where no record is shown.
    """
    wanted = {"HIT": (True,), "MISS": (False,), "ALL": (True, False), "NONE": ()}[include]
    sets = []
    for dataset in datasets:
        id = dataset.accession
        exists = id in answered.counts
        if exists not in wanted:
            continue
        body: Body = {
            "id": id,
            "setType": "dataset",
            "exists": exists,
            "resultsCount": answered.counts.get(id, 0),
            "results": answered.results.get(id, []),
            "info": {"granularity": access.granted[id]},
        }
        if handed := handovers(id, body["results"]):
            body["resultsHandovers"] = handed
        sets.append(body)
    return sets
