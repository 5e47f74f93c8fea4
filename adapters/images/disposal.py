"""What becomes of an original once its object has its last state: it is deleted, or sealed for somebody outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.catalog.engine import writing
from adapters.durable import make_folder, sync
from adapters.images.quarantine import INCOMING, STAGED, STORE, Quarantine
from adapters.jobs.states import FileState, JobState
from adapters.jobs.tables import Arrival, Job
from adapters.registration.write import take_turn

FINAL: Final = (
    FileState.ARCHIVED,
    FileState.DEIDENTIFICATION_FAILED,
    FileState.QUALITY_FAILED,
    FileState.REFUSED,
    FileState.REJECTED,
    FileState.CANCELLED,
)
BATCH: Final = 200
DELETED, SEALED = "deleted", "sealed"
"""What arrivals say of where an original is that is not in quarantine any more."""


class NoSeal(Exception):
    """Originals cannot be sealed; the message says why."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Originals become Crypt4GH files in ``folder``, which only the owner of the key behind ``recipient`` can open."""

    recipient: Path
    folder: Path

    def close(self, original: Path, key: str) -> None:
        """Seal an original; the file of the name is whole or not there.

        :raises NoSeal: if the library is missing or the key cannot be read.
        """
        try:
            from crypt4gh.keys import get_public_key
            from crypt4gh.lib import encrypt
        except ImportError as error:
            raise NoSeal("crypt4gh is not installed (extra 'sealing')") from error
        target = self.folder / f"{key}.c4gh"
        make_folder(target.parent, 0o700)
        part = target.with_suffix(".part")
        try:
            public = get_public_key(self.recipient)
        except (OSError, ValueError, NotImplementedError) as error:
            raise NoSeal(f"{self.recipient} is no Crypt4GH public key: {error}") from error
        with original.open("rb") as clear, part.open("wb") as closed:
            encrypt([(0, os.urandom(32), public)], clear, closed)
            closed.flush()
            os.fsync(closed.fileno())
        part.replace(target)
        sync(target.parent)


def seal_of(settings: Mapping[str, Any]) -> Seal | None:
    """The seal of a configuration; None if originals are deleted."""
    given = settings["originals"]
    return None if given == DELETED else Seal(Path(given["recipient"]), Path(given["folder"]))


def dispose(engine: Engine, quarantine: Quarantine, seal: Seal | None) -> int:
    """Delete or seal originals whose objects have their last state; how many there were.

    :raises NoSeal: if they cannot be sealed; then they stay.
    """
    _clear(engine, quarantine)
    count = 0
    while keys := _ready(engine):
        for key in keys:
            if seal is not None and quarantine.path(key).exists():
                seal.close(quarantine.path(key), key)
            _let_go(engine, quarantine, key, SEALED if seal else DELETED)
        count += len(keys)
    return count


def _clear(engine: Engine, quarantine: Quarantine) -> None:
    """Remove what jobs wrote that have ended."""
    with Session(engine) as session:
        for folder in (quarantine.folder / STAGED).iterdir():
            job = session.get(Job, int(folder.name))
            if job is None or job.state not in (JobState.WAITING, JobState.RUNNING):
                quarantine.clear(int(folder.name))


def _ready(engine: Engine) -> list[str]:
    ready = select(Arrival.key).where(Arrival.store == STORE, Arrival.state.in_(FINAL)).distinct()
    with Session(engine) as session:
        return list(session.scalars(ready.order_by(Arrival.key).limit(BATCH)))


def _let_go(engine: Engine, quarantine: Quarantine, key: str, where: str) -> None:
    """Say where the original is and remove it; unless it has just come in again."""
    with Session(writing(engine)) as session, session.begin():
        take_turn(session)
        arrivals = session.scalars(select(Arrival).where(Arrival.store == STORE, Arrival.key == key)).all()
        for one in arrivals:
            if one.state in FINAL:
                one.store = where
        if all(one.state in FINAL for one in arrivals):
            quarantine.remove(key)


def sweep(engine: Engine, quarantine: Quarantine, before: float | None = None) -> int:
    """Remove what somebody who was killed left in quarantine before a moment (epoch seconds; a day ago)."""
    left = [path for path in quarantine.forgotten(before) if not _is_held(engine, quarantine, path)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _is_held(engine: Engine, quarantine: Quarantine, path: Path) -> bool:
    key = path.relative_to(quarantine.folder).as_posix().removesuffix(".known")
    if key.startswith((f"{INCOMING}/", f"{STAGED}/")):
        return False
    with Session(engine) as session:
        return session.scalar(select(Arrival.id).where(Arrival.store == STORE, Arrival.key == key).limit(1)) is not None
