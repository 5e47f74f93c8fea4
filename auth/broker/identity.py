"""The id_token (OpenID Connect Core 2): added to the answer of every grant whose scope has ``openid``."""

from __future__ import annotations

from typing import Any

from authlib.oidc.core.grants import OpenIDCode

from auth import jose
from auth.broker import accounts
from auth.openid import half_hash


def profile(engine: Any, sub: str, scope: str) -> dict[str, str]:
    """``sub``, and with the scope ``profile`` the person's name."""
    claims = {"sub": sub}
    account = accounts.find(engine, sub)
    if account is not None and "profile" in scope.split():
        claims |= {"name": account.display_name, "preferred_username": account.name}
    return claims


class IdToken(OpenIDCode):  # type: ignore[misc]  # Authlib has no types
    """Authlib's OpenID extension, signing through ``auth.jose``."""

    def __init__(self, server: Any) -> None:
        super().__init__(require_nonce=False)
        self._server = server

    def exists_nonce(self, nonce: str, request: Any) -> bool:  # noqa: ARG002 - the framework's signature
        """False: the nonce protects the client, which compares it with its own (OpenID Connect Core 15.5.2)."""
        return False

    def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
        """Sign an id_token for the client."""
        now, settings = self._server.clock(), self._server.settings
        claims = {
            **profile(self._server.engine, request.family.sub, token["scope"]),
            "iss": settings.public_url,
            "aud": request.client.client_id,
            "iat": now,
            "exp": now + settings.lifetimes.id_token,
            "auth_time": request.family.auth_time,
            "at_hash": half_hash(token["access_token"]),
        }
        if request.authorization_code and request.authorization_code.nonce:
            claims["nonce"] = request.authorization_code.nonce
        return jose.sign(claims, self._server.keys.current(), typ="JWT")
