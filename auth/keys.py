"""The key ring: ES256 keys in a table, with an overlap at rotation and a kill for emergencies."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Engine, Select, String, or_, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from auth.database import writing
from auth.keyset import KeySet, SigningKey
from auth.sealing import Seal, is_sealed

__all__ = ["KeyRing", "KeySet", "SigningKey", "UnknownKey", "clock"]

ANNOUNCE = 600
"""Seconds a new key is published before it signs: longer than others cache our key set."""

OVERLAP = 3600
"""Seconds a replaced key stays published after the new one signs: longer than anything it signed lives."""


Document = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base of the table of keys, which every process has."""

    type_annotation_map = {Document: JSON, int: BigInteger, str: String}  # noqa: RUF012 - SQLAlchemy reads this


class Key(Base):
    """A signing key. Published from ``created_at``, signs from ``active_from``, and leaves at ``retired_at``."""

    __tablename__ = "auth_key"
    kid: Mapped[str] = mapped_column(primary_key=True)
    jwk: Mapped[Document]
    created_at: Mapped[int]
    active_from: Mapped[int]
    retired_at: Mapped[int | None]


class UnknownKey(LookupError):
    """No key of this ring has that ``kid``."""


def clock() -> int:
    """Now, in whole epoch seconds."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Held:
    """What a ring tells of one of its keys. Times are epoch seconds."""

    kid: str
    state: str  # signing | announced | replaced | gone
    created: int
    active_from: int
    retired: int | None
    sealed: bool


class KeyRing:
    """Signing keys of one process kind, shared by its processes through the database.

    :param engine: database with the tables of ``auth``.
    :param now: clock in epoch seconds.
    :param seal: what keeps private keys from whoever reads the database.
    """

    def __init__(self, engine: Engine, now: Callable[[], int] = clock, seal: Seal | None = None) -> None:
        self._engine = engine
        self._now = now
        self._seal = seal or Seal()
        self._opened: dict[str, tuple[Document, SigningKey]] = {}

    def current(self) -> SigningKey:
        """The key to sign with; the first call makes one.

        :raises SealBroken: it cannot be opened with the configured secret.
        """
        now = self._now()
        with Session(self._engine) as session:
            row = session.scalars(_signing(now)).first()
        return self._add(now) if row is None else self._load(row)

    def public_jwks(self) -> dict[str, Any]:
        """The JWK Set to publish: keys in use, announced ones, and replaced ones until their overlap ends."""
        self.current()
        with Session(self._engine) as session:
            rows = session.scalars(select(Key).where(_alive(self._now())).order_by(Key.created_at, Key.kid)).all()
        return {"keys": [self._load(row).public_jwk() for row in rows]}

    def key_set(self) -> KeySet:
        """The published keys, to verify our own tokens with."""
        return KeySet.load(self.public_jwks())

    def held(self) -> list[Held]:
        """Every key, the oldest first."""
        now = self._now()
        with Session(self._engine) as session:
            signing = session.scalars(_signing(now)).first()
            rows = session.scalars(select(Key).order_by(Key.created_at, Key.kid)).all()
        return [_held(row, now, signing is not None and row.kid == signing.kid) for row in rows]

    def rotate(self, announce: int = ANNOUNCE, overlap: int = OVERLAP) -> SigningKey:
        """Announce a new key, sign with it after ``announce`` seconds, drop older ones ``overlap`` seconds later.

        Private halves of keys that are gone already are forgotten.
        """
        now = self._now()
        with Session(writing(self._engine)) as session, session.begin():
            session.execute(update(Key).where(Key.retired_at <= now).values(jwk={}))
            session.execute(update(Key).where(Key.retired_at.is_(None)).values(retired_at=now + announce + overlap))
            return self._insert(session, now, now + announce)

    def revoke(self, kid: str) -> None:
        """Withdraw a key at once: nothing it signed verifies any more where our key set is read again.

        :raises UnknownKey: no such key.
        """
        with Session(writing(self._engine)) as session, session.begin():
            row = session.get(Key, kid, with_for_update=True)
            if row is None:
                raise UnknownKey(f"no key {kid!r} in this ring")
            row.retired_at = 0
            row.jwk = {}

    def _load(self, row: Key) -> SigningKey:
        """The key of a row, opened once; whether it may be used the row said just now."""
        stored, key = self._opened.get(row.kid, ({}, None))
        if key is None or stored != row.jwk:
            key = SigningKey.load(self._seal.open(row.kid, row.jwk))
            self._opened[row.kid] = dict(row.jwk), key
        return key

    def _add(self, now: int) -> SigningKey:
        with Session(writing(self._engine)) as session, session.begin():
            return self._insert(session, now, now)

    def _insert(self, session: Session, now: int, active_from: int) -> SigningKey:
        key = SigningKey.generate()
        stored = self._seal.close(key.kid, key.private_jwk())
        session.add(Key(kid=key.kid, jwk=stored, created_at=now, active_from=active_from, retired_at=None))
        return key


def _alive(now: int) -> ColumnElement[bool]:
    return or_(Key.retired_at.is_(None), Key.retired_at > now)


def _signing(now: int) -> Select[Key]:
    return select(Key).where(Key.active_from <= now, _alive(now)).order_by(Key.active_from.desc(), Key.kid)


def _held(row: Key, now: int, signing: bool) -> Held:
    if row.retired_at is not None and row.retired_at <= now:
        state = "gone"
    elif signing:
        state = "signing"
    else:
        state = "announced" if row.active_from > now else "replaced"
    return Held(row.kid, state, row.created_at, row.active_from, row.retired_at, is_sealed(row.jwk))
