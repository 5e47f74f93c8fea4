"""Access and refresh tokens: made, stored, found again, revoked.

An access token is a JWT (RFC 9068) without any ga4gh claim (AAI 1.2.1); the table says whether it is still in force.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, or_, select, update
from sqlalchemy.orm import Session

from auth import jose
from auth.broker.settings import BrokerSettings
from auth.broker.tables import AccessToken, Account, Consent, Family, RefreshToken, digest
from auth.database import writing
from auth.errors import InvalidToken
from auth.keys import KeyRing

TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the tables say of an access or refresh token that is in force. Times are epoch seconds."""

    kind: str  # access_token | refresh_token
    id: str
    family: str
    client_id: str
    sub: str
    scope: str
    issued_at: int
    expires_at: int
    audience: str | None = None

    def get_scope(self) -> str:
        """Scope, as Authlib asks for it."""
        return self.scope

    def check_client(self, client: Any) -> bool:
        """Whether the token was issued to that client."""
        return bool(client.get_client_id() == self.client_id)

    def is_expired(self) -> bool:
        """False: only tokens in force are found."""
        return False

    def is_revoked(self) -> bool:
        """False: only tokens in force are found."""
        return False


class Tokens:
    """The broker's own tokens."""

    def __init__(self, settings: BrokerSettings, engine: Engine, keys: KeyRing, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._engine = engine
        self._keys = keys
        self._clock = clock

    def open_family(self, db: Session, client_id: str, sub: str, scope: str, auth_time: int) -> Family:
        """Begin a family inside the caller's transaction."""
        family = Family(
            id=secrets.token_urlsafe(16),
            client_id=client_id,
            sub=sub,
            scope=scope,
            auth_time=auth_time,
            created_at=self._clock(),
        )
        db.add(family)
        db.flush()
        return family

    def issue(self, family: Family, scope: str, *, refresh: bool) -> dict[str, Any]:
        """Token answer for the family's own client (RFC 6749 5.1)."""
        lifetime = self._settings.lifetimes.access_token
        answer = {
            "access_token": self.mint(family, family.client_id, scope, lifetime),
            "token_type": "Bearer",
            "expires_in": lifetime,
            "scope": scope,
        }
        if refresh:
            answer["refresh_token"] = self._mint_refresh(family, scope)
        return answer

    def mint(
        self,
        family: Family,
        client_id: str,
        scope: str,
        lifetime: int,
        *,
        audience: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Sign and store an access token that lives ``lifetime`` seconds, for one ``audience`` if given."""
        now = self._clock()
        row = AccessToken(
            jti=secrets.token_urlsafe(16),
            family=family.id,
            client_id=client_id,
            audience=audience,
            parent=parent,
            scope=scope,
            issued_at=now,
            expires_at=now + lifetime,
        )
        claims = {
            "iss": self._settings.public_url,
            "sub": family.sub,
            "aud": [client_id] if audience is None else [audience, client_id],
            "client_id": client_id,
            "scope": scope,
            "iat": now,
            "exp": row.expires_at,
            "jti": row.jti,
        }
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(delete(AccessToken).where(AccessToken.expires_at < now - 3600))
            db.add(row)
        return jose.sign(claims, self._keys.current(), typ=TYPE)

    def _mint_refresh(self, family: Family, scope: str) -> str:
        token = secrets.token_urlsafe(32)
        expires_at = self._clock() + self._settings.lifetimes.refresh_token
        with Session(writing(self._engine)) as db, db.begin():
            db.add(RefreshToken(digest=digest(token), family=family.id, scope=scope, expires_at=expires_at))
        return token

    def access(self, token: str) -> Standing | None:
        """The access token, if this broker issued it and it is in force."""
        try:
            claims = jose.verify(token, self._keys.key_set(), typ={TYPE}, now=self._clock()).claims
        except InvalidToken:
            return None
        if claims.get("iss") != self._settings.public_url:
            return None
        query = (
            select(AccessToken, Family.sub)
            .join(Family, Family.id == AccessToken.family)
            .join(Account, Account.sub == Family.sub)
            .where(AccessToken.jti == claims.get("jti"), AccessToken.expires_at > self._clock())
            .where(AccessToken.revoked_at.is_(None), Family.revoked_at.is_(None), Account.disabled_at.is_(None))
        )
        with Session(self._engine) as db:
            found = db.execute(query).first()
        return _access_standing(found[0], found[1]) if found else None

    def refresh(self, token: str) -> Standing | None:
        """The refresh token, if in force; one that was used before revokes its whole family (RFC 9700 4.14.2)."""
        with Session(self._engine) as db:
            query = select(RefreshToken, Family).join(Family, Family.id == RefreshToken.family)
            found = db.execute(query.where(RefreshToken.digest == digest(token))).first()
            disabled = found and db.scalar(select(Account.disabled_at).where(Account.sub == found[1].sub))
        if found is None or disabled is not None:
            return None
        row, family = found
        if row.used_at is not None:
            self.revoke_family(family.id)
            return None
        if family.revoked_at is not None or row.expires_at <= self._clock():
            return None
        return Standing(
            "refresh_token",
            row.digest,
            family.id,
            family.client_id,
            family.sub,
            row.scope,
            family.created_at,
            row.expires_at,
        )

    def use_refresh(self, standing: Standing) -> Family | None:
        """Use a refresh token up; None (and the family revoked) if another request was faster."""
        claim = update(RefreshToken).where(RefreshToken.digest == standing.id, RefreshToken.used_at.is_(None))
        with Session(writing(self._engine), expire_on_commit=False) as db, db.begin():
            won = db.execute(claim.values(used_at=self._clock())).rowcount == 1  # type: ignore[attr-defined]
            family = db.get(Family, standing.family)
        if not won:
            self.revoke_family(standing.family)
            return None
        return family

    def family(self, family_id: str) -> Family | None:
        """A family by its id."""
        with Session(self._engine) as db:
            return db.get(Family, family_id)

    def revoke(self, standing: Standing) -> None:
        """Revoke an access token and what came from it, or a refresh token with its whole family (RFC 7009 2.1)."""
        if standing.kind == "refresh_token":
            self.revoke_family(standing.family)
            return
        which = or_(AccessToken.jti == standing.id, AccessToken.parent == standing.id)
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(update(AccessToken).where(which).values(revoked_at=self._clock()))

    def revoke_family(self, family_id: str) -> None:
        """End every token of a family, those still being made included."""
        with Session(writing(self._engine)) as db, db.begin():
            ended = update(Family).where(Family.id == family_id, Family.revoked_at.is_(None))
            db.execute(ended.values(revoked_at=self._clock()))

    def withdraw(self, sub: str, client_id: str) -> None:
        """A person takes consent back: it is forgotten and every token that stands on it ends."""
        of_client = Family.sub == sub, Family.client_id == client_id
        with Session(writing(self._engine)) as db, db.begin():
            db.execute(delete(Consent).where(Consent.sub == sub, Consent.client_id == client_id))
            db.execute(update(Family).where(*of_client, Family.revoked_at.is_(None)).values(revoked_at=self._clock()))


def _access_standing(row: AccessToken, sub: str) -> Standing:
    return Standing(
        "access_token",
        row.jti,
        row.family,
        row.client_id,
        sub,
        row.scope,
        row.issued_at,
        row.expires_at,
        row.audience,
    )
