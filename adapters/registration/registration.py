"""One registration from end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.catalog.models import Dataset
from adapters.registration.accessions import Accessions
from adapters.registration.comparison import compare
from adapters.registration.descriptor import plan_dataset
from adapters.registration.digests import Progress
from adapters.registration.files import Settlement
from adapters.registration.plan import Origin, Plan, ProblemKind
from adapters.registration.relations import Relations
from adapters.registration.write import Hook, Outcome, Refused, write
from adapters.store import ArchiveStore


@dataclass(frozen=True, slots=True)
class Archive:
    """What a member's registration stands on: its catalog (with the tables of registration), stores and patterns.

    :param hgr_required: tiers that need numbers of human genetic resources.
    """

    engine: Engine
    stores: Mapping[str, ArchiveStore]
    accessions: Accessions
    tiers: Sequence[str] = ("open", "registered", "controlled")
    hgr_required: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source is given: the plan to fill, the data set it belongs to, and the catalog as it is now."""

    archive: Archive
    session: Session
    plan: Plan
    dataset: str


class Source(Protocol):
    """A kind of metadata that archives have."""

    def read(self, reading: Reading) -> None:
        """Fill ``reading.plan`` with rows, claims and problems; write nothing."""


@dataclass(frozen=True, slots=True)
class Described:
    """The data set to register into: the mapping of its descriptor, and where that stands.

    Only an accession means a data set that is registered already.
    """

    values: Mapping[str, Any]
    origin: Origin = field(default_factory=lambda: Origin("data set"))


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def register(
    archive: Archive,
    dataset: Described,
    source: Source,
    *,
    update: bool = False,
    dry_run: bool = False,
    hooks: Sequence[Hook] = (),
    progress: Progress = _silent,
) -> Outcome:
    """Read ``source``, validate everything, write it in one transaction.

    Running it again changes nothing; after a kill it goes on where it was. ``progress`` gets bytes done and in all.

    :raises Refused: with every problem found; nothing was written.
    """
    plan = read(archive, dataset, source, progress=progress, update=update)
    if plan.problems:
        raise Refused(plan.sorted_problems())
    if dry_run:
        return Outcome({}, {}, {}, tuple(plan.notes))
    return write(archive.engine, plan, update=update, hooks=hooks)


def read(
    archive: Archive, dataset: Described, source: Source, *, progress: Progress = _silent, update: bool = False
) -> Plan:
    """The plan of a registration with all its problems; writes nothing but remembered digests."""
    plan = Plan()
    accession = str(dataset.values.get("accession"))
    with Session(archive.engine) as session:
        if dataset.values.keys() == {"accession"}:
            _expect(session, accession, dataset.origin, plan)
        else:
            tiers, hgr = archive.tiers, archive.hgr_required
            plan_dataset(dataset.values, dataset.origin, plan, archive.accessions, tiers, hgr)
        source.read(Reading(archive, session, plan, accession))
    settled = Settlement(archive.engine, archive.stores, archive.accessions, plan, progress).settle()
    with Session(archive.engine) as session:
        Relations(session, archive.stores, archive.accessions, plan).relate(settled)
        compare(session, plan, update=update)
    return plan


def _expect(session: Session, accession: str, origin: Origin, plan: Plan) -> None:
    if session.get(Dataset, accession) is None:
        plan.problem(origin, ProblemKind.MISSING_PARENT, f"data set {accession!r} is not registered: describe it")
        plan.refuse(Dataset, accession)
