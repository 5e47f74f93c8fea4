"""The holdings as the oracle reads them: plain Python over the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.adapters.variants import oracle as alleles

Members = dict[str, set[str]]


@dataclass(frozen=True)
class Chain:
    """A sample with a run and an analysis of it, or None where only what is above is meant."""

    sample: Mapping[str, Any]
    run: Mapping[str, Any] | None = None
    analysis: Mapping[str, Any] | None = None

    def at(self, kind: str) -> Mapping[str, Any] | None:
        return {"biosample": self.sample, "run": self.run, "analysis": self.analysis}[kind]


@dataclass
class DataSet:
    """The files of one data set; ``listed`` is how many alleles its files with genotypes list, each by itself."""

    about: dict[str, Any]
    people: dict[str, dict[str, Any]]
    chains: list[Chain]
    series: list[tuple[dict[str, Any], dict[str, Any]]]
    cohorts: dict[str, set[str]]
    lines: list[alleles.Line]
    listed: int


class Holdings:
    """The files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parents = _parents(root / "tree.obo")
        self.withdrawn = set(json.loads((root / "withdrawn.json").read_text()))
        self.order: dict[str, int] = {}
        self.sets = {folder.name: self._read(folder) for folder in sorted(root.iterdir()) if folder.is_dir()}

    def _read(self, folder: Path) -> DataSet:
        lists = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        people = {one["id"]: one for one in lists["individuals"]}
        for person in people:
            self.order.setdefault(person, len(self.order))
        cohorts = {c["id"]: set(c.get("ids", {}).get("individualIds", people)) for c in lists["cohorts"]}
        series = [(study, one) for study in lists["images"] for one in study["series"]]
        owner = {sample["id"]: self.order[sample["individualId"]] for sample in lists["biosamples"]}
        lines, listed = [], 0
        for path in sorted(folder.glob("*.vcf")):
            of_file = alleles.read(path.read_text(), folder.name, path.name.split(".")[1], owner)
            listed += len({line.key for line in of_file if line.site is None})
            lines += of_file
        return DataSet(lists["dataset"], people, list(_chains(lists)), series, cohorts, lines, listed)

    @cached_property
    def existing(self) -> list[str]:
        """Data sets that are there today."""
        return [d for d, one in self.sets.items() if not one.about.get("withdrawn") and "release_date" not in one.about]

    @cached_property
    def names(self) -> dict[int, str]:
        return {number: person for person, number in self.order.items()}

    def above(self, term: str) -> set[str]:
        """A term and all its ancestors."""
        found = {term}
        for parent in self.parents.get(term, ()):
            found |= self.above(parent)
        return found

    def in_ontology(self, term: str) -> bool:
        return term in self.parents


def _parents(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stanza in path.read_text().split("[Term]")[1:]:
        lines = stanza.strip().splitlines()
        found[lines[0].removeprefix("id: ")] = [x.removeprefix("is_a: ") for x in lines if x.startswith("is_a: ")]
    return found


def _chains(lists: dict[str, Any]) -> Iterator[Chain]:
    for sample in lists["biosamples"]:
        yield Chain(sample)
        for run in lists["runs"]:
            if run["biosampleId"] == sample["id"]:
                yield Chain(sample, run)
                for analysis in lists["analyses"]:
                    if analysis["runId"] == run["id"]:
                        yield Chain(sample, run, analysis)


def allele_id(key: tuple[Any, ...]) -> str:
    """The id of a sequence allele or of a plain symbolic one (breakends and very long ones are not asked for by id)."""
    assembly, contig, start, span, ref, alt, length = key
    if alt.startswith("<"):
        return f"{assembly}:{contig}:{start}:{start + span}:{alt[1:-1].replace(':', '.')}.{length}"
    return f"{assembly}:{contig}:{start}:{ref}:{alt}"
