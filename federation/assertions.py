"""Client assertions of the federation: a gateway signs each request for one node and one body; a member checks both."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from auth import jose
from auth.client_assertion import LIFETIME, MAX_BYTES, TYPE
from auth.keys import KeyRing
from federation.tokens import Assert


def signer(caller: str, ring: KeyRing, clock: Callable[[], float] = time.time) -> Assert:
    """Signs as ``caller`` (a public URL towards members, the client id towards the broker) with the ring's key."""

    def sign(audience: str, claims: Mapping[str, Any]) -> str:
        now = int(clock())
        own = {
            "iss": caller,
            "sub": caller,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        return jose.sign({**claims, **own}, ring.current(), typ=TYPE)

    return sign


class TrustedGateways:
    """Admits gateways (``federation.side.Gateways``).

    :param verify: ``auth.client_assertion.Assertions.verify``: signature, issuer, audience, age, and used once.
    """

    def __init__(self, verify: Callable[[str | None], Awaitable[str]]) -> None:
        self._verify = verify

    async def __call__(self, authorization: str | None) -> Mapping[str, Any]:
        """The claims of a verified assertion.

        :raises auth.errors.AuthError: see ``verify``.
        """
        await self._verify(authorization)
        token = (authorization or "").partition(" ")[2].strip(" ")
        return jose.unverified(token, max_bytes=MAX_BYTES).claims  # verified in the line before
