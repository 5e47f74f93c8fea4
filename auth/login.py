"""Signing in at the broker from the command line: the code flow without a browser, and the device flow (RFC 8628)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from auth import jose
from auth.errors import InvalidToken
from auth.keyset import KeySet

SCOPE = "openid profile ga4gh_passport_v1"
PASSPORT = "urn:ga4gh:params:oauth:token-type:passport"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
MAX_STEPS = 6  # pages between /authorize and the answer
MAX_POLL = 60  # seconds between two polls at most


class SignInFailed(Exception):
    """Signing in did not work; the message says why and carries no secret."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the broker gave. ``expires_in`` in seconds; ``refresh`` only with the scope ``offline_access``."""

    access: str
    expires_in: int
    scope: str
    refresh: str | None = None


class BrokerClient:
    """A public client of a broker.

    :param issuer: the broker's URL.
    :param client_id: a public client registered there.
    :param redirect_uri: one registered for it; nothing needs to listen there.
    :param timeout: seconds for one request.
    """

    def __init__(self, issuer: str, client_id: str, redirect_uri: str = "", timeout: float = 30.0) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._timeout = timeout
        self._metadata: Mapping[str, Any] | None = None

    def sign_in(self, name: str, password: str, scope: str = SCOPE) -> Tokens:
        """Authorization code with PKCE: fills in the broker's own pages as a browser would.

        :raises SignInFailed: wrong password, refused consent, or an answer that is not this broker's.
        """
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        location = self._walk(asked, {"name": name, "password": password, "decision": "allow"})
        answer = self._token(
            grant_type="authorization_code",
            code=self._code(location, state),
            redirect_uri=self._redirect_uri,
            code_verifier=verifier,
        )
        self._check_id_token(answer.get("id_token", ""), nonce)
        return _tokens(answer)

    def device(self, show: Callable[[str, str], None], scope: str = SCOPE) -> Tokens:
        """Device flow: ``show(address, code)`` tells the person where to go, then waits for the decision.

        :raises SignInFailed: refused or expired.
        """
        given = self._post("device_authorization_endpoint", client_id=self._client_id, scope=scope)
        show(str(given["verification_uri_complete"]), str(given["user_code"]))
        interval, ends = int(given.get("interval", 5)), time.monotonic() + int(given["expires_in"])
        while time.monotonic() < ends:
            time.sleep(interval)
            answer = self._send("token_endpoint", grant_type=DEVICE_GRANT, device_code=str(given["device_code"]))
            error = answer.get("error")
            if error is None:
                return _tokens(answer)
            if error == "slow_down":
                interval = min(interval + 5, MAX_POLL)
            elif error != "authorization_pending":
                raise SignInFailed(f"the broker refused: {error}")
        raise SignInFailed("the code has expired; start again")

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is used up."""
        return _tokens(self._token(grant_type="refresh_token", refresh_token=refresh_token))

    def passport(self, access_token: str) -> str:
        """The Passport JWT for one of this client's access tokens (RFC 8693, AAI 1.2.1)."""
        answer = self._token(
            grant_type=EXCHANGE_GRANT,
            requested_token_type=PASSPORT,
            subject_token=access_token,
            subject_token_type=ACCESS_TOKEN,
        )
        return str(answer["access_token"])

    def _walk(self, asked: Mapping[str, str], answers: Mapping[str, str]) -> str:
        """Submit the forms of the broker's pages until it sends the browser back to the client."""
        with requests.Session() as browser:
            step = browser.get(
                self._endpoint("authorization_endpoint"), params=asked, timeout=self._timeout, allow_redirects=False
            )
            for _ in range(MAX_STEPS):
                location = urljoin(step.url, step.headers.get("Location", ""))
                if step.is_redirect and location.startswith(self._redirect_uri):
                    return location
                self._stay_at_broker(location if step.is_redirect else step.url)
                if step.is_redirect:
                    step = browser.get(location, timeout=self._timeout, allow_redirects=False)
                    continue
                form = _form(step)
                fields = {name: answers.get(name, value) for name, value in form.fields.items()}
                target = urljoin(step.url, form.action)
                self._stay_at_broker(target)
                step = browser.post(target, data=fields, timeout=self._timeout, allow_redirects=False)
        raise SignInFailed("the broker's pages lead nowhere")

    def _stay_at_broker(self, url: str) -> None:
        here, broker = urlsplit(url), urlsplit(self._issuer)
        if (here.scheme, here.netloc) != (broker.scheme, broker.netloc):
            raise SignInFailed("the broker leads to another site; the password was not sent there")

    def _code(self, location: str, state: str) -> str:
        query = parse_qs(urlsplit(location).query)
        if query.get("iss") != [self._issuer] or query.get("state") != [state]:
            raise SignInFailed("the answer is not this broker's to this request (iss, state)")
        if "error" in query:
            raise SignInFailed(f"the broker refused: {query['error'][0]}")
        return query.get("code", [""])[0]

    def _check_id_token(self, token: str, nonce: str) -> None:
        answer = requests.get(self._endpoint("jwks_uri"), timeout=self._timeout)
        try:
            claims = jose.verify(token, KeySet.load(answer.json()), typ=("jwt", "")).claims
        except InvalidToken as error:
            raise SignInFailed("the broker's id_token does not verify") from error
        if (claims.get("iss"), claims.get("aud"), claims.get("nonce")) != (self._issuer, self._client_id, nonce):
            raise SignInFailed("the broker's id_token is not for this sign-in")

    def _endpoint(self, name: str) -> str:
        if self._metadata is None:
            url = f"{self._issuer}/.well-known/openid-configuration"
            answer = requests.get(url, timeout=self._timeout, allow_redirects=False)
            if answer.status_code != 200 or answer.json().get("issuer") != self._issuer:
                raise SignInFailed(f"{self._issuer} is not a broker of that name")
            self._metadata = answer.json()
        return str(self._metadata[name])

    def _token(self, **fields: str) -> dict[str, Any]:
        return self._post("token_endpoint", **fields)

    def _post(self, endpoint: str, **fields: str) -> dict[str, Any]:
        answer = self._send(endpoint, **fields)
        if "error" in answer:
            raise SignInFailed(f"the broker refused: {answer['error']}")
        return answer

    def _send(self, endpoint: str, **fields: str) -> dict[str, Any]:
        data = {"client_id": self._client_id, **fields}
        answer = requests.post(self._endpoint(endpoint), data=data, timeout=self._timeout, allow_redirects=False)
        content = answer.json()
        if not isinstance(content, dict):
            raise SignInFailed("the broker's answer is not an object")
        return content


class _Form(HTMLParser):
    """The form of the main part of a page (sign-out and language controls stand outside it)."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._in_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_main = self._in_main or tag == "main"
        if not self._in_main:
            return
        if tag == "form":
            self.action = given.get("action", "")
        elif tag in ("input", "button") and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))


def _form(page: requests.Response) -> _Form:
    form = _Form()
    form.feed(page.text)
    if page.status_code != 200 or not form.action:
        reasons = {401: "wrong name or password", 429: "too many failed attempts; wait and try again"}
        raise SignInFailed(reasons.get(page.status_code, f"the broker answered with status {page.status_code}"))
    return form


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    return Tokens(
        access=str(answer["access_token"]),
        expires_in=int(answer["expires_in"]),
        scope=str(answer.get("scope", "")),
        refresh=answer.get("refresh_token"),
    )
