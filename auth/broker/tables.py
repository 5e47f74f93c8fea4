"""Tables of the broker's database. Secrets (codes, refresh tokens, device codes) are stored as SHA-256 digests only.

Times are epoch seconds.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Document = dict[str, Any]


def digest(secret: str) -> str:
    """Hex SHA-256 under which a random secret of at least 128 bits is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Base(DeclarativeBase):
    """Declarative base of the broker's tables."""

    type_annotation_map = {int: BigInteger, str: String, Document: JSON}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class Account(Base):
    """A person who signs in here. ``sub`` is what every token says; it never changes and is never reused.

    ``password_hash`` is empty where the person signs in at another OpenID provider.
    """

    __tablename__ = "account"
    sub: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[int]
    disabled_at: Mapped[int | None]


class FederatedIdentity(Base):
    """Who an account is at the OpenID provider where its person signs in."""

    __tablename__ = "federated_identity"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    sub: Mapped[str] = mapped_column(ForeignKey("account.sub"), index=True)


class SecondFactor(Base):
    """The secret of an account's one-time codes (RFC 6238), sealed; ``last_step`` is that of the last code taken."""

    __tablename__ = "second_factor"
    sub: Mapped[str] = mapped_column(ForeignKey("account.sub"), primary_key=True)
    secret: Mapped[Document]
    confirmed_at: Mapped[int | None]
    last_step: Mapped[int]


class Attempts(Base):
    """Failed guesses under one key (a name that signs in, an account that types user codes)."""

    __tablename__ = "attempts"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[int]


class Family(Base):
    """All that came from one consent of a person to a client; revoking it ends every token of it (RFC 9700 4.14)."""

    __tablename__ = "token_family"
    id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(index=True)
    sub: Mapped[str] = mapped_column(ForeignKey("account.sub"), index=True)
    scope: Mapped[str]
    auth_time: Mapped[int]
    created_at: Mapped[int]
    revoked_at: Mapped[int | None]


class AuthorizationCode(Base):
    """A code waiting to be redeemed once (RFC 6749 4.1.2)."""

    __tablename__ = "authorization_code"
    digest: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str] = mapped_column(ForeignKey("token_family.id"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    nonce: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str]
    expires_at: Mapped[int]
    used_at: Mapped[int | None]


class AccessToken(Base):
    """An access token by its ``jti``; ``audience`` is the one member it is good for, ``parent`` what it came from."""

    __tablename__ = "access_token"
    jti: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str] = mapped_column(ForeignKey("token_family.id"), index=True)
    client_id: Mapped[str]
    audience: Mapped[str | None]
    parent: Mapped[str | None] = mapped_column(index=True)
    scope: Mapped[str]
    issued_at: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)
    revoked_at: Mapped[int | None]


class RefreshToken(Base):
    """A refresh token, good for one use; a second use revokes the family."""

    __tablename__ = "refresh_token"
    digest: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str] = mapped_column(ForeignKey("token_family.id"), index=True)
    scope: Mapped[str]
    expires_at: Mapped[int] = mapped_column(index=True)
    used_at: Mapped[int | None]


class Consent(Base):
    """What a person agreed to release to a client."""

    __tablename__ = "consent"
    sub: Mapped[str] = mapped_column(ForeignKey("account.sub"), primary_key=True)
    client_id: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str]
    granted_at: Mapped[int]


class DeviceCode(Base):
    """A device authorization (RFC 8628); ``family`` is set when the person approves."""

    __tablename__ = "device_code"
    digest: Mapped[str] = mapped_column(primary_key=True)
    user_code: Mapped[str] = mapped_column(unique=True)
    client_id: Mapped[str]
    scope: Mapped[str]
    expires_at: Mapped[int] = mapped_column(index=True)
    interval: Mapped[int]
    polled_at: Mapped[int]
    family: Mapped[str | None] = mapped_column(ForeignKey("token_family.id"))
    denied_at: Mapped[int | None]
    used_at: Mapped[int | None]


class SeenAssertion(Base):
    """``jti`` of a client assertion that was accepted; never accepted again (RFC 7523 3)."""

    __tablename__ = "seen_assertion"
    client_id: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[int] = mapped_column(index=True)
