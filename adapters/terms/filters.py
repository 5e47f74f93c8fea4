"""Beacon filters, read and answered over individuals (Beacon 2.1.1, CHECKLIST BEA-35 … BEA-41)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from adapters.catalog.kept import Kept
from adapters.terms.durations import days
from adapters.terms.errors import InvalidFilter, UnknownFilter
from adapters.terms.ontology import CURIE
from adapters.terms.tables import IndividualTerm, IndividualValue, OntologyClosure, OntologyTerm, TermPeople
from adapters.terms.vocabulary import (
    BIOSAMPLE,
    DATASET,
    IMAGING,
    INDIVIDUAL,
    RUN,
    SERIES,
    Vocabulary,
    vocabulary,
)
from adapters.variants.carriers import union

OPERATORS = ("=", "<", ">", "!", ">=", "<=")
KEYS = frozenset({"id", "operator", "value", "scope", "includeDescendantTerms", "similarity"})
MAX_TEXT = 200
MANY, BLOCK = 500, 5000

People = BitMap | Mapping[str, BitMap]
"""People wherever they are, or by the data set in which they have something."""

Listed = Callable[[People], bool]
"""Whether a term that no ontology lists is known, given the people who have it: see :meth:`Filters.individuals`."""


def anybody(people: People) -> bool:
    """Whether there is anybody: to who sees everything, everything is known."""
    return any(people.values()) if isinstance(people, Mapping) else bool(people)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. ``operator`` and ``value`` are set for alphanumeric filters, and only together.

    :param scope: the entry type that the request says it is about.
    :param about: the entry type that it is about, once that has been decided.
    """

    id: str
    operator: str | None = None
    value: str | None = None
    scope: str | None = None
    descendants: bool = True
    about: str | None = None

    def __str__(self) -> str:
        return self.id if self.operator is None else f"{self.id}:{self.operator}{self.value}"


def read(data: Any) -> Filter:
    """A filter as a request body has it.

    :raises InvalidFilter: naming the part that is wrong and what is allowed.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str) or not data["id"]:
        raise InvalidFilter(f"filter {str(data)[:80]!r} is not an object with an id")
    id = data["id"]
    if len(id) > MAX_TEXT:
        raise InvalidFilter(f"filter {id[:40]!r}…: the id is longer than {MAX_TEXT} characters")
    if "\0" in id or "\0" in str(data.get("value", "")):
        raise InvalidFilter(f"filter {id[:40]!r}: holds a NUL character")
    if unknown := sorted(set(data) - KEYS):
        raise InvalidFilter(
            f"filter {id!r}: {unknown[0]!r} is not a part of a filter; allowed: {', '.join(sorted(KEYS))}"
        )
    descendants = data.get("includeDescendantTerms", True)
    if not isinstance(descendants, bool):
        raise InvalidFilter(f"filter {id!r}: includeDescendantTerms is {descendants!r}; allowed: true, false")
    if data.get("similarity", "exact") != "exact":
        raise InvalidFilter(f"filter {id!r}: similarity {data['similarity']!r} is not offered; allowed: exact")
    scope = data.get("scope")
    if scope is not None and not isinstance(scope, str):
        raise InvalidFilter(f"filter {id!r}: scope is {scope!r}; allowed: the id of an entry type")
    return Filter(id, *_comparison(id, data), scope, descendants)


def _comparison(id: str, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if "operator" not in data and "value" not in data:
        return None, None
    operator, value = data.get("operator", "="), data.get("value")
    if operator not in OPERATORS:
        raise InvalidFilter(f"filter {id!r}: operator {str(operator)[:20]!r}; allowed: {' '.join(OPERATORS)}")
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise InvalidFilter(f"filter {id!r}: value {str(value)[:40]!r}; allowed: a text, or a number")
    if len(str(value)) > MAX_TEXT:
        raise InvalidFilter(f"filter {id!r}: the value is longer than {MAX_TEXT} characters")
    return operator, str(value)


class Filters:
    """Answers filters over the people of a member.

    :param engine: the catalog database.
    :param entry_types: ids of the entry types that the member exposes; they decide which filters exist.
    :param kept: shared with what else asks the same database.
    """

    def __init__(
        self, engine: Engine, entry_types: Sequence[str], words: Vocabulary | None = None, kept: Kept | None = None
    ) -> None:
        self._engine = engine
        self._kept = kept or Kept(engine)
        self._entry_types = frozenset(entry_types)
        self._vocabulary = words or vocabulary()

    def scope(self, filter: Filter, asked: str = INDIVIDUAL) -> str:
        """The entry type that ``filter`` is about; of several that a term may be about, the one it states.

        :param asked: the entry type of the question, to which a term of several scopes belongs if it can.
        :raises UnknownFilter: if the id can be nothing that this member's entry types have.
        :raises InvalidFilter: if the filter states a scope that its term does not have.
        """
        if filter.about is not None:
            return filter.about
        scopes = self.scopes(filter)
        if not scopes:
            raise UnknownFilter(f"filter {filter.id!r} is unknown; allowed: the ids listed in /filtering_terms")
        if filter.scope is None:
            return SERIES if asked in IMAGING and SERIES in scopes else scopes[0]
        wanted = SERIES if filter.scope in IMAGING else filter.scope
        if wanted not in scopes:
            raise InvalidFilter(f"filter {filter.id!r}: scope {filter.scope!r}; allowed: {', '.join(scopes)}")
        return wanted

    def scopes(self, filter: Filter) -> list[str]:
        """The entry types of this member that the id can be about, the preferred first."""
        return [scope for scope in self._scopes(filter) if scope in self._entry_types]

    def individuals(self, filters: Sequence[Filter], visible: BitMap, listed: Listed = anybody) -> BitMap:
        """The people among ``visible`` for whom all ``filters`` (of scope individual) hold.

        :param listed: a term that no loaded ontology has is known only if this holds of the visible people who have
            it; else the answer is the same as for a term that nobody has.
        :raises UnknownFilter: if an id names nothing.
        :raises InvalidFilter: if an operator or value does not fit its field.
        """
        return reduce(BitMap.intersection, (self._people(filter, visible, listed) for filter in filters), visible)

    def datasets(self, filters: Sequence[Filter], uses: Mapping[str, frozenset[str]]) -> list[str]:
        """The data sets for which all ``filters`` (of scope data set) hold.

        :param uses: data set → terms of what it may be used for.
        :raises UnknownFilter: if an id names no term.
        """
        found = list(uses)
        with self._engine.connect() as connection:
            for filter in filters:
                if filter.operator is not None:
                    raise InvalidFilter(f"filter {filter.id!r}: a term takes no operator and value")
                closed = self.closed(connection, [filter.id]) if filter.descendants else frozenset([filter.id])
                if not any(closed & terms for terms in uses.values()):
                    self.require_known(connection, filter, filter.id, BitMap())
                found = [dataset for dataset in found if closed & uses[dataset]]
        return found

    def closed(self, connection: Connection, terms: Sequence[str]) -> frozenset[str]:
        """``terms`` with all their descendants in the loaded ontologies."""
        below = select(OntologyClosure.descendants).where(OntologyClosure.ancestor.in_(terms))
        return frozenset(terms).union(*(descendants.split("\n") for descendants in connection.scalars(below)))

    def require_known(
        self, connection: Connection, filter: Filter, term: str, people: People, listed: Listed = anybody
    ) -> None:
        """:raises UnknownFilter: if ``term`` is in no ontology and its ``people`` are not :data:`Listed`."""
        if not in_ontology(connection, term):
            _require(filter, people, listed)

    def _scopes(self, filter: Filter) -> list[str]:
        words, id = self._vocabulary, filter.id
        if id in words.imaging_fields:
            return [SERIES]
        if id in words.custom:
            return [words.custom[id].scope]
        if (field := words.specimen_field(id)) is not None:
            return [str(words.specimen_of(field))]
        if filter.operator is not None:
            known = words.age_field(id) or words.term_path(id) or CURIE.fullmatch(id)
            return [INDIVIDUAL] if known else []
        if not CURIE.fullmatch(id):
            return []
        if id.partition(":")[0] in words.dataset_prefixes:
            return [DATASET]
        imaging = [SERIES] if self._describes_imaging(id) else []
        of_people_only = id.partition(":")[0] in words.individual_prefixes
        return [*imaging, INDIVIDUAL, *(() if of_people_only else (BIOSAMPLE, RUN))]

    def _describes_imaging(self, term: str) -> bool:
        """Whether ``term`` or a descendant of it is one that imaging is described by."""
        terms = self._vocabulary.terms_of_imaging()
        if term in terms or SERIES not in self._entry_types:
            return term in terms
        closed = self._kept.get(("closed", term), lambda connection: self.closed(connection, [term]))
        return not terms.isdisjoint(closed)

    def _people(self, filter: Filter, visible: BitMap, listed: Listed) -> BitMap:
        words = self._vocabulary
        if filter.operator is None:
            custom = words.custom.get(filter.id)
            return self._having(filter, custom.any_of if custom else (filter.id,), visible, listed)
        age, path = words.age_field(filter.id), words.term_path(filter.id)
        length = days(str(filter.value))
        if age is not None and (path is None or length is not None):
            if length is None:
                allowed = "an ISO 8601 duration such as P45Y or P2Y6M"
                raise InvalidFilter(f"filter {filter.id!r}: value {filter.value!r} is not an age; allowed: {allowed}")
            return self._everyone(age, filter.operator, length) & visible
        if path is not None:
            asked = ("named", filter.id, filter.operator, filter.value)
            return self._kept.get(asked, lambda connection: _named(connection, filter, path)) & visible
        self._having(filter, (filter.id,), visible, listed)
        return self._everyone(filter.id, filter.operator, _number(filter)) & visible

    def _everyone(self, field: str, operator: str, value: float) -> BitMap:
        asked = ("compared", field, operator, value)
        return self._kept.get(asked, lambda connection: _compared(connection, field, operator, value))

    def _having(self, filter: Filter, terms: tuple[str, ...], visible: BitMap, listed: Listed) -> BitMap:
        def read(connection: Connection) -> tuple[BitMap, bool]:
            closed = self.closed(connection, terms) if filter.descendants else frozenset(terms)
            return people_with(connection, closed), in_ontology(connection, filter.id)

        everyone, known = self._kept.get(("having", terms, filter.id, filter.descendants), read)
        people = everyone & visible
        if filter.id in terms and not known:
            _require(filter, people, listed)
        return people


def in_ontology(connection: Connection, term: str) -> bool:
    """Whether a loaded ontology has ``term``."""
    return connection.scalar(select(OntologyTerm.id).where(OntologyTerm.id == term).limit(1)) is not None


def _require(filter: Filter, people: People, listed: Listed) -> None:
    if not listed(people):
        raise UnknownFilter(f"filter {filter.id!r} is unknown; allowed: the ids listed in /filtering_terms")


def people_with(connection: Connection, terms: frozenset[str]) -> BitMap:
    """Everyone who has any of ``terms``, exactly."""
    wanted = terms
    if len(terms) > MANY:
        # High in an ontology are more terms than are in use: ask which those are, instead of naming all of them.
        wanted = terms.intersection(connection.scalars(select(TermPeople.term)))
    listed = sorted(wanted)
    blocks = (listed[start : start + BLOCK] for start in range(0, len(listed), BLOCK))
    question = select(TermPeople.people)
    return union(bits for block in blocks for bits in connection.scalars(question.where(TermPeople.term.in_(block))))


def _compared(connection: Connection, field: str, operator: str, value: float) -> BitMap:
    """Everyone with a value in ``field`` for which the comparison certainly holds (for both ends of a range).

    ``!``: everyone with a value, none of which equals ``value``.
    """
    low, high = IndividualValue.low, IndividualValue.high
    of_field = select(IndividualValue.ordinal).where(IndividualValue.field == field)
    equal = of_field.where(low == value, high == value)
    if operator == "!":
        return BitMap(connection.scalars(of_field)) - BitMap(connection.scalars(equal))
    questions: dict[str, Any] = {
        "=": equal,
        ">": of_field.where(low > value),
        ">=": of_field.where(low >= value),
        "<": of_field.where(high < value),
        "<=": of_field.where(high <= value),
    }
    return BitMap(connection.scalars(questions[operator]))


def _named(connection: Connection, filter: Filter, path: str) -> BitMap:
    """Everyone whose term at ``path`` has (``=``) or has not (``!``) the id or label given; ``%`` is any text."""
    if filter.operator not in ("=", "!"):
        raise InvalidFilter(f"filter {filter.id!r}: operator {filter.operator!r} on a text; allowed: = !")
    wanted = str(filter.value).lower()
    of_path = select(IndividualTerm.ordinal).where(IndividualTerm.path == path)
    columns = (func.lower(TermPeople.term), func.lower(TermPeople.label))
    matches: list[ColumnElement[bool]] = [column == wanted for column in columns]
    if "%" in wanted:
        pattern = wanted.replace("\\", "\\\\").replace("_", "\\_")
        matches = [column.like(pattern, escape="\\") for column in columns]
    equal = of_path.where(IndividualTerm.term.in_(select(TermPeople.term).where(or_(*matches))))
    if filter.operator == "=":
        return BitMap(connection.scalars(equal))
    return BitMap(connection.scalars(of_path)) - BitMap(connection.scalars(equal))


def _number(filter: Filter) -> float:
    try:
        value = float(str(filter.value))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidFilter(f"filter {filter.id!r}: value {filter.value!r} is not a number")
    return value
