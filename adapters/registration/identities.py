"""Accessions for the things that a source names in its own way.

An individual, sample or run of the source has an identifier of the submitter. Its accession is, in this order: the
identifier itself where that is an accession; what an explicit mapping gives; what was given to the same identifier of
the same data set before; the next free number, where numbering is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from adapters.catalog.models import Analysis, Experiment, Individual, Membership, Run, Sample
from adapters.registration.accessions import NoAccession, last_number
from adapters.registration.plan import Origin, ProblemKind, Table
from adapters.registration.registration import Reading
from adapters.registration.tables import RememberedPatient
from adapters.registration.text import required_value, table

CHUNK = 500
NUMBERED: dict[str, tuple[Table, InstrumentedAttribute[str]]] = {
    "individual": (Individual, Individual.accession),
    "sample": (Sample, Sample.accession),
    "experiment": (Experiment, Experiment.accession),
    "run": (Run, Run.accession),
    "analysis": (Analysis, Analysis.accession),
}
TITLED: dict[str, type[Experiment | Run | Analysis]] = {"experiment": Experiment, "run": Run, "analysis": Analysis}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One line of a mapping: the accession, and the linked GSA-Human individual if there is one."""

    accession: str
    link: str | None
    origin: Origin


def read_mapping(path: Path, reading: Reading) -> dict[str, Mapped]:
    """A mapping of individuals: columns ``identifier``, ``accession`` and optionally ``link``."""
    found: dict[str, Mapped] = {}
    accessions: dict[str, Origin] = {}
    for origin, values in table(path, reading.plan, ("identifier", "accession"), ("link",)):
        identifier = required_value(values, "identifier", origin, reading.plan)
        accession = _checked("individual", values["accession"], origin.at("accession"), reading)
        link = _checked("link", values["link"], origin.at("link"), reading) if values.get("link") else None
        if identifier is None or accession is None:
            continue
        for seen in (found[identifier].origin if identifier in found else None, accessions.get(accession)):
            if seen is not None:
                reading.plan.problem(origin, ProblemKind.DUPLICATE, f"identifier or accession occurs before, at {seen}")
        accessions.setdefault(accession, origin)
        found.setdefault(identifier, Mapped(accession, link, origin))
    return found


def _checked(entity: str, value: str, origin: Origin, reading: Reading) -> str | None:
    objection = reading.archive.accessions.objection(entity, value)
    if objection is None:
        return value
    reading.plan.problem(origin, ProblemKind.BAD_ACCESSION, objection)
    return None


@dataclass(slots=True)
class Identities:
    """Gives accessions of one entity within one registration."""

    reading: Reading
    entity: str
    mapping: Mapping[str, Mapped]
    numbering: bool
    known: dict[str, str] = field(default_factory=dict)
    number: int | None = None

    def recall(self, identifiers: Sequence[str]) -> None:
        """Look up which of the submitter's identifiers have an accession in this data set already."""
        for start in range(0, len(identifiers), CHUNK):
            query = _registered(self.entity, self.reading.dataset, identifiers[start : start + CHUNK])
            self.known.update({str(name): accession for name, accession in self.reading.session.execute(query)})

    def accession(self, identifier: str, origin: Origin) -> str | None:
        """The accession of ``identifier``; None (and a problem) if it has none."""
        accessions = self.reading.archive.accessions
        if accessions.matches(self.entity, identifier):
            return identifier
        found = self.mapping[identifier].accession if identifier in self.mapping else self.known.get(identifier)
        if found is None:
            found = self._next(identifier, origin)
        if found is not None:
            self.known[identifier] = found
        return found

    def new(self, origin: Origin) -> str | None:
        """The next free accession; None (and a problem) if there is none."""
        try:
            return self.reading.archive.accessions.numbered(self.entity, self._next_number())
        except NoAccession as error:
            self.reading.plan.problem(origin, ProblemKind.BAD_ACCESSION, str(error))
            return None

    def _next(self, identifier: str, origin: Origin) -> str | None:
        if self.numbering:
            return self.new(origin)
        objection = self.reading.archive.accessions.objection(self.entity, identifier) or ""
        self.reading.plan.problem(origin, ProblemKind.BAD_ACCESSION, objection)
        self.reading.plan.refuse(NUMBERED[self.entity][0], identifier)
        return None

    def _next_number(self) -> int:
        if self.number is None:
            prefix = self.reading.archive.accessions.prefix(self.entity) or ""
            given = [mapped.accession[len(prefix) :] for mapped in self.mapping.values()]
            highest = [last_number(self.reading.session, column, prefix) for column in self._columns()]
            self.number = max(*highest, *(int(n) for n in given if n.isdecimal()), 0)
        self.number += 1
        return self.number

    def _columns(self) -> tuple[InstrumentedAttribute[str], ...]:
        """Where accessions of the entity stand."""
        own = NUMBERED[self.entity][1]
        return (own, RememberedPatient.individual) if self.entity == "individual" else (own, own)


def _registered(entity: str, dataset: str, identifiers: Sequence[str]) -> Select[str, str]:
    """Identifier and accession of what the data set holds of an entity."""
    if entity == "individual":
        return (
            select(Individual.name, Individual.accession)
            .join(Membership, Membership.individual == Individual.accession)
            .where(Membership.dataset == dataset, Individual.name.in_(identifiers))
        )
    if entity == "sample":
        return select(Sample.name, Sample.accession).where(Sample.dataset == dataset, Sample.name.in_(identifiers))
    table = TITLED[entity]
    return select(table.title, table.accession).where(table.dataset == dataset, table.title.in_(identifiers))
