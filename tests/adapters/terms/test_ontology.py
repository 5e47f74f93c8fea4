"""Ontologies from OBO and obographs files: closure equals a naive walk; broken files are refused by name."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from pyroaring import BitMap
from sqlalchemy import Engine, func, select

from adapters.terms.errors import InvalidOntology, UnknownFilter
from adapters.terms.filters import Filter, Filters
from adapters.terms.loading import closure, load
from adapters.terms.ontology import Ontology, curie, read
from adapters.terms.tables import OntologyClosure, OntologySource, OntologyTerm
from tests.adapters.terms.conftest import Put
from tests.support import shared

OBO = """format-version: 1.4
data-version: releases/2026-01-01
ontology: toy

[Term]
id: T:1
name: root ! really

[Term]
id: T:2
name: middle
alt_id: T:20
is_a: T:1 {source="x"} ! root

[Term]
id: T:3
name: leaf
is_a: T:2 ! middle
is_obsolete: false

[Typedef]
id: part_of
name: part of
"""
GRAPH = {
    "graphs": [
        {
            "id": "http://purl.obolibrary.org/obo/toy.json",
            "meta": {"version": "2026"},
            "nodes": [
                {"id": "http://purl.obolibrary.org/obo/T_1", "lbl": "root", "type": "CLASS"},
                {
                    "id": "http://purl.obolibrary.org/obo/T_2",
                    "lbl": "middle",
                    "type": "CLASS",
                    "meta": {
                        "basicPropertyValues": [
                            {"pred": "http://www.geneontology.org/formats/oboInOwl#hasAlternativeId", "val": "T:20"}
                        ]
                    },
                },
                {"id": "http://purl.obolibrary.org/obo/T_3", "lbl": "leaf", "type": "CLASS"},
                {"id": "http://purl.obolibrary.org/obo/BFO_0000050", "lbl": "part of", "type": "PROPERTY"},
            ],
            "edges": [
                {
                    "sub": "http://purl.obolibrary.org/obo/T_2",
                    "pred": "is_a",
                    "obj": "http://purl.obolibrary.org/obo/T_1",
                },
                {
                    "sub": "http://purl.obolibrary.org/obo/T_3",
                    "pred": "is_a",
                    "obj": "http://purl.obolibrary.org/obo/T_2",
                },
                {
                    "sub": "http://purl.obolibrary.org/obo/T_1",
                    "pred": "http://purl.obolibrary.org/obo/BFO_0000050",
                    "obj": "http://purl.obolibrary.org/obo/T_3",
                },
            ],
        }
    ]
}
PAIRS = {
    ("T:1", "T:2"),
    ("T:1", "T:3"),
    ("T:2", "T:3"),
    ("T:2", "T:20"),
    ("T:20", "T:2"),
    ("T:1", "T:20"),
    ("T:20", "T:3"),
}


def write(folder: Path, name: str) -> Path:
    path = folder / name
    content = (json.dumps(GRAPH) if ".json" in name else OBO).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["toy.obo", "toy.obo.gz", "toy.json", "toy.json.gz"])
def test_both_formats_say_the_same(tmp_path: Path, name: str) -> None:
    ontology = read(write(tmp_path, name))
    assert set(closure(ontology)) == PAIRS
    assert {ontology.labels["T:2"], ontology.labels["T:3"]} == {"middle", "leaf"}
    assert "BFO:0000050" not in ontology.labels
    assert "part_of" not in ontology.labels


def test_loading_again_replaces(terms_engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path, "toy.obo")
    load(terms_engine, path)
    loaded = load(terms_engine, path)
    assert (loaded.ontology, loaded.version, loaded.terms, loaded.pairs) == (
        "toy",
        "releases/2026-01-01",
        4,
        len(PAIRS),
    )
    with terms_engine.connect() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(t))
            for t in (OntologySource, OntologyTerm, OntologyClosure)
        ]
    assert counts == [1, 4, len({above for above, _ in PAIRS})]
    path.write_text(OBO.split("[Typedef]")[0].replace("is_a: T:2 ! middle\n", ""))
    assert load(terms_engine, path).pairs == len(PAIRS) - 3


def test_BEA_35_descendants_unless_false(terms_engine: Engine, tmp_path: Path, put: Put) -> None:
    load(terms_engine, write(tmp_path, "toy.obo"))
    for ordinal, term in enumerate(["T:1", "T:2", "T:3", "T:20"]):
        put(ordinal, {"diseases": [{"diseaseCode": {"id": term}}]})
    filters, everyone = Filters(terms_engine, ["individual"]), BitMap(range(4))

    def having(term: str, descendants: bool) -> list[int]:
        return list(filters.individuals([Filter(term, descendants=descendants)], everyone))

    assert [having(term, True) for term in ("T:1", "T:2", "T:3", "T:20")] == [[0, 1, 2, 3], [1, 2, 3], [2], [1, 2, 3]]
    assert [having(term, False) for term in ("T:1", "T:2", "T:3")] == [[0], [1], [2]]
    with pytest.raises(UnknownFilter, match="T:9"):
        having("T:9", True)


def test_closure_equals_a_naive_walk() -> None:
    dice = random.Random(2)
    for _ in range(30):
        names = [f"R:{i}" for i in range(25)]
        ontology = Ontology("random", labels=dict.fromkeys(names, ""))
        for index, name in enumerate(names[1:], start=1):
            ontology.parents[name] = set(dice.sample(names[:index], min(index, dice.randrange(3))))
        expected = set()
        for name in names:
            waiting = list(ontology.parents.get(name, ()))
            while waiting:
                parent = waiting.pop()
                expected.add((parent, name))
                waiting += ontology.parents.get(parent, ())
        assert set(closure(ontology)) == expected


@pytest.mark.parametrize(
    ("name", "content", "naming"),
    [
        ("x.obo", "", "holds no term"),
        ("x.obo", "[Term]\nname: early\n", "line 2"),
        ("x.obo", "[Term]\nid: T:1\nrubbish\n", "line 3"),
        ("x.obo", "[Term]\nid: T:1\nis_a: T:2\n[Term]\nid: T:2\nis_a: T:1\n", "own ancestor"),
        ("x.json", json.dumps(GRAPH)[:-40], "obographs"),
        ("x.json", "[]", "obographs"),
        ("x.json", '{"graphs": [{"id": "x", "nodes": [{"label": 3}], "edges": []}]}', "obographs"),
        ("x.obo.gz", "not gzip", "cannot be read"),
        ("x.owl", "<rdf/>", "allowed: .obo"),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path: Path, name: str, content: str, naming: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InvalidOntology, match="x") as error:
        list(closure(read(path)))
    assert naming in str(error.value)


def test_a_cut_off_gzip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "toy.obo.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidOntology, match="cannot be read"):
        read(path)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("http://purl.obolibrary.org/obo/HP_0000118", "HP:0000118"),
        ("http://www.ebi.ac.uk/efo/EFO_0000408", "EFO:0000408"),
        ("HP:0000118", "HP:0000118"),
        ("http://example.org/thing", None),
        ("_:genid1", None),
    ],
)
def test_identifiers_become_curies(identifier: str, expected: str | None) -> None:
    assert curie(identifier) == expected


def test_the_real_phenotype_ontology(tmp_path: Path) -> None:
    ontology = read(shared("data/ontologies/hp.v2024-08-13.json.gz"))
    pairs = set(closure(ontology))
    assert len(ontology.labels) > 18_000
    assert ("HP:0001626", "HP:0001639") in pairs  # cardiovascular abnormality, hypertrophic cardiomyopathy
    assert ("HP:0001250", "HP:0002069") in pairs  # seizure, bilateral tonic-clonic seizure
    assert ("HP:0001639", "HP:0001626") not in pairs


def test_the_same_slice_as_obo_and_as_json() -> None:
    obo = read(shared("data/ontologies/uberon_efo-slim.obo.gz"))
    graph = read(shared("data/ontologies/uberon_efo-slim.json.gz"))
    of_obo = {pair for pair in closure(obo) if all(term.startswith("UBERON:") for term in pair)}
    of_graph = {pair for pair in closure(graph) if all(term.startswith("UBERON:") for term in pair)}
    assert len(of_obo) > 500
    assert of_obo == of_graph
