"""What every OpenID client of ours does with a provider: discovery, PKCE, and judging its answers."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests

from auth import jose
from auth.errors import AuthError, InvalidToken
from auth.keyset import KeySet

METADATA_FRESH = 3600.0  # seconds that discovery is remembered


class SignInFailed(AuthError):
    """Signing in did not work; the message says why and carries no secret."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One authorization request, kept by the client until its answer comes (RFC 7636, OpenID Connect Core 3.1.2.1)."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> Attempt:
        """Fresh random values, 256 bits or more each."""
        return cls(*(secrets.token_urlsafe(48) for _ in range(3)))

    def parameters(self, client_id: str, redirect_uri: str, scope: str) -> dict[str, str]:
        """Query parameters of the request."""
        challenge = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    def code(self, answer: Mapping[str, str], issuer: str, *, named: bool = True) -> str:
        """The code of the provider's answer.

        :param named: the provider says that its answers carry ``iss``; if not, one without it is taken, which is safe
            only where each provider has a redirect URI of its own (RFC 9700 4.4.2).
        :raises SignInFailed: another provider's answer (RFC 9207), one to another request, or an error.
        """
        if answer.get("iss", None if named else issuer) != issuer or not secrets.compare_digest(
            answer.get("state", "").encode(), self.state.encode()
        ):
            raise SignInFailed("the answer is not this broker's to this request (iss, state)")
        if "error" in answer:
            raise SignInFailed(f"the broker refused: {answer['error'][:60]}")
        if not answer.get("code"):
            raise SignInFailed("the broker's answer has no code")
        return answer["code"]


class Provider:
    """An OpenID provider.

    :param issuer: its URL, compared as a whole string.
    :param timeout: seconds for one request.
    """

    def __init__(self, issuer: str, timeout: float = 30.0) -> None:
        self.issuer = issuer
        self._timeout = timeout
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._fetched = float("-inf")

    def endpoint(self, name: str) -> str:
        """Address of an endpoint by its metadata name.

        :raises SignInFailed: discovery fails or names another issuer.
        """
        address = self.metadata().get(name)
        if not isinstance(address, str):
            raise SignInFailed(f"the broker has no {name}")
        return address

    def metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0 4), at most an hour old.

        :raises SignInFailed: discovery fails or names another issuer.
        """
        with self._lock:
            if time.monotonic() - self._fetched > METADATA_FRESH:
                self._metadata = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                if self._metadata.get("issuer") != self.issuer:
                    raise SignInFailed(f"{self.issuer} is not a broker of that name")
                self._fetched = time.monotonic()
            return self._metadata

    def authorization_url(self, parameters: Mapping[str, str]) -> str:
        """Where to send the browser."""
        return f"{self.endpoint('authorization_endpoint')}?{urlencode(parameters)}"

    def post(
        self, endpoint: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """POST a form; errors of OAuth are returned, not raised."""
        try:
            answer = requests.post(
                self.endpoint(endpoint),
                data=dict(fields),
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            )
            content = answer.json()
        except requests.RequestException as error:
            raise SignInFailed(f"the broker cannot be reached: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise SignInFailed("the broker's answer is not an object")
        return content

    def token(self, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Token answer (RFC 6749 5.1).

        :raises SignInFailed: with the broker's error code.
        """
        answer = self.post("token_endpoint", fields, headers)
        if "error" in answer or not isinstance(answer.get("access_token"), str):
            raise SignInFailed(f"the broker refused: {str(answer.get('error'))[:60]}")
        return answer

    def identity(self, answer: Mapping[str, Any], client_id: str, nonce: str) -> Mapping[str, Any]:
        """Claims of the id_token of a token answer (OpenID Connect Core 3.1.3.7).

        :raises SignInFailed: signature, times, ``iss``, ``aud``, ``azp``, ``nonce`` or ``at_hash`` is wrong.
        """
        keys = KeySet.load(self._get(self.endpoint("jwks_uri")))
        try:
            claims = jose.verify(str(answer.get("id_token", "")), keys, typ=("jwt", "")).claims
            jose.text(claims, "sub", longest=255)
        except InvalidToken as error:
            raise SignInFailed("the broker's id_token does not verify") from error
        named = claims.get("aud")
        meant = named in (client_id, [client_id]) and claims.get("azp", client_id) == client_id
        if claims.get("iss") != self.issuer or not meant or claims.get("nonce") != nonce:
            raise SignInFailed("the broker's id_token is not for this sign-in")
        if claims.get("at_hash", half_hash(answer["access_token"])) != half_hash(answer["access_token"]):
            raise SignInFailed("the broker's id_token belongs to another access token")
        return claims

    def userinfo(self, access_token: str, subject: str) -> Mapping[str, Any]:
        """Claims of UserInfo (OpenID Connect Core 5.3).

        :raises SignInFailed: it cannot be had, or is about another subject.
        """
        said = self._get(self.endpoint("userinfo_endpoint"), {"Authorization": f"Bearer {access_token}"})
        if said.get("sub") != subject:
            raise SignInFailed("the broker's UserInfo is about another subject")
        return said

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = requests.get(url, headers=headers, timeout=self._timeout, allow_redirects=False)
            if answer.status_code != 200:
                raise SignInFailed(f"{url} answered with status {answer.status_code}")
            content = answer.json()
        except requests.RequestException as error:
            raise SignInFailed(f"the broker cannot be reached: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise SignInFailed(f"{url} is not an object")
        return content


def half_hash(token: str) -> str:
    """``at_hash`` for ES256 and RS256: left half of the SHA-256, base64url (OpenID Connect Core 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()[:16]).rstrip(b"=").decode()
