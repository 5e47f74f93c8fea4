"""One-time codes of an authenticator app (TOTP, RFC 6238: SHA-1, 30 s, 6 digits): second factor of local accounts."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from auth.broker import attempts
from auth.broker.settings import PasswordSettings
from auth.broker.tables import SecondFactor
from auth.database import writing
from auth.sealing import Seal

STEP = 30  # seconds of one code
DIGITS = 6
DRIFT = 1  # steps that the clock of a phone may be behind or ahead
SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app must be told: the secret in base32, and the same as an ``otpauth`` link."""

    secret: str
    link: str


class SecondFactors:
    """The second factors of all accounts.

    :param seal: keeps the secrets from whoever reads the database.
    :param settings: after how many wrong codes, and for how long, an account is locked.
    """

    def __init__(self, engine: Engine, seal: Seal, settings: PasswordSettings) -> None:
        self._engine = engine
        self._seal = seal
        self._settings = settings

    def has(self, sub: str) -> bool:
        """Whether sign-in asks this account for a code."""
        found = self._found(sub)
        return found is not None and found.confirmed_at is not None

    def enrol(self, sub: str, name: str, issuer: str) -> Enrolment:
        """Begin, or show again what was begun: it counts once a code has confirmed it.

        :param name: what the app calls the account; ``issuer``: and where it is.
        """
        found = self._found(sub)
        if found is None:
            secret = secrets.token_bytes(SECRET_BYTES)
            sealed = self._seal.close(sub, {"totp": base64.b32encode(secret).decode()})
            with Session(writing(self._engine)) as db, db.begin():
                db.merge(SecondFactor(sub=sub, secret=sealed, confirmed_at=None, last_step=0))
        else:
            secret = self._secret(found)
        link = _totp(secret).get_provisioning_uri(name, issuer)
        return Enrolment(base64.b32encode(secret).decode(), link)

    def confirm(self, sub: str, code: str, now: int) -> bool:
        """The app shows the right code: from now on sign-in asks for one."""
        if not self.takes(sub, code, now):
            return False
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(update(SecondFactor).where(SecondFactor.sub == sub).values(confirmed_at=now))
        return True

    def takes(self, sub: str, code: str, now: int) -> bool:
        """Take a code: each is good once, and wrong ones lock the account's codes for a while."""
        key = f"code:{sub}"
        found = self._found(sub)
        if found is None or attempts.blocked(self._engine, key, now):
            return False
        step = _step(self._secret(found), code, now)
        if step is None or not self._use(sub, step):
            attempts.failed(self._engine, key, now, self._settings.lock_after, self._settings.lock_seconds)
            return False
        attempts.forget(self._engine, key)
        return True

    def blocked(self, sub: str, now: int) -> bool:
        """Whether codes of this account are refused for a while."""
        return attempts.blocked(self._engine, f"code:{sub}", now)

    def remove(self, sub: str) -> None:
        """Sign-in asks for no code any more."""
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(delete(SecondFactor).where(SecondFactor.sub == sub))

    def _use(self, sub: str, step: int) -> bool:
        """Claim a step: of two that come at once, and of a replay, one is refused (RFC 6238 5.2)."""
        claim = update(SecondFactor).where(SecondFactor.sub == sub, SecondFactor.last_step < step)
        with Session(writing(self._engine)) as db, db.begin():
            return bool(db.execute(claim.values(last_step=step)).rowcount == 1)  # type: ignore[attr-defined]

    def _found(self, sub: str) -> SecondFactor | None:
        with Session(self._engine) as db:
            return db.get(SecondFactor, sub)

    def _secret(self, found: SecondFactor) -> bytes:
        return base64.b32decode(self._seal.open(found.sub, found.secret)["totp"])


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP)


def _step(secret: bytes, code: str, now: int) -> int | None:
    """The step whose code this is, of those near ``now``."""
    digits = "".join(code.split())
    if not digits.isascii() or not digits.isdecimal() or len(digits) != DIGITS:
        return None
    for step in range(now // STEP - DRIFT, now // STEP + DRIFT + 1):
        try:
            _totp(secret).verify(digits.encode(), step * STEP)
        except InvalidToken:
            continue
        return step
    return None
