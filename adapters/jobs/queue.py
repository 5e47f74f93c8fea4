"""What a queue is here: a way to wake a worker soon. Nothing depends on what it remembers."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Engine

from adapters.jobs.ledger import Claim, take_next

POLL: Final = 0.5
"""Seconds between two looks into the table."""


@dataclass(frozen=True, slots=True)
class Due:
    """A job that waits, how urgent it is (higher is sooner), and the first moment at which it may run."""

    job: int
    priority: int
    not_before: dt.datetime


class Queue(Protocol):
    """Hands jobs to workers."""

    def offer(self, jobs: Sequence[Due]) -> None:
        """Take jobs in; those that are in already are not taken twice."""

    def work(self, worker: str, run: Callable[[Claim], None], slots: int, stop: threading.Event) -> None:
        """Take jobs and run them, ``slots`` at a time, until ``stop``."""


class TableQueue:
    """No queue at all: workers look into the table. For SQLite, where all of them are on one machine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def offer(self, jobs: Sequence[Due]) -> None:
        """See :class:`Queue`; the table has them."""

    def work(self, worker: str, run: Callable[[Claim], None], slots: int, stop: threading.Event) -> None:
        """See :class:`Queue`."""
        threads = [threading.Thread(target=self._loop, args=(worker, run, stop), name="slot") for _ in range(slots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, worker: str, run: Callable[[Claim], None], stop: threading.Event) -> None:
        while not stop.is_set():
            claim = take_next(self._engine, worker)
            if claim is None:
                stop.wait(POLL)
            else:
                run(claim)
