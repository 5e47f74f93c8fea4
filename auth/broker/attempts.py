"""Counting failed guesses, so that passwords and user codes cannot be tried at will."""

from __future__ import annotations

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth.broker.tables import Attempts
from auth.database import writing


def blocked(engine: Engine, key: str, now: int) -> bool:
    """Whether guesses under ``key`` are refused at ``now`` (epoch seconds)."""
    with Session(engine) as db:
        until = db.scalar(select(Attempts.blocked_until).where(Attempts.key == key))
    return until is not None and until > now


def failed(engine: Engine, key: str, now: int, limit: int, seconds: int) -> None:
    """Count one failure; the ``limit``-th in a row blocks the key for ``seconds`` and starts a new count."""
    try:
        with Session(writing(engine)) as db, db.begin():
            if db.scalar(select(Attempts.key).where(Attempts.key == key)) is None:
                db.add(Attempts(key=key, failures=0, blocked_until=0))
    except IntegrityError:
        pass  # a simultaneous failure made the row
    with Session(writing(engine)) as db, db.begin():
        db.execute(update(Attempts).where(Attempts.key == key).values(failures=Attempts.failures + 1))
        full = update(Attempts).where(Attempts.key == key, Attempts.failures >= limit)
        db.execute(full.values(failures=0, blocked_until=now + seconds))


def forget(engine: Engine, key: str) -> None:
    """Start over after a success."""
    with Session(writing(engine)) as db, db.begin():
        db.execute(delete(Attempts).where(Attempts.key == key))
