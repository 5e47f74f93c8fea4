"""Browser sessions kept on the server: the cookie carries a random id, the table only its digest."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, BigInteger, Engine, String, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from auth.database import writing

Data = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base of the session table, in the database of every process with pages to sign in to."""

    type_annotation_map = {int: BigInteger, str: String, Data: JSON}  # noqa: RUF012 - SQLAlchemy reads this


class WebSession(Base):
    """One browser's session. Times are epoch seconds."""

    __tablename__ = "web_session"
    digest: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[Data]
    expires_at: Mapped[int] = mapped_column(index=True)


class Sessions:
    """Load, save and end sessions.

    :param lifetime: seconds after which a session of a signed-in person ends, however much it is used.
    :param clock: epoch seconds.
    """

    ANONYMOUS = 1800  # seconds that a session without a person lives

    def __init__(
        self, engine: Engine, lifetime: int = 8 * 3600, clock: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        self._engine = engine
        self._lifetime = lifetime
        self._clock = clock

    def load(self, session_id: str) -> Data | None:
        """Data of a session that is in force, or None."""
        with Session(self._engine) as db:
            query = select(WebSession.data, WebSession.expires_at).where(WebSession.digest == _digest(session_id))
            found = db.execute(query).first()
        return dict(found[0]) if found and found[1] > self._clock() else None

    def create(self, data: Data, *, signed_in: bool) -> str:
        """Store a new session under a fresh id; sessions that have ended are swept away."""
        session_id = secrets.token_urlsafe(32)
        now = self._clock()
        expires_at = now + (self._lifetime if signed_in else self.ANONYMOUS)
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(delete(WebSession).where(WebSession.expires_at <= now))
            db.add(WebSession(digest=_digest(session_id), data=data, expires_at=expires_at))
        return session_id

    def update(self, session_id: str, data: Data) -> None:
        """Replace the data of a session; nothing happens if it has ended meanwhile."""
        with Session(writing(self._engine)) as db, db.begin():
            found = db.get(WebSession, _digest(session_id))
            if found is not None:
                found.data = data

    def end(self, session_id: str) -> None:
        """Forget a session."""
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(delete(WebSession).where(WebSession.digest == _digest(session_id)))


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
