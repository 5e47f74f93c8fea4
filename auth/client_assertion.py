"""How one process proves itself to another: a short JWT that is accepted once (after RFC 7523, DESIGN section 2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import anyio.to_thread
from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from auth import jose
from auth.database import writing
from auth.errors import InvalidToken
from auth.jwks import Jwks
from auth.keys import clock
from auth.keyset import SigningKey
from auth.tables import UsedToken
from auth.turns import Turns

TYPE = "client-authentication+jwt"
LIFETIME = 60
"""Longest life of an assertion, in seconds."""

MAX_BYTES = 4096
_PRUNE_EVERY = 60
USED = insert(UsedToken)


def make(caller: str, audience: str, key: SigningKey, now: int) -> str:
    """An assertion by ``caller`` for ``audience`` (public URLs), to be sent as a Bearer token, once, within 60 s."""
    claims = {
        "iss": caller,
        "sub": caller,
        "aud": audience,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_urlsafe(16),
    }
    return jose.sign(claims, key, typ=TYPE)


class Assertions:
    """Verifies assertions.

    :param engine: database that remembers accepted ones.
    :param audience: public URL of this process.
    :param callers: key URL by public URL of each process that may call.
    """

    def __init__(
        self,
        engine: Engine,
        audience: str,
        callers: Mapping[str, str],
        jwks: Jwks,
        now: Callable[[], int] = clock,
    ) -> None:
        self._engine = engine
        self._audience = audience
        self._callers = callers
        self._jwks = jwks
        self._now = now
        self._pruned = 0
        self._turns = Turns(engine)

    async def verify(self, authorization: str | None) -> str:
        """The public URL of the calling process.

        :raises InvalidToken: no assertion, a wrong one, or one that was accepted before.
        :raises IssuerUnavailable: the caller's keys cannot be had.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("a client assertion is needed as Bearer token")
        parsed = jose.unverified(token.strip(" "), max_bytes=MAX_BYTES)
        caller = jose.text(parsed.claims, "iss")
        if caller not in self._callers:
            raise InvalidToken("the caller (iss) is not known here")
        keys = await self._jwks.keys(self._callers[caller], str(parsed.header["kid"]))
        now = self._now()
        claims = jose.check(parsed, keys, typ={TYPE}, now=now).claims
        expires = jose.numeric(claims, "exp")
        if claims.get("sub") != caller or claims.get("aud") not in (self._audience, [self._audience]):
            raise InvalidToken("the assertion was made for another node, or by another caller")
        if expires - jose.numeric(claims, "iat") > LIFETIME:
            raise InvalidToken(f"the assertion lives longer than {LIFETIME} seconds")
        await anyio.to_thread.run_sync(self._use, caller, jose.text(claims, "jti", longest=256), expires, now)
        return caller

    def _use(self, caller: str, jti: str, expires: int, now: int) -> None:
        """Accept the id once: the primary key decides between two that come at the same moment."""
        try:
            with self._turns.turn(), writing(self._engine).begin() as connection:
                connection.execute(USED, {"issuer": caller, "jti": jti, "expires_at": expires})
        except IntegrityError as error:
            raise InvalidToken("the assertion was used before") from error
        if now - self._pruned >= _PRUNE_EVERY:
            self._pruned = now
            with self._turns.turn(), writing(self._engine).begin() as connection:
                connection.execute(delete(UsedToken).where(UsedToken.expires_at < now - LIFETIME))
