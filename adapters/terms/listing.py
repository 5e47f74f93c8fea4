"""What can be filtered by: the content of ``/filtering_terms`` (CHECKLIST BEA-06, BEA-38, BEA-41)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Connection, Engine, func, select

from adapters.catalog.models import ImagingSeries, ImagingStudy, Individual
from adapters.terms.filters import Listed
from adapters.terms.imaging import COLUMNS
from adapters.terms.specimens import Specimens
from adapters.terms.tables import IndividualValue, OntologySource, OntologyTerm, TermPeople
from adapters.terms.vocabulary import INDIVIDUAL, SERIES, SPECIMENS, STUDY, Vocabulary, vocabulary
from adapters.variants.carriers import decode

Entry = dict[str, Any]


class Listing:
    """The filtering terms of a member that a caller may know of.

    :param entry_types: ids of the entry types that the member exposes.
    """

    def __init__(
        self, engine: Engine, entry_types: Sequence[str], specimens: Specimens, words: Vocabulary | None = None
    ) -> None:
        self._engine = engine
        self._entry_types = frozenset(entry_types)
        self._specimens = specimens
        self._vocabulary = words or vocabulary()

    def terms(self, visible: dict[str, BitMap], listed: Listed) -> list[Entry]:
        """All filtering terms, by id. A term or value is left out unless ``listed`` holds of the people who have it."""
        everyone = BitMap().union(*visible.values())
        found: dict[str, Entry] = {}
        with self._engine.connect() as connection:
            if INDIVIDUAL in self._entry_types:
                for entry in self._of_people(connection, everyone, listed):
                    found[entry["id"]] = entry
            others = self._of_imaging(connection, visible, listed) if SERIES in self._entry_types else ()
            for entry in (*self._of_specimens(visible, listed), *others):
                known = found.setdefault(entry["id"], entry)
                known["scopes"] = sorted({*known["scopes"], *entry["scopes"]})
        return [found[id] for id in sorted(found)]

    def resources(self, terms: Iterable[Entry]) -> list[Entry]:
        """The ontologies of the listed terms (BEA-41: every one of them)."""
        prefixes = sorted({t["id"].partition(":")[0] for t in terms if ":" in t["id"] and t["type"] != "custom"})
        with self._engine.connect() as connection:
            versions = {row.id: row.version for row in connection.execute(select(OntologySource)) if row.version}
        return [self._resource(prefix, versions) for prefix in prefixes]

    def _resource(self, prefix: str, versions: dict[str, str]) -> Entry:
        about = {"name": prefix, **self._vocabulary.resources.get(prefix, {})}
        entry = {"id": prefix.lower(), "nameSpacePrefix": prefix, **about}
        version = next((v for source, v in versions.items() if f"/{prefix.lower()}." in f"/{source.lower()}."), None)
        return entry | ({"version": version} if version else {})

    def _of_people(self, connection: Connection, everyone: BitMap, listed: Listed) -> Iterable[Entry]:
        scopes = [INDIVIDUAL]
        numeric = frozenset(connection.scalars(select(IndividualValue.field).distinct()))
        labels = _labels(connection)
        for row in connection.execute(select(TermPeople.term, TermPeople.label, TermPeople.people)):
            if listed(decode(row.people) & everyone):
                kind = "alphanumeric" if row.term in numeric else "ontologyTerm"
                yield _entry(row.term, kind, labels.get(row.term) or row.label, scopes)
        for field, age in self._vocabulary.ages.items():
            yield _entry(field, "alphanumeric", age.label, scopes)
        for path, label in self._vocabulary.terms.items():
            if path not in self._vocabulary.ages:
                yield _entry(path, "alphanumeric", label, scopes)

    def _of_specimens(self, visible: dict[str, BitMap], listed: Listed) -> Iterator[Entry]:
        for scope in SPECIMENS:
            if scope not in self._entry_types:
                continue
            fields = self._vocabulary.specimens[scope]
            for id, label in (*fields.terms.items(), *fields.texts.items(), *fields.ages.items()):
                yield _entry(id, "alphanumeric", label, [scope])
            having: dict[str, dict[str, BitMap]] = {}
            labels: dict[str, str] = {}
            for term, label, dataset, owner in self._specimens.having(scope):
                if owner in visible.get(dataset, ()):
                    having.setdefault(term, {}).setdefault(dataset, BitMap()).add(owner)
                    labels.setdefault(term, label)
            for term, people in having.items():
                if listed(people):
                    yield _entry(term, "ontologyTerm", labels[term], [scope])

    def _of_imaging(self, connection: Connection, visible: dict[str, BitMap], listed: Listed) -> Iterable[Entry]:
        scopes = [scope for scope in (SERIES, STUDY) if scope in self._entry_types]
        for field, about in self._vocabulary.imaging_fields.items():
            values = self._values(connection, field, visible, listed)
            entry = _entry(field, "alphanumeric", about.label, scopes)
            yield entry | ({"values": values} if values and about.kind == "text" else {})
            of_field = self._vocabulary.imaging_terms.get(field, {})
            for term in sorted({term for value in values for term in of_field.get(value.upper(), ())}):
                yield _entry(term, "ontologyTerm", self._vocabulary.imaging_labels.get(term, ""), scopes)
        for id, custom in self._vocabulary.custom.items():
            if custom.scope in scopes:
                yield _entry(id, "custom", custom.label, scopes)

    def _values(self, connection: Connection, field: str, visible: dict[str, BitMap], listed: Listed) -> list[str]:
        having: dict[str, dict[str, BitMap]] = {}
        question = (
            select(func.upper(COLUMNS[field]), ImagingStudy.dataset, Individual.ordinal)
            .select_from(ImagingSeries)
            .join(ImagingStudy, ImagingStudy.uid == ImagingSeries.study)
            .join(Individual, Individual.accession == ImagingStudy.individual)
            .where(ImagingStudy.dataset.in_(list(visible)))
            .distinct()
        )
        for value, dataset, ordinal in connection.execute(question):
            if value and ordinal in visible[dataset]:
                having.setdefault(value, {}).setdefault(dataset, BitMap()).add(ordinal)
        return sorted(value for value, people in having.items() if listed(people))


def _labels(connection: Connection) -> dict[str, str]:
    """Labels of the used terms as their ontologies have them."""
    question = select(OntologyTerm.id, OntologyTerm.label).join(TermPeople, TermPeople.term == OntologyTerm.id)
    return {row.id: row.label for row in connection.execute(question)}


def _entry(id: str, kind: str, label: str, scopes: list[str]) -> Entry:
    return {"type": kind, "id": id, "scopes": list(scopes)} | ({"label": label} if label else {})
