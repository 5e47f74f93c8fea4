"""Ontologies from files: OBO 1.2/1.4 and obographs JSON, plain or gzipped."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from adapters.terms.errors import InvalidOntology

CURIE = re.compile(r"[A-Za-z][\w.-]*:[^\s:]\S*")
# http://purl.obolibrary.org/obo/HP_0000118, http://www.ebi.ac.uk/efo/EFO_0000408
IRI = re.compile(r"https?://\S*[/#]([A-Za-z][A-Za-z0-9.-]*)_([^\s/#]+)")
ALTERNATIVE = "hasAlternativeId"
IS_A = frozenset({"is_a", "subClassOf", "http://www.w3.org/2000/01/rdf-schema#subClassOf"})


@dataclass(slots=True)
class Ontology:
    """The terms of one file and their is_a tree.

    :param id: what the file calls itself, the key under which it is replaced.
    :param labels: term id → label.
    :param parents: term id → ids of its is_a parents (which another file may define).
    :param alternatives: other id of a term → the term.
    """

    id: str
    version: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    parents: dict[str, set[str]] = field(default_factory=dict)
    alternatives: dict[str, str] = field(default_factory=dict)

    def ancestors(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Every term that has parents, with all its proper ancestors.

        :raises InvalidOntology: if a term is its own ancestor.
        """
        known: dict[str, frozenset[str]] = {}
        for start in self.parents:
            stack, path = [start], [start]
            while stack:
                term = stack[-1]
                waiting = [parent for parent in self.parents.get(term, ()) if parent not in known]
                if waiting:
                    if waiting[0] in path:
                        raise InvalidOntology(f"{self.id}: {waiting[0]} is its own ancestor")
                    stack.append(waiting[0])
                    path.append(waiting[0])
                    continue
                parents = self.parents.get(term, set())
                known[term] = frozenset(parents).union(*(known[parent] for parent in parents))
                stack.pop()
                path.pop()
        yield from ((term, above) for term, above in known.items() if above)


def read(path: Path) -> Ontology:
    """The ontology in ``path``: ``.obo``, ``.json``, either with ``.gz``.

    :raises InvalidOntology: naming the file and what is wrong.
    """
    name = path.name.removesuffix(".gz")
    try:
        with _open(path) as file:
            if name.endswith(".json"):
                found = _obographs(file.read(), path)
            elif name.endswith(".obo"):
                found = _obo((line.decode("utf-8") for line in file), path)
            else:
                raise InvalidOntology(
                    f"{path}: not an ontology file; allowed: .obo, .json (obographs), either with .gz"
                )
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InvalidOntology(f"{path}: cannot be read: {error}") from error
    if not found.labels:
        raise InvalidOntology(f"{path}: holds no term")
    return found


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _obo(lines: Iterable[str], path: Path) -> Ontology:
    ontology = Ontology(path.name)
    stanza, term = "", ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("["):
            stanza, term = text, ""
        elif text and not text.startswith("!"):
            tag, colon, value = text.partition(": ")
            if not colon and not text.endswith(":"):
                raise InvalidOntology(f"{path}, line {number}: {text[:60]!r} is not a tag with a value")
            if not stanza:
                _header(ontology, tag, value)
            elif stanza == "[Term]":
                term = _obo_term(ontology, term, tag, value, f"{path}, line {number}")
    return ontology


def _header(ontology: Ontology, tag: str, value: str) -> None:
    if tag == "ontology":
        ontology.id = value
    elif tag == "data-version":
        ontology.version = value


def _obo_term(ontology: Ontology, term: str, tag: str, value: str, place: str) -> str:
    """Take one line of a [Term] stanza; the term's id once it is known."""
    bare = re.split(r"\s+[!{]", value, maxsplit=1)[0].strip()
    if tag == "id":
        ontology.labels.setdefault(bare, "")
        return bare
    if not term:
        raise InvalidOntology(f"{place}: {tag!r} before the id of its term")
    if tag == "name":
        ontology.labels[term] = value.strip()
    elif tag == "is_a":
        ontology.parents.setdefault(term, set()).add(bare)
    elif tag == "alt_id":
        ontology.alternatives[bare] = term
    return term


def _obographs(content: bytes, path: Path) -> Ontology:
    try:
        graphs = orjson.loads(content)["graphs"]
        first = graphs[0]
        ontology = Ontology(str(first["id"]), str((first.get("meta") or {}).get("version") or ""))
        for graph in graphs:
            _graph(ontology, graph)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidOntology(f"{path}: not obographs JSON: {error!r}") from error
    return ontology


def _graph(ontology: Ontology, graph: dict[str, Any]) -> None:
    for node in graph["nodes"]:
        term = curie(node["id"])
        if term is None or node.get("type", "CLASS") != "CLASS":
            continue
        ontology.labels[term] = node.get("lbl") or ""
        for statement in (node.get("meta") or {}).get("basicPropertyValues") or ():
            other = curie(statement["val"]) if statement["pred"].endswith(ALTERNATIVE) else None
            if other:
                ontology.alternatives[other] = term
    for edge in graph["edges"]:
        child, parent = curie(edge["sub"]), curie(edge["obj"])
        if edge["pred"] in IS_A and child and parent:
            ontology.parents.setdefault(child, set()).add(parent)


def curie(identifier: str) -> str | None:
    """``HP:0000118`` of an IRI or a CURIE; None for anything else."""
    found = IRI.fullmatch(identifier)
    if found:
        return f"{found[1]}:{found[2]}"
    return identifier if CURIE.fullmatch(identifier) and "://" not in identifier else None
