"""The grants that give tokens to a client: authorization code with PKCE, and refresh with rotation."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from auth.broker import accounts
from auth.broker.clients import ALL_METHODS, Client
from auth.broker.tables import Account, AuthorizationCode, Family, digest
from auth.broker.tokens import Standing
from auth.database import writing


class Issuing:
    """What the broker's grants share: tokens come from the family of one consent."""

    server: Any
    request: Any
    TOKEN_ENDPOINT_AUTH_METHODS = ALL_METHODS

    def authenticate_token_endpoint_client(self) -> Client:
        """Authenticate the client and remember it for the checks that follow."""
        self.request.client = self.server.authenticate_client(self.request, self.TOKEN_ENDPOINT_AUTH_METHODS)
        client: Client = self.request.client
        return client

    def authenticate_user(self, credential: Any) -> Account | None:
        """The person behind a code or token, unless the account is disabled."""
        return accounts.find(self.server.engine, credential.sub)

    def generate_token(self, *, scope: str, **_: object) -> dict[str, Any]:
        """Issue tokens of ``self.request.family``; a refresh token only where the person agreed to lasting access."""
        client: Client = self.request.client
        refresh = client.check_grant_type("refresh_token") and "offline_access" in scope.split()
        answer: dict[str, Any] = self.server.tokens.issue(self.request.family, scope, refresh=refresh)
        return answer


class RedeemedCode:
    """An authorization code that was just used up, with its family, as Authlib asks about it."""

    def __init__(self, code: AuthorizationCode, family: Family) -> None:
        self.code_challenge = code.code_challenge
        self.code_challenge_method = "S256"
        self.redirect_uri = code.redirect_uri
        self.nonce = code.nonce
        self.family = family
        self.sub = family.sub

    def get_redirect_uri(self) -> str:
        """RFC 6749 4.1.3."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What the person agreed to."""
        return self.family.scope


class CodeGrant(Issuing, grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """Authorization code (RFC 6749 4.1). A code is used up by the first request that shows it, right or wrong."""

    def validate_authorization_request(self) -> str:
        """Only what this broker does: scope with ``openid``, answers in the query, no request objects."""
        redirect_uri: str = super().validate_authorization_request()
        data = self.request.payload.data
        for name, error in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
            if name in data:
                raise InvalidRequestError(error=error, redirect_uri=redirect_uri)
        if "dpop_jkt" in data:
            raise InvalidRequestError("DPoP is not supported (dpop_jkt).", redirect_uri=redirect_uri)
        if data.get("response_mode", "query") != "query":
            raise InvalidRequestError("Only response_mode=query is supported.", redirect_uri=redirect_uri)
        if "openid" not in self.request.scope.split():
            raise InvalidScopeError("The scope must contain openid.", redirect_uri=redirect_uri)
        return redirect_uri

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Open the family that everything from this consent belongs to."""
        now = self.server.clock()
        account, auth_time = request.user
        with Session(writing(self.server.engine)) as db, db.begin():
            db.execute(delete(AuthorizationCode).where(AuthorizationCode.expires_at < now - 3600))
            client_id = request.client.client_id
            family = self.server.tokens.open_family(db, client_id, account.sub, request.scope, auth_time)
            db.add(
                AuthorizationCode(
                    digest=digest(code),
                    family=family.id,
                    redirect_uri=request.payload.redirect_uri,
                    nonce=request.payload.data.get("nonce"),
                    code_challenge=request.payload.data["code_challenge"],
                    expires_at=now + self.server.settings.lifetimes.code,
                )
            )

    def query_authorization_code(self, code: str, client: Client) -> RedeemedCode | None:
        """Use the code up; shown twice or by another client, everything that came from it is revoked (row 49)."""
        now = self.server.clock()
        claim = update(AuthorizationCode).where(
            AuthorizationCode.digest == digest(code), AuthorizationCode.used_at.is_(None)
        )
        with Session(writing(self.server.engine), expire_on_commit=False) as db, db.begin():
            won = db.execute(claim.values(used_at=now)).rowcount == 1  # type: ignore[attr-defined]
            found = db.get(AuthorizationCode, digest(code))
            family = db.get(Family, found.family) if found else None
        if found is None or family is None:
            return None
        if not won or family.client_id != client.client_id:
            self.server.tokens.revoke_family(family.id)
            return None
        if found.expires_at <= now or family.revoked_at is not None:
            return None
        self.request.family = family
        return RedeemedCode(found, family)

    def delete_authorization_code(self, authorization_code: RedeemedCode) -> None:
        """Nothing: it was used up when it was shown, and stays so that a second use is noticed."""


class S256Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE with S256 for every client, confidential ones too (RFC 9700 2.1.1); Authlib's own lets those skip it."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse an authorization request without an S256 challenge."""
        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


class RefreshGrant(Issuing, grants.RefreshTokenGrant):  # type: ignore[misc]
    """Refresh (RFC 6749 6) with a new refresh token each time."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Standing | None:
        """The token if it is in force; a used one revokes its family."""
        found: Standing | None = self.server.tokens.refresh(refresh_token)
        return found

    def issue_token(self, user: Account, refresh_token: Standing) -> dict[str, Any]:  # noqa: ARG002
        """Use the old token up, then issue; of two simultaneous requests one fails and the family is revoked."""
        self.request.family = self.server.tokens.use_refresh(refresh_token)
        if self.request.family is None:
            raise InvalidGrantError("The refresh token was used before.")
        wanted = (self.request.payload.scope or refresh_token.scope).split()
        return self.generate_token(scope=" ".join(name for name in refresh_token.scope.split() if name in wanted))

    def revoke_old_credential(self, refresh_token: Standing) -> None:
        """Nothing: it was used up before the new one was made."""
