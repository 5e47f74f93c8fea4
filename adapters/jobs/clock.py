"""The time of the database: workers on several machines need not agree on theirs."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def now(session: Session) -> dt.datetime:
    """The time in UTC; of the server where there is one."""
    if session.get_bind().dialect.name != "postgresql":
        return dt.datetime.now(dt.UTC)
    told = session.scalar(select(func.clock_timestamp()))
    assert isinstance(told, dt.datetime)
    return told.astimezone(dt.UTC)


def aware(moment: dt.datetime) -> dt.datetime:
    """A time read from the database, in UTC: SQLite forgets the zone."""
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
