"""A parcel becomes arrivals, and what became of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.deid.errors import Refused
from adapters.images.intake import Reception
from adapters.images.parcels import BadEntry, Entry, Parcel
from adapters.images.quarantine import TooLarge
from adapters.images.receiving import Seen
from adapters.jobs.states import FileState, JobState
from adapters.jobs.tables import Arrival, Job

Progress = Callable[[int, int], None]  # files done, files in all
BATCH: Final = 256


@dataclass(slots=True)
class Loaded:
    """What became of the files of a parcel, before any work on them."""

    received: int = 0
    again: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)  # path, reason
    jobs: set[int] = field(default_factory=set)


def load(reception: Reception, parcel: Parcel, most: int, progress: Progress) -> Loaded:
    """Take the files of a parcel in; each that is received stays so, whatever happens to the rest.

    :param most: bytes of a file.
    :raises BadParcel: if the parcel is none.
    :raises NoCollection: if there is no such collection.
    """
    reception.expect_registered()  # before an original of nobody's lies in quarantine
    loaded = Loaded()
    total = sum(1 for _ in parcel.entries())
    waiting: list[tuple[str, Seen]] = []
    for number, entry in enumerate(parcel.entries(), 1):
        try:
            waiting.append((entry.name, _taken(reception, entry, most)))
        except Refused as refused:
            loaded.refused.append((_shown(entry.name), f"{refused.reason.value}: {refused.detail}"))
        except (BadEntry, TooLarge) as error:
            loaded.refused.append((_shown(entry.name), str(error)))
        if len(waiting) == BATCH:
            _receive(reception, waiting, loaded)
        progress(number, total)
    _receive(reception, waiting, loaded)
    reception.begin(sorted(loaded.jobs))
    return loaded


def _taken(reception: Reception, entry: Entry, most: int) -> Seen:
    taken = reception.intake.quarantine.take(reception.dataset, entry.pieces(), most)
    try:
        return reception.look(taken)
    except Refused:
        reception.intake.drop(taken.key)
        raise


def _receive(reception: Reception, waiting: list[tuple[str, Seen]], loaded: Loaded) -> None:
    for (name, _), one in zip(waiting, reception.receive([seen for _, seen in waiting]), strict=True):
        if one.refused:
            loaded.refused.append((_shown(name), f"{one.refused.reason.value}: {one.refused.detail}"))
            continue
        loaded.jobs.add(one.job)
        loaded.again += one.again
        loaded.received += not one.again
    waiting.clear()


def _shown(name: str) -> str:
    """A path that can be printed, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def ended(engine: Engine, jobs: Collection[int]) -> tuple[int, int]:
    """How many images of jobs have their answer, and how many there are."""
    of = Arrival.job.in_(jobs)
    alive = Job.state.in_((JobState.WAITING, JobState.RUNNING))
    with Session(engine) as session:
        total = session.scalar(select(func.count()).select_from(Arrival).where(of)) or 0
        going = select(func.count()).select_from(Arrival).join(Job, Job.id == Arrival.job)
        checked = session.scalar(going.where(of, alive, Arrival.state == FileState.CHECKING)) or 0
    return total - checked, total


def outcome(engine: Engine, jobs: Iterable[int]) -> tuple[dict[str, int], dict[str, int]]:
    """States of the images of jobs, and the reasons of those that are not archived, each with how many."""
    with Session(engine) as session:
        found = session.execute(select(Arrival.state, Arrival.reasons).where(Arrival.job.in_(list(jobs)))).all()
    states = Counter(str(state) for state, _ in found)
    reasons = Counter(reason for _, some in found for reason in some)
    return dict(states), dict(reasons)
