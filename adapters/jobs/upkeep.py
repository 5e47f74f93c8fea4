"""The loop that makes the queue agree with the tables: what a dead worker held, and what a queue lost, is run again."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.jobs.clock import aware, now
from adapters.jobs.ledger import again
from adapters.jobs.queue import Due, Queue
from adapters.jobs.states import JobState
from adapters.jobs.tables import Job

BATCH: Final = 500
SOON: Final = dt.timedelta(seconds=30)


def reconcile(engine: Engine, queue: Queue, most: int) -> int:
    """Take jobs back from workers that were silent too long, and offer everything that waits to the queue.

    :param most: attempts that a job has.
    :returns: how many jobs were taken back.
    """
    with Session(writing(engine)) as session, session.begin():
        silent = select(Job).where(Job.state == JobState.RUNNING, Job.lease_until < now(session))
        lost = session.scalars(silent.order_by(Job.id).with_for_update(skip_locked=True)).all()
        for job in lost:
            again(session, job, f"worker {job.worker} went silent", most)
    with Session(engine) as session:
        soon = now(session) + SOON
        waiting = select(Job).where(Job.state == JobState.WAITING, Job.not_before <= soon)
        first = session.scalars(waiting.order_by(Job.priority.desc(), Job.id).limit(BATCH))
        due = [Due(job.id, job.priority, aware(job.not_before)) for job in first]
    queue.offer(due)
    return len(lost)
