"""Loading an ontology into the catalog database: terms with labels, and the closure of is_a."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert

from adapters.catalog.engine import writing
from adapters.terms.ontology import Ontology, read
from adapters.terms.tables import OntologyClosure, OntologySource, OntologyTerm

BLOCK = 5000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load wrote: the ontology's id, its terms (alternative ids among them) and pairs of the closure."""

    ontology: str
    version: str
    terms: int
    pairs: int


def load(engine: Engine, path: Path) -> Loaded:
    """Load an ontology file in one transaction; a former version of the same ontology is replaced.

    :raises InvalidOntology: before anything is written.
    """
    ontology = read(path)
    below: dict[str, list[str]] = {}
    for ancestor, descendant in closure(ontology):
        below.setdefault(ancestor, []).append(descendant)
    terms = dict(ontology.labels)
    terms |= {
        other: ontology.labels.get(term, "") for other, term in ontology.alternatives.items() if other not in terms
    }
    with writing(engine).begin() as connection:
        for table in (OntologyClosure, OntologyTerm):
            connection.execute(delete(table).where(table.source == ontology.id))
        connection.execute(delete(OntologySource).where(OntologySource.id == ontology.id))
        rows = ({"source": ontology.id, "id": id, "label": terms[id]} for id in sorted(terms))
        for block in _blocks(rows):
            connection.execute(insert(OntologyTerm), block)
        edges = ({"source": ontology.id, "ancestor": id, "descendants": "\n".join(below[id])} for id in sorted(below))
        for block in _blocks(edges):
            connection.execute(insert(OntologyClosure), block)
        source = {"id": ontology.id, "version": ontology.version, "terms": len(terms)}
        connection.execute(insert(OntologySource), source)
    return Loaded(ontology.id, ontology.version, len(terms), sum(map(len, below.values())))


def closure(ontology: Ontology) -> Iterator[tuple[str, str]]:
    """(ancestor, proper descendant) pairs; a term by another id is below whatever the term is below, and above it."""
    others: dict[str, list[str]] = {}
    for other, term in ontology.alternatives.items():
        if other not in ontology.labels:
            others.setdefault(term, []).append(other)
            yield term, other
            yield other, term
    under: dict[str, list[str]] = {}
    for term, ancestors in ontology.ancestors():
        for ancestor in ancestors:
            yield ancestor, term
            yield from ((ancestor, other) for other in others.get(term, ()))
            if ancestor in others:
                under.setdefault(ancestor, []).append(term)
    for term, descendants in under.items():
        yield from ((other, descendant) for other in others[term] for descendant in descendants)


def _blocks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(rows)
    while block := list(islice(waiting, BLOCK)):
        yield block
