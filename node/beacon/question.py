"""What is asked, without HTTP: which people meet a question, by data set. Every face of the member asks this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Engine, select

from adapters.catalog.catalog import DatasetRecord
from adapters.catalog.models import Individual
from adapters.terms import filters as terms
from adapters.terms.filters import Filter, Filters, Listed
from adapters.terms.imaging import Imaging, Owned
from adapters.terms.visible import visible_members
from adapters.terms.vocabulary import DATASET, IMAGING, INDIVIDUAL, SERIES
from adapters.variants.query import VariantQuery, validate
from adapters.variants.variants import Variants
from node.beacon import parameters
from node.beacon.profile import UnknownEntryType, named

BLOCK = 5000
VARIANT = "genomicVariant"
Members = dict[str, BitMap]
"""Data set → people, as ordinals."""


@dataclass(frozen=True)
class Question:
    """A question. All parts hold together.

    :param entry_type: id of the entry type that is asked for.
    :param variant: the people carry a matching allele; for :data:`VARIANT` also which alleles are meant.
    :param entry: id of the one entry that is asked for.
    :param individual: accession of the one person whose entries are meant.
    :param allele: internal id of the one allele that the people carry.
    :param study: UID of the one imaging study whose series are meant.
    """

    entry_type: str
    filters: tuple[Filter, ...] = ()
    variant: VariantQuery | None = None
    entry: str | None = None
    individual: str | None = None
    allele: str | None = None
    study: str | None = None

    @property
    def genotypes(self) -> bool:
        """Whether the answer says anything of people's genotypes."""
        return self.entry_type == VARIANT or self.variant is not None or self.allele is not None


def from_clause(entry_type: str, filters: Any, request_parameters: Any) -> Question:
    """A question about people as a federated search words it: filters and requestParameters are those of a POST.

    :param entry_type: id or alias; people are meant whatever it is: for alleles their carriers, for images their
        owners.
    :raises web.errors.Failure: 400 for parameters that are unknown or of the wrong type.
    :raises adapters.terms.errors.InvalidFilter: for a malformed filter.
    :raises node.beacon.profile.UnknownEntryType: for an entry type that is not defined.
    """
    read = tuple(terms.read(one) for one in filters or ())
    variant = parameters.variant_query(parameters.of_body(request_parameters))
    kind = named(entry_type)
    if kind.id == VARIANT:
        return Question(INDIVIDUAL, read, variant or VariantQuery())
    return Question(kind.id, read, variant)


class Search:
    """Answers questions from the indexes of a member. Knows nothing of callers: access is decided before and after.

    :param entry_types: ids of the entry types that the member exposes.
    """

    def __init__(self, engine: Engine, entry_types: Sequence[str]) -> None:
        self._engine = engine
        self._entry_types = tuple(entry_types)
        self._filters = Filters(engine, entry_types)
        self.imaging = Imaging(engine, self._filters)
        self.variants = Variants(engine)

    def members(self, datasets: Sequence[str], today: dt.date) -> Members:
        """The people who exist, by data set; data sets that do not exist are left out."""
        with self._engine.connect() as connection:
            return visible_members(connection, datasets, today)

    def eligible(self, question: Question, datasets: Sequence[DatasetRecord]) -> list[DatasetRecord]:
        """The data sets for which the question's filters of scope data set hold.

        :raises adapters.terms.errors.UnknownFilter: for a filter that nothing here has.
        """
        filters = self._of(question, DATASET)
        if not filters:
            return list(datasets)
        wanted = frozenset(self._filters.datasets(filters, {d.accession: data_use(d) for d in datasets}))
        return [dataset for dataset in datasets if dataset.accession in wanted]

    def met(self, question: Question, members: Members, listed: Listed = bool) -> Members:
        """Those of ``members`` who meet the question, by data set.

        Filters on people hold of the person; filters on imaging hold together on one series in that data set; the
        allele is carried in that data set.

        :param listed: see :meth:`adapters.terms.filters.Filters.individuals`.
        :raises adapters.terms.errors.FilterError: for a filter that cannot be answered.
        :raises adapters.variants.query.InvalidVariantQuery: for a variant question without meaning.
        :raises node.beacon.profile.UnknownEntryType: for entries that this member does not hold.
        """
        for kind in (question.entry_type, *((VARIANT,) if question.genotypes else ())):
            if kind not in self._entry_types:
                raise UnknownEntryType(f"this member has no {kind}; allowed: {', '.join(self._entry_types)}")
        if question.variant is not None:
            validate(question.variant)
        everyone = BitMap().union(*members.values())
        people = self._filters.individuals(self._of(question, INDIVIDUAL), everyone, listed)
        people &= self._named(question, everyone)
        found = {dataset: of & people for dataset, of in members.items()}
        found = self._imaged(question, found)
        return self._carrying(question, found)

    def individuals(self, question: Question, members: Members, listed: Listed = bool) -> BitMap:
        """Those of ``members`` who meet the question in any data set, each once."""
        return BitMap().union(*self.met(question, members, listed).values())

    def accessions(self, people: BitMap) -> list[str]:
        """Accessions by ordinal, ascending."""
        return [row.accession for row in self.rows(people)]

    def rows(self, people: BitMap) -> Iterator[Any]:
        """Rows (ordinal, accession, sex, record, link) by ordinal, ascending."""
        ordinals = list(people)
        columns = (Individual.ordinal, Individual.accession, Individual.sex, Individual.record, Individual.link)
        with self._engine.connect() as connection:
            for start in range(0, len(ordinals), BLOCK):
                block = ordinals[start : start + BLOCK]
                wanted = select(*columns).where(Individual.ordinal.in_(block)).order_by(Individual.ordinal)
                yield from connection.execute(wanted)

    def images(self, question: Question, people: Members) -> list[Owned]:
        """The imaging studies or series that the question means, in order of UID."""
        entries = self.imaging.entries(question.entry_type, self._of(question, SERIES), people, question.study)
        return [entry for entry in entries if question.entry in (None, entry.uid)]

    def of_people(self, question: Question) -> bool:
        """Whether the question narrows down people by anything but their genotypes."""
        return question.individual is not None or any(
            self._filters.scope(filter, question.entry_type) != DATASET for filter in question.filters
        )

    def _of(self, question: Question, scope: str) -> list[Filter]:
        return [f for f in question.filters if self._filters.scope(f, question.entry_type) == scope]

    def _named(self, question: Question, everyone: BitMap) -> BitMap:
        accession = question.entry if question.entry_type == INDIVIDUAL else question.individual
        if accession is None:
            return everyone
        with self._engine.connect() as connection:
            ordinal = connection.scalar(select(Individual.ordinal).where(Individual.accession == accession))
        return BitMap() if ordinal is None else BitMap([ordinal])

    def _imaged(self, question: Question, found: Members) -> Members:
        filters = self._of(question, SERIES)
        if question.entry_type in IMAGING and (question.entry or question.study):
            owners: Members = {dataset: BitMap() for dataset in found}
            for entry in self.images(question, found):
                owners[entry.dataset].add(entry.owner)
            return owners
        if filters or question.entry_type in IMAGING:
            return self.imaging.owners(filters, found)
        return found

    def _carrying(self, question: Question, found: Members) -> Members:
        if question.entry_type == VARIANT or not question.genotypes:
            return found
        return self.carriers(question, found)

    def carriers(self, question: Question, found: Members) -> Members:
        """Those of ``found`` who carry an allele that the question means, by data set."""
        everyone = BitMap().union(*found.values())
        named = question.entry if question.entry_type == VARIANT else question.allele
        if named is not None:
            variant = self.variants.variant(named, list(found), everyone)
            occurrences = variant.occurrences if variant else ()
            carriers = {o.dataset: o.carriers for o in occurrences if o.carriers is not None}
        else:
            carriers = self.variants.carriers(question.variant or VariantQuery(), list(found), everyone)
        return {dataset: of & carriers.get(dataset, BitMap()) for dataset, of in found.items()}


def data_use(dataset: DatasetRecord) -> frozenset[str]:
    """Ids of the DUO terms of a data set."""
    listed = dataset.duo.get("duoDataUse") or ()
    return frozenset(term["id"] for term in listed if isinstance(term, Mapping) and "id" in term)
