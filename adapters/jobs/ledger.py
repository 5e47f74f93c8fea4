"""What is done to jobs: taken, kept alive, moved on, ended. Every change is one transaction, and is made only by whom
the job belongs to at that moment."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.jobs.clock import now
from adapters.jobs.states import FAILED_BY, STEPS, TOGETHER, FileState, JobState, Kind, Step
from adapters.jobs.tables import Arrival, Document, Job, JobEvent

LEASE: Final = dt.timedelta(seconds=60)
CANCELLED: Final = "cancelled by the operator"
FIRST_RETRY: Final = 10  # seconds; doubled with every attempt
LAST_RETRY: Final = 3600


class LostClaim(Exception):
    """The job is no longer this worker's: it was silent too long, and another may have it."""


class Cancelled(Exception):
    """Somebody wants the job to end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker has taken; ``token`` proves it."""

    job: int
    token: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a step says of one file: no ``reasons`` if it passed. ``report`` and ``file`` are None if unchanged.

    ``state`` is what a file becomes that did not pass, if not what the step says of all.
    """

    reasons: tuple[str, ...] = ()
    report: Document | None = None
    file: str | None = None
    state: FileState | None = None


def take(engine: Engine, job: int, worker: str, lease: dt.timedelta = LEASE) -> Claim | None:
    """Take a job if it still waits and its time has come."""
    token = secrets.token_hex(16)
    with Session(writing(engine)) as session, session.begin():
        at = now(session)
        taken = session.execute(
            update(Job)
            .where(Job.id == job, Job.state == JobState.WAITING, Job.not_before <= at)
            .values(state=JobState.RUNNING, worker=worker, token=token, lease_until=at + lease, started_at=at)
        )
        if not taken.rowcount:  # type: ignore[attr-defined]
            return None
        note(session, job, "started", worker)
    return Claim(job, token)


def take_next(engine: Engine, worker: str, lease: dt.timedelta = LEASE) -> Claim | None:
    """Take the job whose turn it is: the highest priority first, then the oldest."""
    while True:
        with Session(engine) as session:
            due = select(Job.id).where(Job.state == JobState.WAITING, Job.not_before <= now(session))
            job = session.scalar(due.order_by(Job.priority.desc(), Job.id).limit(1))
        if job is None:
            return None
        if claim := take(engine, job, worker, lease):
            return claim


@contextmanager
def held(engine: Engine, claim: Claim) -> Iterator[tuple[Session, Job]]:
    """A transaction on a job that is ours; the row is locked for its length.

    :raises LostClaim: if it is not ours any more.
    """
    with Session(writing(engine)) as session, session.begin():
        job = session.scalar(select(Job).where(Job.id == claim.job).with_for_update())
        if job is None or job.state != JobState.RUNNING or job.token != claim.token:
            raise LostClaim(f"job {claim.job} belongs to another worker now")
        yield session, job


def beat(engine: Engine, claim: Claim, done_bytes: int, lease: dt.timedelta = LEASE) -> None:
    """Say that the worker lives, and how far it is.

    :raises LostClaim: if the job is not ours any more.
    :raises Cancelled: if it is to end.
    """
    with held(engine, claim) as (session, job):
        job.lease_until = now(session) + lease
        job.done_bytes = done_bytes
        wanted = job.cancel
    if wanted:
        raise Cancelled


def passed(engine: Engine, claim: Claim, step: Step, verdicts: Mapping[int, Verdict]) -> bool:
    """Write down what a step says of the files (by id of the arrival); whether the job goes on.

    A file that did not pass ends the job where files belong together: the others are held. Images go on without it.
    :raises LostClaim: if the job is not ours any more.
    :raises Cancelled: if it is to end.
    """
    with held(engine, claim) as (session, job):
        if job.cancel:
            raise Cancelled
        kind = Kind(job.kind)
        checked = session.scalars(select(Arrival).where(Arrival.job == job.id, Arrival.state == FileState.CHECKING))
        found = {arrival: verdicts.get(arrival.id, Verdict()) for arrival in checked}
        bad = sum(bool(verdict.reasons) for verdict in found.values())
        together = kind in TOGETHER and bad > 0
        for arrival, verdict in found.items():
            _judge(session, arrival, step, verdict, held=together, last=step is STEPS[kind][-1])
        job.attempts = 0
        if together or bad == len(found):
            _end(session, job, JobState.FAILED, f"{FAILED_BY[step]}")
        elif step is STEPS[kind][-1]:
            _end(session, job, JobState.DONE, _left_out(session, job))
        else:
            job.step = STEPS[kind][STEPS[kind].index(step) + 1]
            note(session, job.id, f"{step} passed")
        return job.state == JobState.RUNNING


def _left_out(session: Session, job: Job) -> str:
    """How many files were not archived; empty if all were."""
    states = list(session.scalars(select(Arrival.state).where(Arrival.job == job.id)))
    others = sum(state != FileState.ARCHIVED for state in states)
    return f"{others} of {len(states)} files were not archived" if others else ""


def _judge(session: Session, arrival: Arrival, step: Step, verdict: Verdict, *, held: bool, last: bool) -> None:
    arrival.updated_at = now(session)
    if verdict.report is not None:
        arrival.report = verdict.report
    if verdict.file is not None:
        arrival.file = verdict.file
    if verdict.reasons:
        arrival.state, arrival.reasons = verdict.state or FAILED_BY[step], list(verdict.reasons)
    elif held:
        arrival.state, arrival.reasons = FileState.HELD, ["a file that belongs with this one did not pass"]
    elif last:
        arrival.state = FileState.ARCHIVED


def _end(session: Session, job: Job, state: JobState, error: str) -> None:
    job.state, job.error = state, error
    job.token = job.lease_until = None
    job.finished_at = now(session)
    if state is JobState.DONE:
        job.done_bytes = job.total_bytes
    note(session, job.id, state, error)


def close(session: Session, job: Job, state: FileState, reason: str) -> None:
    """Give the files that are being checked their last state."""
    for arrival in session.scalars(select(Arrival).where(Arrival.job == job.id, Arrival.state == FileState.CHECKING)):
        arrival.state, arrival.reasons, arrival.updated_at = state, [reason], now(session)


def cancelled(engine: Engine, claim: Claim) -> None:
    """End a job because somebody wants it."""
    with held(engine, claim) as (session, job):
        close(session, job, FileState.CANCELLED, CANCELLED)
        _end(session, job, JobState.CANCELLED, "")


def broke(engine: Engine, claim: Claim, error: str, most: int) -> None:
    """An attempt ended without an answer: try again later, ``most`` times in all."""
    with held(engine, claim) as (session, job):
        again(session, job, error, most)


def again(session: Session, job: Job, error: str, most: int) -> None:
    """Let a job wait for another attempt, or end it when it had ``most``."""
    job.attempts += 1
    job.token = job.lease_until = None
    if job.attempts >= most:
        close(session, job, FileState.NOT_CHECKED, error)
        _end(session, job, JobState.FAILED, error)
        return
    pause = min(LAST_RETRY, FIRST_RETRY * 2 ** (job.attempts - 1))
    job.state, job.error = JobState.WAITING, error
    job.not_before = now(session) + dt.timedelta(seconds=pause)
    note(session, job.id, "tried again later", f"{error}; in {pause} s")


def let_go(engine: Engine, claim: Claim) -> None:
    """Give a job back as it is: the worker is asked to end."""
    with held(engine, claim) as (session, job):
        job.state, job.token, job.lease_until = JobState.WAITING, None, None
        note(session, job.id, "given back")


def note(session: Session, job: int, what: str, detail: str = "") -> None:
    """Add to what happened to a job."""
    session.add(JobEvent(job=job, at=now(session), what=what, detail=detail))
