"""Jobs handed out by procrastinate, in tables of its own in the same PostgreSQL.

Its tables are in a schema named after its version: another version makes its own, and :mod:`adapters.jobs.upkeep`
fills it, so that nothing is ever migrated.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import Engine, inspect, text

from adapters.jobs.ledger import Claim, take
from adapters.jobs.queue import POLL, Due

SCHEMA: Final = f"queue_procrastinate_{version('procrastinate').replace('.', '_')}"
TASK: Final = "job"
SILENT: Final = 60
"""Seconds after which entries of a worker that gives no sign of life are dropped."""
LOCK: Final = 0x67736171


class ProcrastinateQueue:
    """See :class:`adapters.jobs.queue.Queue`."""

    def __init__(self, engine: Engine) -> None:
        """Make the tables if they are not there."""
        self._engine = engine
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._arguments: dict[str, Any] = {
            "conninfo": url,
            "kwargs": {"options": f"-c search_path={SCHEMA}"},
            "min_size": 1,
        }
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(**self._arguments))
        self._prepare()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            if SCHEMA in inspect(connection).get_schema_names():
                return
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
            connection.exec_driver_sql(procrastinate.schema.SchemaManager.get_schema().replace("%", "%%"))

    def offer(self, jobs: Sequence[Due]) -> None:
        """See :class:`adapters.jobs.queue.Queue`."""
        with self._app.open():
            for due in jobs:
                deferred = self._app.configure_task(
                    TASK,
                    queueing_lock=f"job {due.job}",
                    priority=due.priority,
                    schedule_at=due.not_before,
                )
                with suppress(AlreadyEnqueued):
                    deferred.defer(job=due.job)

    def work(self, worker: str, run: Callable[[Claim], None], slots: int, stop: threading.Event) -> None:
        """See :class:`adapters.jobs.queue.Queue`."""
        asyncio.run(self._work(worker, run, slots, stop))

    async def _work(self, worker: str, run: Callable[[Claim], None], slots: int, stop: threading.Event) -> None:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(**self._arguments))

        @app.task(name=TASK)
        def job(job: int) -> None:
            if claim := take(self._engine, job, worker):
                run(claim)

        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(concurrency=slots, delete_jobs="always", install_signal_handlers=False)
            )
            sweeping = asyncio.create_task(_sweep(app))
            while not stop.is_set() and not working.done():
                await asyncio.sleep(POLL)
            sweeping.cancel()
            working.cancel()  # those under way are waited for
            with suppress(asyncio.CancelledError):
                await working


async def _sweep(app: procrastinate.App) -> None:
    """Drop what workers that are gone had in hand: the tables know better what to do with it."""
    while True:
        for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT):
            await app.job_manager.finish_job(stalled, procrastinate.jobs.Status.FAILED, delete_job=True)
        await app.job_manager.prune_stalled_workers(SILENT)
        await asyncio.sleep(SILENT / 2)
