"""What is asked, without HTTP: which people meet a question, by data set. Every face of the member asks this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Engine, select
from sqlalchemy.orm import InstrumentedAttribute

from adapters.catalog.catalog import DatasetRecord
from adapters.catalog.kept import Kept
from adapters.catalog.models import Cohort, CohortMember, Individual
from adapters.terms import filters as terms
from adapters.terms.filters import Filter, Filters, Listed, People, anybody
from adapters.terms.imaging import Imaging
from adapters.terms.owned import Named, Owned, OwnedEntries
from adapters.terms.specimens import Specimens
from adapters.terms.visible import visible_members
from adapters.terms.vocabulary import COHORT, DATASET, IMAGING, INDIVIDUAL, OWNED, SPECIMENS
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
    :param within: entry type and id of the one entry whose entries are meant: a person, a cohort, a sample, an allele
        (that the people carry) …
    """

    entry_type: str
    filters: tuple[Filter, ...] = ()
    variant: VariantQuery | None = None
    entry: str | None = None
    within: Named | None = None

    @property
    def allele(self) -> str | None:
        """Internal id of the one allele that the people carry."""
        return self.within[1] if self.within is not None and self.within[0] == VARIANT else None

    @property
    def cohort(self) -> str | None:
        """Id of the cohort whose people alone are meant."""
        return self.within[1] if self.within is not None and self.within[0] == COHORT else None

    @property
    def genotypes(self) -> bool:
        """Whether the answer says anything of people's genotypes."""
        return self.entry_type == VARIANT or self.variant is not None or self.allele is not None

    @property
    def named(self) -> tuple[Named, ...]:
        """The entry and what it is within."""
        entry = () if self.entry is None else ((self.entry_type, self.entry),)
        return (*entry, *(() if self.within is None else (self.within,)))


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
    :param kept: shared with what else asks the same database.
    """

    def __init__(self, engine: Engine, entry_types: Sequence[str], kept: Kept | None = None) -> None:
        self._engine = engine
        self._entry_types = tuple(entry_types)
        self.kept = kept or Kept(engine)
        self._filters = Filters(engine, entry_types, kept=self.kept)
        self.imaging = Imaging(engine, self._filters)
        self.specimens = Specimens(engine, self._filters)
        self._families: tuple[tuple[frozenset[str], OwnedEntries], ...] = (
            (IMAGING, self.imaging),
            (frozenset(SPECIMENS), self.specimens),
        )
        self.variants = Variants(engine, self.kept)

    def members(self, datasets: Sequence[str], today: dt.date) -> Members:
        """The people who exist, by data set; data sets that do not exist are left out."""
        asked = ("members", tuple(datasets), today)
        found = self.kept.get(asked, lambda connection: visible_members(connection, datasets, today))
        return {dataset: BitMap(people) for dataset, people in found.items()}

    def eligible(self, question: Question, datasets: Sequence[DatasetRecord]) -> list[DatasetRecord]:
        """The data sets for which the question's filters of scope data set hold.

        :raises adapters.terms.errors.UnknownFilter: for a filter that nothing here has.
        """
        filters = self._of(question, (DATASET,))
        if not filters:
            return list(datasets)
        wanted = frozenset(self._filters.datasets(filters, {d.accession: data_use(d) for d in datasets}))
        return [dataset for dataset in datasets if dataset.accession in wanted]

    def met(self, question: Question, members: Members, listed: Listed = anybody) -> Members:
        """Those of ``members`` who meet the question, by data set.

        Filters on people hold of the person; filters on imaging hold together on one series in that data set; the
        allele is carried in that data set.

        :param listed: see :meth:`adapters.terms.filters.Filters.individuals`.
        :raises adapters.terms.errors.FilterError: for a filter that cannot be answered.
        :raises adapters.variants.query.InvalidVariantQuery: for a variant question without meaning.
        :raises node.beacon.profile.UnknownEntryType: for entries that this member does not hold.
        """
        within = () if question.within is None else (question.within[0],)
        for kind in (question.entry_type, *within, *((VARIANT,) if question.genotypes else ())):
            if kind not in self._entry_types:
                raise UnknownEntryType(f"this member has no {kind}; allowed: {', '.join(self._entry_types)}")
        if question.variant is not None:
            validate(question.variant)
        everyone = BitMap().union(*members.values())
        people = self._filters.individuals(self._of(question, (INDIVIDUAL,)), everyone, listed)
        self.specimens.require_known(self._of(question, SPECIMENS), members, listed)
        found = {dataset: of & people for dataset, of in members.items()}
        found = self._within(question, found)
        for kinds, family in self._families:
            found = self._owning(question, kinds, family, found)
        return self._carrying(question, found)

    def resolved(self, question: Question, members: Members, listed: Listed = anybody) -> Question:
        """The question with what each filter is about decided.

        A term that may be said of people as well as of their samples or runs, and states no scope, is about the entry
        type that is asked for, or else the first, of which it is said so often that it may be known: what is not known
        decides nothing.

        :raises adapters.terms.errors.FilterError: as :meth:`adapters.terms.filters.Filters.scope`.
        """
        if not question.filters:
            return question
        filters = (replace(f, about=self._about(f, question, members, listed)) for f in question.filters)
        return replace(question, filters=tuple(filters))

    def _about(self, filter: Filter, question: Question, members: Members, listed: Listed) -> str:
        scopes = [] if filter.scope or filter.operator else self._filters.scopes(filter)
        if len(scopes) < 2 or scopes[0] != INDIVIDUAL:
            return self._filters.scope(filter, question.entry_type)
        asked_first = sorted(scopes, key=lambda scope: scope != question.entry_type)
        return next((scope for scope in asked_first if listed(self.having(filter, scope, members))), INDIVIDUAL)

    def having(self, filter: Filter, scope: str, members: Members) -> People:
        """The people of whom, or of whose entries of type ``scope``, a term is said."""
        if scope in SPECIMENS:
            one = replace(filter, about=scope)
            return self.specimens.owners(scope, [one], members)
        return self._filters.individuals([filter], BitMap().union(*members.values()), _anyhow)

    def individuals(self, question: Question, members: Members, listed: Listed = anybody) -> BitMap:
        """Those of ``members`` who meet the question in any data set, each once."""
        return BitMap().union(*self.met(question, members, listed).values())

    def accessions(self, people: BitMap) -> list[str]:
        """Accessions by ordinal, ascending."""
        return [row.accession for row in self.names(people)]

    def names(self, people: BitMap) -> Iterator[Any]:
        """Rows (ordinal, accession, link) by ordinal, ascending."""
        return self._rows(people, Individual.ordinal, Individual.accession, Individual.link)

    def rows(self, people: BitMap) -> Iterator[Any]:
        """Rows (ordinal, accession, sex, record, link) by ordinal, ascending."""
        columns = (Individual.ordinal, Individual.accession, Individual.sex, Individual.record, Individual.link)
        return self._rows(people, *columns)

    def _rows(self, people: BitMap, *columns: InstrumentedAttribute[Any]) -> Iterator[Any]:
        ordinals = list(people)
        if not ordinals:
            return
        with self._engine.connect() as connection:
            for start in range(0, len(ordinals), BLOCK):
                block = ordinals[start : start + BLOCK]
                wanted = select(*columns).where(Individual.ordinal.in_(block)).order_by(Individual.ordinal)
                yield from connection.execute(wanted)

    def of(self, cohort: str, members: Members) -> Members:
        """Those of ``members`` who are of a cohort; it is one of people of one data set."""
        question = (
            select(Cohort.dataset, Individual.ordinal)
            .join(CohortMember, CohortMember.cohort == Cohort.id)
            .join(Individual, Individual.accession == CohortMember.individual)
            .where(Cohort.id == cohort)
        )
        found: Members = {dataset: BitMap() for dataset in members}
        with self._engine.connect() as connection:
            for dataset, ordinal in connection.execute(question):
                if ordinal in members.get(dataset, ()):
                    found[dataset].add(ordinal)
        return found

    def entries(self, question: Question, people: Members) -> list[Owned]:
        """The entries, each of one of ``people``, that the question means, in order of id."""
        kinds, family = self._family(question.entry_type)
        filters = self._of(question, kinds)
        return list(family.entries(question.entry_type, filters, people, self._of_family(question, kinds)))

    def of_people(self, question: Question) -> bool:
        """Whether the question narrows down people by anything but their genotypes."""
        if question.within is not None and question.allele is None:
            return True
        return any(self._filters.scope(filter, question.entry_type) != DATASET for filter in question.filters)

    def _of(self, question: Question, scopes: Collection[str]) -> list[Filter]:
        return [f for f in question.filters if self._filters.scope(f, question.entry_type) in scopes]

    def _within(self, question: Question, found: Members) -> Members:
        """Those of ``found`` who are, or own, what the question names beside the entries of its own family."""
        for kind, id in question.named:
            if kind == COHORT:
                found = self.of(id, found)
            elif kind == INDIVIDUAL:
                person = self._person(id)
                found = {dataset: of & person for dataset, of in found.items()}
            elif kind in OWNED:
                kinds, family = self._family(kind)
                if question.entry_type not in kinds:
                    found = family.owners(kind, (), found, ((kind, id),))
        return found

    def _family(self, kind: str) -> tuple[frozenset[str], OwnedEntries]:
        return next(row for row in self._families if kind in row[0])

    def _person(self, accession: str) -> BitMap:
        with self._engine.connect() as connection:
            return BitMap(connection.scalars(select(Individual.ordinal).where(Individual.accession == accession)))

    def _owning(self, question: Question, kinds: frozenset[str], family: OwnedEntries, found: Members) -> Members:
        """Those of ``found`` who own entries of a family as the question wants them."""
        filters = self._of(question, kinds)
        if question.entry_type in kinds:
            return family.owners(question.entry_type, filters, found, self._of_family(question, kinds))
        return family.owners(None, filters, found) if filters else found

    def _of_family(self, question: Question, kinds: Collection[str]) -> list[Named]:
        return [one for one in question.named if one[0] in kinds]

    def _carrying(self, question: Question, found: Members) -> Members:
        if question.entry_type == VARIANT or not question.genotypes:
            return found
        return self.carriers(question, found)

    def carriers(self, question: Question, found: Members) -> Members:
        """Those of ``found`` who carry an allele that the question means, by data set."""
        named = question.entry if question.entry_type == VARIANT else question.allele
        if named is not None:
            variant = self.variants.variant(named, list(found), found)
            occurrences = variant.occurrences if variant else ()
            carriers = {o.dataset: o.carriers for o in occurrences if o.carriers is not None}
        else:
            carriers = self.variants.carriers(question.variant or VariantQuery(), list(found), found)
        return {dataset: of & carriers.get(dataset, BitMap()) for dataset, of in found.items()}


def _anyhow(_people: People) -> bool:
    """A term that is listed nowhere is looked for all the same."""
    return True


def data_use(dataset: DatasetRecord) -> frozenset[str]:
    """Ids of the DUO terms of a data set."""
    listed = dataset.duo.get("duoDataUse") or ()
    return frozenset(term["id"] for term in listed if isinstance(term, Mapping) and "id" in term)
