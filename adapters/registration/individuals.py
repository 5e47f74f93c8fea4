"""Beacon-friendly JSON: lists of individuals and of what belongs to them, as Beacon loaders exchange them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.catalog.models import Analysis, Experiment, Individual, Membership, Run, Sample
from adapters.registration.beacon import UNKNOWN_SEX, objections
from adapters.registration.cohorts import plan_cohort
from adapters.registration.dates import date, is_collection_date, is_duration
from adapters.registration.identities import Identities, Mapped, read_mapping
from adapters.registration.plan import Origin, ProblemKind, Row
from adapters.registration.registration import Reading
from adapters.registration.text import json_document

LISTS = ("individuals", "biosamples", "runs", "analyses", "cohorts")
Record = dict[str, Any]
Placed = tuple[Origin, Record]


@dataclass(frozen=True, slots=True)
class BeaconLists:
    """``individuals.json``, ``biosamples.json``, ``runs.json``, ``analyses.json`` and ``cohorts.json`` of ``folder``,
    each also as ``.json.gz``; only the first must be there.

    ``mapping`` is a table of identifiers and accessions; ``numbering`` gives new accessions to what has none.
    """

    folder: Path
    mapping: Path | None = None
    numbering: bool = False

    def read(self, reading: Reading) -> None:
        """See :class:`~adapters.registration.registration.Source`."""
        lists = {name: list(self._records(name, reading)) for name in LISTS}
        mapping = read_mapping(self.mapping, reading) if self.mapping else {}
        Planner(reading, mapping, self.numbering).plan(lists)

    def _records(self, name: str, reading: Reading) -> Iterator[Placed]:
        """The objects of a list that have an ``id``; row 1 is the first."""
        path = next((p for p in (self.folder / f"{name}.json", self.folder / f"{name}.json.gz") if p.exists()), None)
        if path is None:
            if name == "individuals":
                reading.plan.problem(Origin(f"{name}.json"), ProblemKind.MISSING_FILE, f"is not in {self.folder}")
            return
        document = json_document(path, reading.plan)
        if document is not None and not isinstance(document, list):
            reading.plan.problem(Origin(path.name), ProblemKind.UNREADABLE, "must be a list of objects")
            return
        for number, record in enumerate(document or [], 1):
            origin = Origin(path.name, row=number)
            if not isinstance(record, dict):
                reading.plan.problem(origin, ProblemKind.BAD_VALUE, "must be an object")
            elif not isinstance(record.get("id"), str) or not record["id"]:
                reading.plan.problem(origin.at("id"), ProblemKind.MISSING_VALUE, "'id' must be a string")
            else:
                yield origin, record


@dataclass(slots=True)
class Planner:
    """Plans the rows of one registration of individuals; the submitter's identifiers become accessions here."""

    reading: Reading
    mapping: Mapping[str, Mapped]
    numbering: bool
    accessions: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))  # by entity, by identifier
    refused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def plan(self, lists: Mapping[str, list[Placed]]) -> None:
        """Plan individuals, then what belongs to them."""
        self.individuals(lists["individuals"])
        self._samples(lists["biosamples"])
        self._runs(lists["runs"])
        self._analyses(lists["analyses"])
        for origin, record in lists["cohorts"]:
            plan_cohort(self.reading, origin, record, self.accessions["individual"])

    def individuals(self, records: list[Placed]) -> None:
        """Plan individuals and their membership in the data set."""
        for origin, record, accession in self._identified("individual", records):
            for path, kind, message in objections(record):
                self._problem(origin.at(path), kind, message)
            self.reading.plan.add(Row(Individual, self._individual(record, accession), origin))
            values = {"dataset": self.reading.dataset, "individual": accession}
            self.reading.plan.add(Row(Membership, values, origin, shared=True))

    def _individual(self, record: Record, accession: str) -> Record:
        sex = record.get("sex", UNKNOWN_SEX)
        mapped = self.mapping.get(record["id"])
        return {
            "accession": accession,
            "name": record["id"] if record["id"] != accession else "",
            "sex": sex.get("id", UNKNOWN_SEX["id"]) if isinstance(sex, dict) else UNKNOWN_SEX["id"],
            "record": {"sex": sex, **_without(record, "id", "sex")},
            "link": mapped.link if mapped else None,
        }

    def _samples(self, records: list[Placed]) -> None:
        for origin, record, accession in self._identified("sample", records):
            self._check_times(origin, record)
            values = {
                "accession": accession,
                "dataset": self.reading.dataset,
                "individual": self._parent("individual", record.get("individualId"), origin.at("individualId")),
                "biosample": None,
                "name": record["id"],
                "title": "",
                "attributes": _without(record, "id", "individualId"),
            }
            self.reading.plan.add(Row(Sample, values, origin))

    def _check_times(self, origin: Origin, record: Record) -> None:
        when, age = record.get("collectionDate", ""), record.get("collectionMoment", "P0D")
        if not is_collection_date(str(when)):
            self._problem(origin.at("collectionDate"), ProblemKind.BAD_DATE, f"{when!r} is no date")
        if not is_duration(str(age)):
            self._problem(origin.at("collectionMoment"), ProblemKind.BAD_DATE, f"{age!r} is no ISO 8601 duration")

    def _runs(self, records: list[Placed]) -> None:
        """A run of Beacon holds what the family calls an experiment and its run."""
        placed = list(self._identified("run", records))
        experiments = self._identities("experiment", [record["id"] for _, record, _ in placed])
        for origin, record, accession in placed:
            experiment = experiments.accession(record["id"], origin.at("id"))
            if experiment is not None:
                self.reading.plan.add(Row(Experiment, self._experiment(record, experiment, origin), origin))
                self.reading.plan.add(Row(Run, self._run(record, accession, experiment, origin), origin))

    def _experiment(self, record: Record, accession: str, origin: Origin) -> Record:
        return {
            "accession": accession,
            "dataset": self.reading.dataset,
            "sample": self._parent("sample", record.get("biosampleId"), origin.at("biosampleId")),
            "biosample": None,
            "title": record["id"],
            "platform": _label(record.get("platformModel")) or str(record.get("platform", "")),
            "strategy": str(record.get("libraryStrategy", "")),
            "source": _label(record.get("librarySource")),
            "selection": str(record.get("librarySelection", "")),
            "layout": str(record.get("libraryLayout", "")),
            "attributes": {},
        }

    def _run(self, record: Record, accession: str, experiment: str, origin: Origin) -> Record:
        return {
            "accession": accession,
            "dataset": self.reading.dataset,
            "experiment": experiment,
            "title": record["id"],
            "run_date": self._date(record, "runDate", origin),
            "file_type": "",
            "attributes": _without(record, "id", "individualId", "biosampleId", "runDate"),
        }

    def _analyses(self, records: list[Placed]) -> None:
        for origin, record, accession in self._identified("analysis", records):
            values = {
                "accession": accession,
                "dataset": self.reading.dataset,
                "run": self._parent("run", record.get("runId"), origin.at("runId")),
                "title": record["id"],
                "analysis_date": self._date(record, "analysisDate", origin),
                "pipeline": str(record.get("pipelineName", "")),
                "aligner": str(record.get("aligner", "")),
                "caller": str(record.get("variantCaller", "")),
                "attributes": _without(record, "id", "runId", "individualId", "biosampleId", "analysisDate"),
            }
            self.reading.plan.add(Row(Analysis, values, origin))

    def _date(self, record: Record, name: str, origin: Origin) -> dt.date | None:
        try:
            return date(str(record[name])) if name in record else None
        except ValueError as error:
            self._problem(origin.at(name), ProblemKind.BAD_DATE, str(error))
            return None

    def _identified(self, entity: str, records: list[Placed]) -> Iterator[tuple[Origin, Record, str]]:
        """The records that have an accession, each identifier once."""
        identities = self._identities(entity, [record["id"] for _, record in records])
        seen: dict[str, Origin] = {}
        for origin, record in records:
            identifier = record["id"]
            if identifier in seen:
                message = f"{identifier!r} occurs before, at {seen[identifier]}"
                self._problem(origin.at("id"), ProblemKind.DUPLICATE, message)
                continue
            seen[identifier] = origin
            accession = identities.accession(identifier, origin.at("id"))
            if accession is None:
                self.refused[entity].add(identifier)
            else:
                self.accessions[entity][identifier] = accession
                yield origin, record, accession

    def _identities(self, entity: str, identifiers: list[str]) -> Identities:
        mapping = self.mapping if entity == "individual" else {}
        identities = Identities(self.reading, entity, mapping, self.numbering)
        identities.recall(identifiers)
        return identities

    def _parent(self, entity: str, identifier: Any, origin: Origin) -> str | None:
        """The accession of what a record refers to: planned here, or registered in this data set before."""
        if isinstance(identifier, str):
            found = self.accessions[entity].get(identifier)
            if found is not None or identifier in self.refused[entity]:
                return found
            mapping = self.mapping if entity == "individual" else {}
            identities = Identities(self.reading, entity, mapping, numbering=False)
            identities.recall([identifier])
            if identifier in identities.known or self.reading.archive.accessions.matches(entity, identifier):
                return identities.accession(identifier, origin)
        self._problem(origin, ProblemKind.MISSING_PARENT, f"no {entity} {identifier!r} here or registered")
        return None

    def _problem(self, origin: Origin, kind: ProblemKind, message: str) -> None:
        self.reading.plan.problem(origin, kind, message)


def _without(record: Record, *keys: str) -> Record:
    return {key: value for key, value in record.items() if key not in keys}


def _label(term: Any) -> str:
    return str(term.get("label") or term.get("id", "")) if isinstance(term, dict) else str(term or "")
