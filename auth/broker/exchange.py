"""Token exchange (RFC 8693): a Passport for its own client (AAI 1.2.1), or a token for one member.

With an ``audience`` either is good at that member alone and releases only visas of issuers which it trusts: who was
sent it can do nothing with it elsewhere. Any client narrows its own tokens so; other clients' tokens only those clients
that are configured to, such as the gateway.
"""

from __future__ import annotations

import secrets
from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import (
    BaseGrant,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    TokenEndpointMixin,
    UnauthorizedClientError,
)

from auth import jose
from auth.broker.clients import Client
from auth.broker.grants import Issuing
from auth.broker.settings import PASSPORT_SCOPE
from auth.broker.tokens import Standing

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PASSPORT = "urn:ga4gh:params:oauth:token-type:passport"
PASSPORT_TYPE = "vnd.ga4gh.passport+jwt"


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """The client may not have a token for that audience (RFC 8693 2.2.2)."""

    error = "invalid_target"


class ExchangeGrant(Issuing, BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """Only access tokens of this broker, in force and bound to no audience, can be exchanged."""

    GRANT_TYPE = GRANT_TYPE

    def validate_token_request(self) -> None:
        """Check the client, the kind of exchange asked for, and the subject token."""
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(GRANT_TYPE):
            raise UnauthorizedClientError("The client may not exchange tokens.")
        form = self.request.form
        if "actor_token" in form or "actor_token_type" in form:
            raise InvalidRequestError("Delegation (actor_token) is not supported.")
        if "resource" in form:
            raise InvalidTargetError("Name the target by audience, not by resource.")
        if form.get("subject_token_type") != ACCESS_TOKEN:
            raise InvalidRequestError(f"The subject_token_type must be {ACCESS_TOKEN}.")
        self.request.credential = self._subject(form.get("subject_token", ""))
        self._check_kind(client, self.request.credential)

    def _subject(self, token: str) -> Standing:
        subject: Standing | None = self.server.tokens.access(token)
        if subject is None or subject.audience is not None:
            raise InvalidRequestError("The subject_token is not valid.")
        return subject

    def _check_kind(self, client: Client, subject: Standing) -> None:
        form = self.request.form
        wanted, audience = form.get("requested_token_type"), form.get("audience")
        if PASSPORT_SCOPE not in subject.scope.split():
            raise InvalidRequestError(f"The subject_token has no scope {PASSPORT_SCOPE}.")
        if wanted == PASSPORT:
            if not subject.check_client(client):
                raise InvalidRequestError("The subject_token is not valid.")
            if audience is not None and audience not in self.server.settings.audiences:
                raise InvalidTargetError("There is no such audience.")
        elif wanted == ACCESS_TOKEN or (wanted is None and audience is not None):
            own = self.server.settings.audiences if subject.check_client(client) else ()
            if audience not in own and audience not in client.settings.audiences:
                raise InvalidTargetError("The client may not have tokens for that audience.")
        else:
            raise InvalidRequestError(f"The requested_token_type must be {PASSPORT} or {ACCESS_TOKEN}.")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """The token asked for."""
        subject = self.request.credential
        passport = self.request.form.get("requested_token_type") == PASSPORT
        return 200, self._passport(subject) if passport else self._for_member(subject), default_json_headers

    def _passport(self, subject: Standing) -> dict[str, Any]:
        settings, now = self.server.settings, self.server.clock()
        lifetime = settings.lifetimes.passport
        audience = self.request.form.get("audience")
        claims = {
            "iss": settings.public_url,
            "sub": subject.sub,
            **({} if audience is None else {"aud": [audience]}),
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_urlsafe(16),
            PASSPORT_SCOPE: self.server.collector.collect(subject.sub, audience),
        }
        return {
            "access_token": jose.sign(claims, self.server.keys.current(), typ=PASSPORT_TYPE),
            "issued_token_type": PASSPORT,
            "token_type": "N_A",
            "expires_in": lifetime,
        }

    def _for_member(self, subject: Standing) -> dict[str, Any]:
        scope = self._narrowed(subject.scope)
        remaining = subject.expires_at - self.server.clock()
        lifetime = min(self.server.settings.lifetimes.audience_token, remaining)
        family = self.server.tokens.family(subject.family)
        token = self.server.tokens.mint(
            family,
            self.request.client.client_id,
            scope,
            lifetime,
            audience=self.request.form["audience"],
            parent=subject.id,
        )
        return {
            "access_token": token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": lifetime,
            "scope": scope,
        }

    def _narrowed(self, held: str) -> str:
        allowed = [name for name in held.split() if name != "offline_access"]
        wanted = self.request.payload.scope
        if wanted is None:
            return " ".join(allowed)
        if not set(wanted.split()) <= set(allowed):
            raise InvalidScopeError("The scope is wider than the subject_token's.")
        return " ".join(name for name in allowed if name in wanted.split())
