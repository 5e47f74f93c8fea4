"""Pages of records by entry type: of the data sets that a caller may see records of, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Engine, select

from adapters.catalog.models import Individual, Sample
from adapters.terms.vocabulary import COHORT, OWNED, SPECIMENS
from adapters.variants.model import Page
from adapters.variants.query import VariantQuery
from node.beacon import records, specimens
from node.beacon.question import VARIANT, Members, Question, Search

Body = dict[str, Any]


@dataclass
class Records:
    """A page. ``total`` entries before paging, each once; per data set its total and the page's records in it."""

    total: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    results: dict[str, list[Body]] = field(default_factory=dict)


def page(search: Search, engine: Engine, question: Question, people: Members, skip: int, limit: int) -> Records:
    """A page of what ``people`` (data set → those who meet the question) show; ``skip`` counts pages (BEA-25).

    The page is one of distinct entries over all data sets; an entry of several data sets is in each of their sets.
    """
    offset = skip * limit
    if question.entry_type == VARIANT:
        return _variants(search, engine, question, people, offset, limit)
    if question.entry_type in OWNED:
        return _entries(search, question, people, offset, limit)
    return _individuals(search, people, offset, limit)


def _individuals(search: Search, people: Members, offset: int, limit: int) -> Records:
    everyone = BitMap().union(*people.values())
    shown = BitMap(islice(iter(everyone), offset, offset + limit))
    bodies = {row.ordinal: records.individual(row) for row in search.rows(shown)}
    results = {dataset: [bodies[ordinal] for ordinal in of & shown] for dataset, of in people.items()}
    return Records(len(everyone), {dataset: len(of) for dataset, of in people.items()}, results)


def _entries(search: Search, question: Question, people: Members, offset: int, limit: int) -> Records:
    entries = search.entries(question, people)
    shown = entries[offset : offset + limit]
    ids = [entry.id for entry in shown]
    kind = question.entry_type
    if kind in SPECIMENS:
        bodies = {row.accession: specimens.RECORDS[kind](row) for row in search.specimens.rows(kind, ids)}
    else:
        bodies = search.imaging.records(kind, ids)
    found = Records(len(entries), dict.fromkeys(people, 0), {dataset: [] for dataset in people})
    for entry in entries:
        found.totals[entry.dataset] += 1
    for entry in shown:
        found.results[entry.dataset].append(bodies[entry.id])
    return found


def _variants(search: Search, engine: Engine, question: Question, people: Members, offset: int, limit: int) -> Records:
    found = _alleles(search, question, people, offset, limit)
    results: dict[str, list[Body]] = {dataset: [] for dataset in people}
    # All carriers of all alleles of a page would be tens of thousands: they are listed where one allele, or those of
    # one person, are asked for.
    with_cases = any(kind != COHORT for kind, _ in question.named)
    everybody = not search.of_people(question)
    for allele in found.variants:
        for occurrence in allele.occurrences:
            carriers = occurrence.carriers if with_cases else None
            samples = _samples(engine, occurrence.dataset, carriers) if carriers else None
            results[occurrence.dataset].append(records.variant(allele, occurrence, samples, frequency=everybody))
    if len(people) == 1 or found.total == 0:
        return Records(found.total, dict.fromkeys(people, found.total), results)
    totals = {dataset: _alleles(search, question, {dataset: of}, 0, 0).total for dataset, of in people.items()}
    return Records(found.total, totals, results)


def _alleles(search: Search, question: Question, people: Members, offset: int, limit: int) -> Page:
    # Alleles of files without genotypes belong to nobody: they answer only questions that narrow nobody down.
    sites = not search.of_people(question)
    if question.entry is not None:
        allele = search.variants.variant(question.entry, list(people), people)
        seen = tuple(o for o in allele.occurrences if sites or o.carriers is not None) if allele else ()
        return (
            Page((replace(allele, occurrences=seen),)[offset : offset + limit], 1) if allele and seen else Page((), 0)
        )
    query = question.variant or VariantQuery()
    return search.variants.matches(query, list(people), people, offset=offset, limit=limit, sites=sites)


def _samples(engine: Engine, dataset: str, carriers: BitMap) -> Mapping[int, tuple[str, str]]:
    """Ordinal → (sample, individual) of those carriers who have a sample in the data set."""
    question = (
        select(Individual.ordinal, Sample.accession, Individual.accession)
        .join(Sample, Sample.individual == Individual.accession)
        .where(Sample.dataset == dataset)
        .order_by(Sample.accession.desc())
    )
    with engine.connect() as connection:
        rows = connection.execute(question)
        return {ordinal: (sample, person) for ordinal, sample, person in rows if ordinal in carriers}
