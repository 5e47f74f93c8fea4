"""Introspection (RFC 7662) and revocation (RFC 7009)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from auth.broker.clients import ALL_METHODS, CONFIDENTIAL_METHODS, Client
from auth.broker.tokens import Standing


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Tells a confidential client about its own tokens, and a member about tokens made for it; nobody else anything."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Standing | None:  # noqa: ARG002
        """Only access tokens: nobody but its client needs to know about a refresh token."""
        found: Standing | None = self.server.tokens.access(token_string)
        return found

    def check_permission(self, token: Standing, client: Client, request: Any) -> bool:  # noqa: ARG002
        """Its own client, or the member it was made for."""
        if token.audience is not None:
            return token.audience == client.settings.resource
        return token.check_client(client)

    def introspect_token(self, token: Standing) -> dict[str, Any]:
        """RFC 7662 2.2."""
        return {
            "active": True,
            "iss": self.server.settings.public_url,
            "sub": token.sub,
            "aud": [token.client_id] if token.audience is None else [token.audience, token.client_id],
            "client_id": token.client_id,
            "scope": token.scope,
            "token_type": "Bearer",
            "iat": token.issued_at,
            "exp": token.expires_at,
            "jti": token.id,
        }


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Lets a client end its own tokens."""

    CLIENT_AUTH_METHODS = ALL_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Standing | None:  # noqa: ARG002
        """Access or refresh token in force, whatever the hint says (RFC 7009 2.1)."""
        tokens = self.server.tokens
        found: Standing | None = tokens.access(token_string) or tokens.refresh(token_string)
        return found

    def revoke_token(self, token: Standing, request: Any) -> None:  # noqa: ARG002
        """End it, and with a refresh token its whole family."""
        self.server.tokens.revoke(token)
