"""Registered clients as Authlib's framework wants to see them."""

from __future__ import annotations

import secrets

from authlib.oauth2.rfc6749 import ClientMixin

from auth.broker.settings import ClientSettings

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
KEY_METHOD = "private_key_jwt"
CONFIDENTIAL_METHODS = (*SECRET_METHODS, KEY_METHOD)
ALL_METHODS = (*CONFIDENTIAL_METHODS, "none")


class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A client of the configuration."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.client_id = settings.client_id

    def get_client_id(self) -> str:
        """RFC 6749 2.2."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: OpenID Connect 3.1.2.1 wants ``redirect_uri`` in every request."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """The requested scopes that this client may ask for; others are ignored (OpenID Connect 3.1.2.1)."""
        asked = (scope or "").split()
        return " ".join(name for name in self.settings.scopes if name in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whole-string comparison (RFC 9700 2.1)."""
        return redirect_uri in self.settings.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time."""
        own = self.settings.client_secret
        return own is not None and secrets.compare_digest(own.get_secret_value().encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - the framework's signature
        """A client authenticates in the one way that its credentials allow."""
        if self.settings.kind == "public":
            return method == "none"
        return method in (SECRET_METHODS if self.settings.client_secret is not None else (KEY_METHOD,))

    def check_response_type(self, response_type: str) -> bool:
        """Only ``code``."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """As configured."""
        return grant_type in self.settings.grant_types
