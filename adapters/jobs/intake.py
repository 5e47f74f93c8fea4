"""Files are received: a manifest becomes jobs, whole or not at all. Nothing is read yet but sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.catalog.models import Dataset, Location
from adapters.jobs.clock import now
from adapters.jobs.ledger import note
from adapters.jobs.states import STEPS, FileState, JobState, Kind
from adapters.jobs.tables import Arrival, Job
from adapters.jobs.together import together
from adapters.registration.plan import Claim, Origin, Plan, ProblemKind
from adapters.registration.registration import Archive, Reading, Source
from adapters.registration.write import Refused, take_turn
from adapters.store import StoreError

ALIVE: Final = (FileState.CHECKING, FileState.ARCHIVED)
LONGEST_TITLE: Final = 120


def receive(archive: Archive, dataset: str, source: Source, priority: int = 0) -> list[int]:
    """Make jobs for the files that ``source`` claims; their ids.

    :raises Refused: with every problem of the input; nothing was written.
    """
    plan = Plan()
    with Session(writing(archive.engine)) as session, session.begin():
        take_turn(session)
        _expect_dataset(session, dataset, plan)
        source.read(Reading(archive, session, plan, dataset))
        sizes = _sizes(archive, plan)
        _expect_new(session, plan)
        if plan.problems:
            raise Refused(plan.sorted_problems())
        return [_job(session, dataset, group, sizes, priority) for group in together(plan.claims)]


def _expect_dataset(session: Session, accession: str, plan: Plan) -> None:
    if session.get(Dataset, accession) is None:
        plan.problem(Origin("--dataset"), ProblemKind.MISSING_PARENT, f"data set {accession!r} is not registered")


def _sizes(archive: Archive, plan: Plan) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for claim in plan.claims:
        if claim.key in sizes:
            plan.problem(claim.origin, ProblemKind.DUPLICATE, f"{claim.key!r} occurs before")
        try:
            sizes[claim.key] = archive.stores[claim.store].head(claim.key).size
        except StoreError as error:
            sizes[claim.key] = 0
            plan.problem(claim.origin, ProblemKind.MISSING_FILE, str(error))
    return sizes


def _expect_new(session: Session, plan: Plan) -> None:
    for claim in plan.claims:
        place = (claim.store, claim.key)
        known = select(Arrival.job, Arrival.state).where(Arrival.store == place[0], Arrival.key == place[1])
        for job, state in session.execute(known.where(Arrival.state.in_(ALIVE))):
            plan.problem(claim.origin, ProblemKind.CONFLICT, f"{claim.key!r} was received before (job {job}, {state})")
            break
        else:
            query = select(Location.file).where(Location.store == place[0], Location.key == place[1])
            if file := session.scalar(query):
                plan.problem(claim.origin, ProblemKind.CONFLICT, f"{claim.key!r} is registered already, as {file}")


def _job(session: Session, dataset: str, group: Sequence[Claim], sizes: dict[str, int], priority: int) -> int:
    at = now(session)
    names = " + ".join(claim.key for claim in group)
    job = Job(
        dataset=dataset,
        title=names if len(names) <= LONGEST_TITLE else names[: LONGEST_TITLE - 1] + "…",
        state=JobState.WAITING,
        step=STEPS[Kind.SEQUENCES][0],
        priority=priority,
        not_before=at,
        total_bytes=sum(sizes[claim.key] for claim in group),
        created_at=at,
    )
    session.add(job)
    session.flush()
    for claim in group:
        session.add(_arrival(job, claim, sizes[claim.key]))
    note(session, job.id, "received", f"{len(group)} files")
    return job.id


def _arrival(job: Job, claim: Claim, size: int) -> Arrival:
    return Arrival(
        job=job.id,
        dataset=job.dataset,
        store=claim.store,
        key=claim.key,
        size=size,
        declared=declared(claim),
        state=FileState.CHECKING,
        created_at=job.created_at,
        updated_at=job.created_at,
    )


def declared(claim: Claim) -> dict[str, Any]:
    """A claim as JSON."""
    values = asdict(claim)
    values["origin"] = {name: value for name, value in values["origin"].items() if value}
    return values


def claimed(values: dict[str, Any]) -> Claim:
    """A claim from JSON."""
    return Claim(**{**values, "origin": Origin(**values["origin"]), "individuals": tuple(values["individuals"])})
