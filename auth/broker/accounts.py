"""Local accounts: create, sign in, lock after repeated failures."""

from __future__ import annotations

import secrets
import time

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth.broker import attempts
from auth.broker.settings import PasswordSettings
from auth.broker.tables import Account, FederatedIdentity
from auth.database import writing


class AccountError(ValueError):
    """An account cannot be made as asked; the message names what is allowed."""


class SignInRefused(Exception):
    """Wrong name or password, or too many failures; ``locked`` tells which, for known and unknown names alike."""

    def __init__(self, *, locked: bool) -> None:
        super().__init__("too many failed attempts" if locked else "wrong name or password")
        self.locked = locked


def create(
    engine: Engine,
    name: str,
    password: str,
    display_name: str,
    sub: str | None = None,
    *,
    settings: PasswordSettings | None = None,
) -> str:
    """Create an account; returns its subject (random unless given).

    :raises AccountError: for a name that is taken or malformed, or a password shorter than 8 characters.
    """
    if not name or len(name) > 100 or name != name.strip() or not name.isprintable():
        raise AccountError(f"account name {name!r}: give 1 to 100 printable characters without spaces around")
    if not 8 <= len(password) <= 1024:
        raise AccountError(f"account {name}: a password has 8 to 1024 characters")
    subject = sub or secrets.token_urlsafe(16)
    hashed = _hasher(settings or PasswordSettings()).hash(password)
    account = Account(
        sub=subject, name=name, display_name=display_name, password_hash=hashed, created_at=int(time.time())
    )
    try:
        with Session(writing(engine)) as db, db.begin():
            db.add(account)
    except IntegrityError as error:
        raise AccountError(f"account {name}: this name or subject is taken") from error
    return subject


def find(engine: Engine, sub: str) -> Account | None:
    """The account of a subject, unless it is disabled."""
    with Session(engine) as db:
        return db.scalars(select(Account).where(Account.sub == sub, Account.disabled_at.is_(None))).first()


def named(engine: Engine, name: str) -> Account | None:
    """The account of a name, disabled or not."""
    with Session(engine) as db:
        return db.scalars(select(Account).where(Account.name == name)).first()


def federated(engine: Engine, issuer: str, place: str, subject: str, display_name: str) -> Account | None:
    """The account of who is ``subject`` at another OpenID provider, made at the first sign-in; None if it is disabled.

    :param place: the provider's id here; with it the account's name is made.
    :param display_name: as the provider tells it; renewed at each sign-in.
    """
    try:
        return _federated(engine, issuer, place, subject, display_name)
    except IntegrityError:  # made by a simultaneous first sign-in of the same person
        return _federated(engine, issuer, place, subject, display_name)


def _federated(engine: Engine, issuer: str, place: str, subject: str, display_name: str) -> Account | None:
    with Session(writing(engine), expire_on_commit=False) as db, db.begin():
        found = db.get(FederatedIdentity, (issuer, subject), with_for_update=True)
        account = db.get(Account, found.sub) if found is not None else None
        if account is None:
            account = Account(
                sub=secrets.token_urlsafe(16),
                name=f"{place}:{subject}",
                display_name=display_name,
                password_hash="",
                created_at=int(time.time()),
            )
            db.add(account)
            db.flush()
            db.add(FederatedIdentity(issuer=issuer, subject=subject, sub=account.sub))
        account.display_name = display_name
    return account if account.disabled_at is None else None


class SignIn:
    """Checks names and passwords, at the same cost whether the name exists or not."""

    def __init__(self, engine: Engine, settings: PasswordSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._hasher = _hasher(settings)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def check(self, name: str, password: str, now: int) -> Account:
        """The account of that name and password.

        :param now: epoch seconds.
        :raises SignInRefused: without telling whether the name exists.
        """
        key = f"password:{name[:100]}"
        if attempts.blocked(self._engine, key, now):
            raise SignInRefused(locked=True)
        with Session(self._engine) as db:
            account = db.scalars(select(Account).where(Account.name == name, Account.disabled_at.is_(None))).first()
        matches = self._matches((account and account.password_hash) or self._nobody, password[:1024])
        if account is None or not matches:
            attempts.failed(self._engine, key, now, self._settings.lock_after, self._settings.lock_seconds)
            raise SignInRefused(locked=False)
        attempts.forget(self._engine, key)
        return account

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def _hasher(settings: PasswordSettings) -> PasswordHasher:
    return PasswordHasher(
        time_cost=settings.time_cost, memory_cost=settings.memory_kib, parallelism=settings.parallelism
    )
