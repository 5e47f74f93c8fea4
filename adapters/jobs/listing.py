"""What a person sees of jobs and files, and what a person may want of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.jobs.clock import aware, now
from adapters.jobs.ledger import CANCELLED, close, note
from adapters.jobs.states import STEPS, FileState, JobState, Kind, Step
from adapters.jobs.tables import Arrival, Job, JobEvent


class NoSuchJob(LookupError):
    """There is no job of this number."""


class NotNow(Exception):
    """The job is in a state in which this cannot be done; the message says which."""


def counts(engine: Engine) -> dict[str, int]:
    """How many jobs are in each state."""
    with Session(engine) as session:
        query = select(Job.state, func.count()).group_by(Job.state)
        found = {state: int(number) for state, number in session.execute(query)}
    return {state: found.get(state, 0) for state in JobState}


def jobs(engine: Engine, state: str | None = None, dataset: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Jobs: those that run, then those that wait in their order, then the others, the newest first."""
    query = select(Job)
    if state:
        query = query.where(Job.state == state)
    if dataset:
        query = query.where(Job.dataset == dataset)
    shown: list[Job] = []
    with Session(engine) as session:
        for part, order in (
            (Job.state == JobState.RUNNING, (Job.id,)),
            (Job.state == JobState.WAITING, (Job.priority.desc(), Job.id)),
            (Job.state.not_in((JobState.RUNNING, JobState.WAITING)), (Job.finished_at.desc(), Job.id.desc())),
        ):
            if len(shown) < limit:
                shown += session.scalars(query.where(part).order_by(*order).limit(limit - len(shown)))
        return [_plain(job) for job in shown]


def job(engine: Engine, number: int) -> dict[str, Any]:
    """One job, its files and what happened to it.

    :raises NoSuchJob: if there is none.
    """
    with Session(engine) as session:
        found = _job(session, number)
        arrivals = session.scalars(select(Arrival).where(Arrival.job == number).order_by(Arrival.id))
        events = session.scalars(select(JobEvent).where(JobEvent.job == number).order_by(JobEvent.id))
        return _plain(found) | {
            "files": [_file(one) for one in arrivals],
            "events": [{"at": aware(one.at).isoformat(), "what": one.what, "detail": one.detail} for one in events],
        }


def report(engine: Engine, number: int) -> list[dict[str, Any]]:
    """The reports of the check of a job's files; one of sequence files tells of all that belong together.

    :raises NoSuchJob: if there is none.
    """
    with Session(engine) as session:
        _job(session, number)
        query = select(Arrival.report).where(Arrival.job == number, Arrival.report.is_not(None)).order_by(Arrival.id)
        return [one for one in session.scalars(query) if one is not None]


def cancel(engine: Engine, number: int) -> None:
    """End a job: at once if it waits, in seconds if it runs.

    :raises NoSuchJob: if there is none.
    :raises NotNow: if it has ended, or its files are being archived.
    """
    with Session(writing(engine)) as session, session.begin():
        found = _job(session, number, lock=True)
        if found.state not in (JobState.WAITING, JobState.RUNNING):
            raise NotNow(f"job {number} is {found.state} already")
        if found.step == Step.ARCHIVE and (found.state == JobState.RUNNING or found.attempts):
            raise NotNow(f"the files of job {number} are being archived; withdraw them if they must not be")
        found.cancel = True
        note(session, number, "cancel asked for")
        if found.state == JobState.WAITING:
            found.state, found.finished_at = JobState.CANCELLED, now(session)
            close(session, found, FileState.CANCELLED, CANCELLED)
            note(session, number, JobState.CANCELLED)


def retry(engine: Engine, number: int) -> None:
    """Let a job that failed or was cancelled begin again.

    :raises NoSuchJob: if there is none.
    :raises NotNow: if it did neither, or one of its files was received again.
    """
    with Session(writing(engine)) as session, session.begin():
        found = _job(session, number, lock=True)
        if found.state not in (JobState.FAILED, JobState.CANCELLED):
            raise NotNow(f"job {number} is {found.state}; only one that failed or was cancelled can be tried again")
        arrivals = session.scalars(select(Arrival).where(Arrival.job == number)).all()
        if found.kind == Kind.IMAGES:
            arrivals = [one for one in arrivals if one.state == FileState.NOT_CHECKED]
            if not arrivals:
                raise NotNow(f"job {number}: every image has its answer; hand in again what shall be tried again")
        for one in arrivals:
            _expect_free(session, one)
        for one in arrivals:
            one.state, one.reasons, one.report, one.updated_at = FileState.CHECKING, [], None, now(session)
        found.state, found.step, found.attempts = JobState.WAITING, STEPS[Kind(found.kind)][0], 0
        found.cancel, found.error, found.finished_at, found.done_bytes = False, "", None, 0
        found.not_before = now(session)
        note(session, number, "begins again")


def prioritise(engine: Engine, number: int, priority: int) -> None:
    """Give a waiting job another priority; higher is sooner.

    :raises NoSuchJob: if there is none.
    :raises NotNow: if it does not wait.
    """
    with Session(writing(engine)) as session, session.begin():
        found = _job(session, number, lock=True)
        if found.state != JobState.WAITING:
            raise NotNow(f"job {number} is {found.state}; only one that waits has a priority")
        found.priority = priority
        note(session, number, "priority", str(priority))


def _expect_free(session: Session, arrival: Arrival) -> None:
    newer = select(Arrival.job).where(
        Arrival.store == arrival.store,
        Arrival.key == arrival.key,
        Arrival.id != arrival.id,
        Arrival.state.in_((FileState.CHECKING, FileState.ARCHIVED)),
    )
    if (job := session.scalar(newer)) is not None:
        raise NotNow(f"{arrival.key!r} was received again; see job {job}")


def _job(session: Session, number: int, *, lock: bool = False) -> Job:
    query = select(Job).where(Job.id == number)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NoSuchJob(f"there is no job {number}")
    return found


def _plain(job: Job) -> dict[str, Any]:
    moments = {name: getattr(job, name) for name in ("created_at", "started_at", "finished_at", "not_before")}
    return {
        "id": job.id,
        "kind": job.kind,
        "dataset": job.dataset,
        "title": job.title,
        "state": job.state,
        "step": job.step,
        "priority": job.priority,
        "attempts": job.attempts,
        "worker": job.worker,
        "error": job.error,
        "done_bytes": job.done_bytes,
        "total_bytes": job.total_bytes,
        **{name: aware(value).isoformat() if value else None for name, value in moments.items()},
    }


def _file(arrival: Arrival) -> dict[str, Any]:
    return {
        "store": arrival.store,
        "key": arrival.key,
        "size": arrival.size,
        "state": arrival.state,
        "reasons": arrival.reasons,
        "file": arrival.file,
    }
