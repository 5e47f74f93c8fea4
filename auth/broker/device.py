"""Device authorization for the command line (RFC 8628)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from auth.broker import accounts
from auth.broker.clients import ALL_METHODS
from auth.broker.grants import Issuing
from auth.broker.tables import Account, DeviceCode, Family, digest
from auth.broker.tokens import Tokens
from auth.database import writing

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
SLOW_DOWN = 5  # seconds added to the interval each time (RFC 8628 3.5)


class DeviceAuthorization(DeviceAuthorizationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Hands out a device code and a user code."""

    CLIENT_AUTH_METHODS = ALL_METHODS

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.EXPIRES_IN = server.settings.lifetimes.device_code
        self.INTERVAL = server.settings.lifetimes.poll_interval

    def get_verification_uri(self) -> str:
        """Where a person types the user code."""
        return f"{self.server.settings.public_url}/device"

    def authenticate_client(self, request: Any) -> Any:
        """Authenticate, and refuse clients that may not use this flow or ask for no identity."""
        client = super().authenticate_client(request)
        if not client.check_grant_type(GRANT_TYPE):
            raise UnauthorizedClientError("The client may not use the device flow.")
        if "openid" not in client.get_allowed_scope(request.payload.scope).split():
            raise InvalidScopeError("The scope must contain openid.")
        return client

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        """Store the pair, both sweepable when they have expired."""
        now = self.server.clock()
        row = DeviceCode(
            digest=digest(data["device_code"]),
            user_code=normal(data["user_code"]),
            client_id=client_id,
            scope=self.server.query_client(client_id).get_allowed_scope(scope),
            expires_at=now + data["expires_in"],
            interval=data["interval"],
            polled_at=0,
        )
        with Session(writing(self.server.engine)) as db, db.begin():
            db.execute(delete(DeviceCode).where(DeviceCode.expires_at < now - 3600))
            db.add(row)


class DeviceGrant(Issuing, DeviceCodeGrant):  # type: ignore[misc]
    """Polling for the tokens."""

    def query_device_credential(self, device_code: str) -> Any:
        """The client's own device code."""
        with Session(self.server.engine) as db:
            row = db.get(DeviceCode, digest(device_code))
        if row is None or row.client_id != self.request.client.client_id:
            raise InvalidGrantError("The device_code is not valid.")
        return _Credential(row)

    def validate_device_credential(self, credential: _Credential) -> Account:
        """The person who approved; otherwise the error that tells the device what to do."""
        row, now = credential.row, self.server.clock()
        if row.expires_at <= now:
            raise ExpiredTokenError()
        if row.denied_at is not None:
            raise AccessDeniedError()
        if row.family is None:
            raise self._poll_again(row, now)
        self.request.family = self._redeem(row, now)
        account = accounts.find(self.server.engine, self.request.family.sub)
        if account is None or self.request.family.revoked_at is not None:
            raise InvalidGrantError("The device_code is not valid.")
        return account

    def _poll_again(self, row: DeviceCode, now: int) -> Any:
        early = now - row.polled_at < row.interval
        interval = row.interval + SLOW_DOWN if early else row.interval
        polled = update(DeviceCode).where(DeviceCode.digest == row.digest).values(polled_at=now, interval=interval)
        with Session(writing(self.server.engine)) as db, db.begin():
            db.execute(polled)
        return SlowDownError() if early else AuthorizationPendingError()

    def _redeem(self, row: DeviceCode, now: int) -> Family:
        claim = update(DeviceCode).where(DeviceCode.digest == row.digest, DeviceCode.used_at.is_(None))
        with Session(writing(self.server.engine), expire_on_commit=False) as db, db.begin():
            won = db.execute(claim.values(used_at=now)).rowcount == 1  # type: ignore[attr-defined]
            family = db.get(Family, row.family)
        if not won or family is None:
            raise InvalidGrantError("The device_code is not valid.")
        return family


class _Credential:
    """A device code, as Authlib asks about it."""

    def __init__(self, row: DeviceCode) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_scope(self) -> str:
        return self.row.scope


def normal(user_code: str) -> str:
    """A user code as it is compared: capital letters only (RFC 8628 6.1)."""
    return "".join(letter for letter in user_code.upper() if letter.isalpha())[:16]


def waiting(engine: Engine, user_code: str, now: int) -> DeviceCode | None:
    """The device authorization that waits for this user code's approval."""
    open_ones = select(DeviceCode).where(
        DeviceCode.user_code == normal(user_code),
        DeviceCode.expires_at > now,
        DeviceCode.family.is_(None),
        DeviceCode.denied_at.is_(None),
    )
    with Session(engine) as db:
        return db.scalars(open_ones).first()


def decide(engine: Engine, tokens: Tokens, row: DeviceCode, sub: str, auth_time: int, now: int, allow: bool) -> bool:
    """Record a person's decision once; False if another one was recorded meanwhile."""
    undecided = update(DeviceCode).where(
        DeviceCode.digest == row.digest, DeviceCode.family.is_(None), DeviceCode.denied_at.is_(None)
    )
    with Session(writing(engine)) as db, db.begin():
        if not allow:
            return db.execute(undecided.values(denied_at=now)).rowcount == 1  # type: ignore[attr-defined,no-any-return]
        family = tokens.open_family(db, row.client_id, sub, row.scope, auth_time)
        won = db.execute(undecided.values(family=family.id)).rowcount == 1  # type: ignore[attr-defined]
        if not won:
            db.delete(family)
        return bool(won)
