"""Filters over the samples of people, their runs and analyses: all filters of one question hold on one chain of them.

A chain is a sample, a run of it and an analysis of that run, all of one data set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, literal, or_, select

from adapters.catalog.models import Analysis, Experiment, Individual, Run, Sample
from adapters.terms.columns import of_age, of_text
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import MANY, Filter, Filters, Listed
from adapters.terms.owned import Named, Owned
from adapters.terms.vocabulary import ANALYSIS, BIOSAMPLE, RUN, SPECIMENS, Vocabulary, vocabulary

IDS: Mapping[str, Any] = {BIOSAMPLE: Sample.accession, RUN: Run.accession, ANALYSIS: Analysis.accession}
ATTRIBUTES: Mapping[str, Any] = {BIOSAMPLE: Sample.attributes, RUN: Run.attributes, ANALYSIS: Analysis.attributes}
# What a record says where the archive does not know it, because the model requires it.
UNSTATED: Mapping[str, Mapping[str, str]] = {
    "biosampleStatus": {"id": "NCIT:C17998", "label": "Unknown"},
    "sampleOriginType": {"id": "OBI:0001479", "label": "specimen from organism"},
}
TEXTS: Mapping[str, Any] = {
    "platform": func.coalesce(Run.attributes["platform"].as_string(), Experiment.platform),
    "libraryStrategy": Experiment.strategy,
    "librarySelection": Experiment.selection,
    "libraryLayout": Experiment.layout,
    "pipelineName": Analysis.pipeline,
    "aligner": Analysis.aligner,
    "variantCaller": Analysis.caller,
}
COLUMNS: Mapping[str, tuple[Any, ...]] = {
    BIOSAMPLE: (Sample.accession, Sample.attributes),
    RUN: (
        Run.accession,
        Run.run_date,
        Run.attributes,
        Experiment.platform,
        Experiment.strategy,
        Experiment.selection,
        Experiment.layout,
    ),
    ANALYSIS: (
        Analysis.accession,
        Analysis.analysis_date,
        Analysis.pipeline,
        Analysis.aligner,
        Analysis.caller,
        Analysis.attributes,
    ),
}


class Specimens:
    """Answers filters of samples, runs and analyses (:class:`adapters.terms.owned.OwnedEntries`).

    :param filters: reads ontologies; decides what a filter is about.
    """

    def __init__(self, engine: Engine, filters: Filters, words: Vocabulary | None = None) -> None:
        self._engine = engine
        self._filters = filters
        self._vocabulary = words or vocabulary()

    def owners(
        self,
        entry_type: str | None,
        filters: Sequence[Filter],
        people: dict[str, BitMap],
        named: Sequence[Named] = (),
    ) -> dict[str, BitMap]:
        """See :class:`~adapters.terms.owned.OwnedEntries`."""
        found = {dataset: BitMap() for dataset in people}
        columns = (Sample.dataset, Individual.ordinal)
        with self._engine.connect() as connection:
            question = self._question(connection, columns, entry_type or BIOSAMPLE, filters, people, named)
            for dataset, ordinal in connection.execute(question):
                found[dataset].add(ordinal)
        return {dataset: owners & people[dataset] for dataset, owners in found.items()}

    def entries(
        self, entry_type: str, filters: Sequence[Filter], people: dict[str, BitMap], named: Sequence[Named] = ()
    ) -> Iterator[Owned]:
        """See :class:`~adapters.terms.owned.OwnedEntries`."""
        columns = (IDS[entry_type], Sample.dataset, Individual.ordinal)
        with self._engine.connect() as connection:
            question = self._question(connection, columns, entry_type, filters, people, named)
            for id, dataset, ordinal in connection.execute(question.order_by(IDS[entry_type])):
                if ordinal in people[dataset]:
                    yield Owned(id, dataset, ordinal)

    def require_known(self, filters: Sequence[Filter], visible: dict[str, BitMap], listed: Listed) -> None:
        """:raises UnknownFilter: for a term that is in no ontology and not listed of the visible people who have it."""
        for filter in filters:
            if filter.operator is None:
                people = self.owners(None, [filter], visible)
                with self._engine.connect() as connection:
                    self._filters.require_known(connection, filter, filter.id, people, listed)

    def rows(self, entry_type: str, ids: Sequence[str]) -> Iterator[Any]:
        """The rows of entries, each with its ``sample``, ``run`` and ``person`` as far as it has them."""
        columns = [*COLUMNS[entry_type], Sample.accession.label("sample"), Individual.accession.label("person")]
        columns.append((Run.accession if entry_type == ANALYSIS else literal(None)).label("run"))
        question = _chain(select(*columns), [entry_type])
        with self._engine.connect() as connection:
            yield from connection.execute(question.where(IDS[entry_type].in_(ids)))

    def having(self, scope: str) -> Iterator[tuple[str, str, str, int]]:
        """(term, label, data set, owner) of every term that an entry of ``scope`` has."""
        with self._engine.connect() as connection:
            for path in self._vocabulary.specimens[scope].terms:
                term, label = self._term(scope, path)
                question = select(term, label, Sample.dataset, Individual.ordinal).distinct()
                question = _chain(question, [scope]).where(term.is_not(None))
                for row in connection.execute(question):
                    yield row[0], row[1] or "", row[2], row[3]

    def _question(
        self,
        connection: Connection,
        columns: Sequence[Any],
        entry_type: str,
        filters: Sequence[Filter],
        people: dict[str, BitMap],
        named: Sequence[Named],
    ) -> Select[Any]:
        kinds = [entry_type, *(kind for kind, _ in named), *(self._filters.scope(filter) for filter in filters)]
        conditions = [self._condition(connection, filter, self._filters.scope(filter)) for filter in filters]
        conditions += [IDS[kind] == id for kind, id in named]
        question = _chain(select(*columns).distinct(), kinds)
        return question.where(Sample.dataset.in_(list(people)), *conditions)

    def _condition(self, connection: Connection, filter: Filter, scope: str) -> ColumnElement[bool]:
        fields = self._vocabulary.specimens[scope]
        name = self._vocabulary.specimen_field(filter.id)
        if name is None:
            return self._by_term(connection, filter, scope)
        if filter.operator is None:
            raise InvalidFilter(f"filter {filter.id!r}: needs an operator and a value")
        if name in fields.ages:
            return of_age(connection, filter, ATTRIBUTES[scope][name].as_string())
        if name in fields.texts:
            return of_text(filter, TEXTS[name])
        return self._by_name(filter, *self._term(scope, name))

    def _by_name(self, filter: Filter, term: Any, label: Any) -> ColumnElement[bool]:
        """``=`` and ``!`` on the id or label of a term."""
        if filter.operator == "!":
            return and_(of_text(filter, term), or_(label.is_(None), of_text(filter, label)))
        return or_(of_text(filter, term), of_text(filter, label))

    def _by_term(self, connection: Connection, filter: Filter, scope: str) -> ColumnElement[bool]:
        if filter.operator is not None:
            raise InvalidFilter(f"filter {filter.id!r}: a term takes no operator and value")
        closed = self._filters.closed(connection, [filter.id]) if filter.descendants else frozenset([filter.id])
        terms = [self._term(scope, path)[0] for path in self._vocabulary.specimens[scope].terms]
        if len(closed) > MANY:
            closed = closed & self._used(connection, scope)
        return or_(*(term.in_(sorted(closed)) for term in terms))

    def _used(self, connection: Connection, scope: str) -> frozenset[str]:
        """The terms in use: high in an ontology are more terms than a statement may name."""
        found: set[str] = set()
        for path in self._vocabulary.specimens[scope].terms:
            term, _ = self._term(scope, path)
            found.update(connection.scalars(_chain(select(term).distinct(), [scope]).where(term.is_not(None))))
        return frozenset(found)

    def _term(self, scope: str, path: str) -> tuple[Any, Any]:
        """Id and label of the term at ``path``."""
        steps = tuple(path.split("."))
        id, label = (ATTRIBUTES[scope][(*steps, key)].as_string() for key in ("id", "label"))
        unstated = UNSTATED.get(path)
        if unstated is None:
            return id, label
        # The label of what is not stated must not stand beside the id of what is.
        return func.coalesce(id, unstated["id"]), func.coalesce(label, func.coalesce(id, unstated["label"]))


def _chain(question: Select[Any], kinds: Sequence[str]) -> Select[Any]:
    """The tables from the sample down to the last of the entry types."""
    deepest = max(SPECIMENS.index(kind) for kind in kinds)
    joined = question.select_from(Sample).join(Individual, Individual.accession == Sample.individual)
    if deepest >= SPECIMENS.index(RUN):
        same = and_(Experiment.sample == Sample.accession, Experiment.dataset == Sample.dataset)
        of = and_(Run.experiment == Experiment.accession, Run.dataset == Sample.dataset)
        joined = joined.join(Experiment, same).join(Run, of)
    if deepest >= SPECIMENS.index(ANALYSIS):
        joined = joined.join(Analysis, and_(Analysis.run == Run.accession, Analysis.dataset == Sample.dataset))
    return joined
