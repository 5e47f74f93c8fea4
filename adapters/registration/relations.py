"""What files have to do with each other and with persons: an index belongs to a file, a file holds data of persons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.catalog.models import Experiment, File, FilePerson, Location, Membership, Run, Sample
from adapters.registration.accessions import Accessions
from adapters.registration.formats import formats, indexed_names
from adapters.registration.headers import UnreadableHeader, persons_named
from adapters.registration.plan import Claim, Plan, ProblemKind, Row
from adapters.store import ArchiveStore, StoreError

CHUNK = 500
Place = tuple[str, str]  # store, key


@dataclass(slots=True)
class Relations:
    """Plans ``index_of`` and the persons of settled claims."""

    session: Session
    stores: Mapping[str, ArchiveStore]
    accessions: Accessions
    plan: Plan

    def relate(self, claims: Sequence[Claim]) -> None:
        """Add what relates the claims' files; problems go to the plan."""
        by_place = {claim.place: claim.id for claim in claims if claim.id}
        unsettled = {claim.place for claim in self.plan.claims} - by_place.keys()
        for claim in claims:
            if claim.index_of is not None or (claim.format in formats() and formats()[claim.format].indexes):
                self._index(claim, by_place, unsettled)
        if self.accessions.occurs("individual"):
            for claim in claims:
                self._persons(claim)

    def _index(self, claim: Claim, by_place: Mapping[Place, str], unsettled: Set[Place]) -> None:
        candidates = self._indexed_keys(claim)
        for key in candidates:
            found = by_place.get((claim.store, key)) or self._registered(claim.store, key)
            if found and found != claim.id:
                self.plan.rows[File][(claim.id,)].values["index_of"] = found
                return
        if any((claim.store, key) in unsettled for key in candidates):
            return  # the file has a problem of its own
        wanted = " or ".join(repr(key) for key in candidates)
        self.plan.problem(
            claim.origin, ProblemKind.MISSING_PARENT, f"{claim.key!r} is an index of {wanted}, which is not registered"
        )

    def _indexed_keys(self, claim: Claim) -> list[str]:
        if claim.index_of is not None:
            return [claim.index_of]
        path = PurePosixPath(claim.key)
        return [str(path.with_name(name)) for name in indexed_names(path.name, claim.format) if name]

    def _registered(self, store: str, key: str) -> str | None:
        return self.session.scalar(select(Location.file).where(Location.store == store, Location.key == key).limit(1))

    def _persons(self, claim: Claim) -> None:
        persons = dict.fromkeys(claim.individuals)
        if claim.run is not None:
            persons |= dict.fromkeys(self._of_run(claim.run))
        if claim.from_header:
            persons |= dict.fromkeys(self._of_header(claim))
        if not persons:
            self.plan.notes.append(f"{claim.key}: holds data of no registered individual; no withdrawal will reach it")
        for person in persons:
            self.plan.add(Row(FilePerson, {"file": claim.id, "individual": person}, claim.origin, shared=True))
            values = {"dataset": claim.dataset, "individual": person}
            self.plan.add(Row(Membership, values, claim.origin, shared=True))

    def _of_run(self, run: str) -> Iterator[str]:
        """The individual behind a run: run, experiment, sample, individual, each planned or registered."""
        experiment = self._value(Run, run, "experiment")
        sample = self._value(Experiment, experiment, "sample")
        individual = self._value(Sample, sample, "individual")
        if individual is not None:
            yield individual

    def _value(self, table: type[Run | Experiment | Sample], accession: str | None, column: str) -> str | None:
        if accession is None:
            return None
        planned = self.plan.rows.get(table, {}).get((accession,))
        if planned is not None:
            return str(planned.values[column]) if planned.values[column] is not None else None
        return self.session.scalar(select(getattr(table, column)).where(table.accession == accession))

    def _of_header(self, claim: Claim) -> Iterable[str]:
        try:
            names = persons_named(claim.format, self.stores[claim.store].stream(claim.key, chunk=1 << 16))
        except (UnreadableHeader, StoreError) as error:
            self.plan.problem(claim.origin.at("individuals"), ProblemKind.UNREADABLE, f"{claim.key!r}: {error}")
            return []
        persons = self._of_samples(claim.dataset, names)
        if strangers := len(names) - sum(name in persons for name in names):
            self.plan.notes.append(f"{claim.key}: {strangers} of {len(names)} samples are no registered individuals")
        return persons.values()

    def _of_samples(self, dataset: str, names: Sequence[str]) -> dict[str, str]:
        """Individuals by the submitter's sample name within a data set."""
        found: dict[str, str] = {}
        for start in range(0, len(names), CHUNK):
            query = select(Sample.name, Sample.individual).where(
                Sample.dataset == dataset,
                Sample.name.in_(names[start : start + CHUNK]),
                Sample.individual.is_not(None),
            )
            found.update({name: str(individual) for name, individual in self.session.execute(query)})
        wanted = set(names)
        for row in self.plan.of(Sample):
            if row.values["name"] in wanted and row.values["individual"]:
                found[row.values["name"]] = row.values["individual"]
        return found
