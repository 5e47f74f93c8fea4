"""The key ring: ES256 keys in a table, with an overlap at rotation and a kill for emergencies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Engine, or_, select, update
from sqlalchemy.orm import Session

from auth.keyset import KeySet, SigningKey
from auth.tables import Key, writing

__all__ = ["KeyRing", "KeySet", "SigningKey", "UnknownKey", "clock"]

ANNOUNCE = 600
"""Seconds a new key is published before it signs: longer than others cache our key set."""

OVERLAP = 3600
"""Seconds a replaced key stays published after the new one signs: longer than anything it signed lives."""


class UnknownKey(LookupError):
    """No key of this ring has that ``kid``."""


def clock() -> int:
    """Now, in whole epoch seconds."""
    return int(time.time())


class KeyRing:
    """Signing keys of one process kind, shared by its processes through the database.

    :param engine: database with the tables of ``auth``.
    :param now: clock in epoch seconds.
    """

    def __init__(self, engine: Engine, now: Callable[[], int] = clock) -> None:
        self._engine = engine
        self._now = now

    def current(self) -> SigningKey:
        """The key to sign with; the first call makes one."""
        now = self._now()
        newest = select(Key).where(Key.active_from <= now, _alive(now)).order_by(Key.active_from.desc(), Key.kid)
        with Session(self._engine) as session:
            row = session.scalars(newest).first()
        return self._add(now) if row is None else SigningKey.load(row.jwk)

    def public_jwks(self) -> dict[str, Any]:
        """The JWK Set to publish: keys in use, announced ones, and replaced ones until their overlap ends."""
        self.current()
        with Session(self._engine) as session:
            rows = session.scalars(select(Key).where(_alive(self._now())).order_by(Key.created_at, Key.kid)).all()
        return {"keys": [SigningKey.load(row.jwk).public_jwk() for row in rows]}

    def key_set(self) -> KeySet:
        """The published keys, to verify our own tokens with."""
        return KeySet.load(self.public_jwks())

    def rotate(self, announce: int = ANNOUNCE, overlap: int = OVERLAP) -> SigningKey:
        """Announce a new key, sign with it after ``announce`` seconds, drop older ones ``overlap`` seconds later."""
        now = self._now()
        with Session(writing(self._engine)) as session, session.begin():
            session.execute(update(Key).where(Key.retired_at.is_(None)).values(retired_at=now + announce + overlap))
            return _insert(session, now, now + announce)

    def revoke(self, kid: str) -> None:
        """Withdraw a key at once: nothing it signed verifies any more where our key set is read again.

        :raises UnknownKey: no such key.
        """
        with Session(writing(self._engine)) as session, session.begin():
            row = session.get(Key, kid, with_for_update=True)
            if row is None:
                raise UnknownKey(f"no key {kid!r} in this ring")
            row.retired_at = 0

    def _add(self, now: int) -> SigningKey:
        with Session(writing(self._engine)) as session, session.begin():
            return _insert(session, now, now)


def _alive(now: int) -> ColumnElement[bool]:
    return or_(Key.retired_at.is_(None), Key.retired_at > now)


def _insert(session: Session, now: int, active_from: int) -> SigningKey:
    key = SigningKey.generate()
    session.add(
        Key(kid=key.kid, jwk=key.private_jwk(), created_at=now, active_from=active_from, retired_at=None),
    )
    return key
