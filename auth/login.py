"""Signing in at the broker from the command line: the code flow without a browser, and the device flow (RFC 8628)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

from auth.openid import Attempt, Provider, SignInFailed

__all__ = ["BrokerClient", "SignInFailed", "Tokens"]

SCOPE = "openid profile ga4gh_passport_v1"
PASSPORT = "urn:ga4gh:params:oauth:token-type:passport"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
MAX_STEPS = 6  # pages between /authorize and the answer
MAX_INTERVAL = 60  # seconds between two polls at most


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
        self._provider = Provider(issuer, timeout)
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._timeout = timeout

    def sign_in(self, name: str, password: str, scope: str = SCOPE) -> Tokens:
        """Authorization code with PKCE: fills in the broker's own pages as a browser would.

        :raises SignInFailed: wrong password, refused consent, or an answer that is not this broker's.
        """
        attempt = Attempt.begin()
        asked = attempt.parameters(self._client_id, self._redirect_uri, scope)
        location = self._walk(asked, {"name": name, "password": password, "decision": "allow"})
        answer = self._token(
            grant_type="authorization_code",
            code=attempt.code(dict(parse_qsl(urlsplit(location).query)), self._provider.issuer),
            redirect_uri=self._redirect_uri,
            code_verifier=attempt.verifier,
        )
        self._provider.identity(answer, self._client_id, attempt.nonce)
        return _tokens(answer)

    def device(self, show: Callable[[str, str], None], scope: str = SCOPE) -> Tokens:
        """Device flow: ``show(address, code)`` tells the person where to go, then waits for the decision.

        :raises SignInFailed: refused or expired.
        """
        given = self._provider.post("device_authorization_endpoint", {"client_id": self._client_id, "scope": scope})
        if "error" in given:
            raise SignInFailed(f"the broker refused: {given['error']}")
        show(str(given["verification_uri_complete"]), str(given["user_code"]))
        interval, ends = int(given.get("interval", 5)), time.monotonic() + int(given["expires_in"])
        asked = {"client_id": self._client_id, "grant_type": DEVICE_GRANT, "device_code": str(given["device_code"])}
        while time.monotonic() < ends:
            time.sleep(interval)
            answer = self._provider.post("token_endpoint", asked)
            error = answer.get("error")
            if error is None:
                return _tokens(answer)
            if error == "slow_down":
                interval = min(interval + 5, MAX_INTERVAL)
            elif error != "authorization_pending":
                raise SignInFailed(f"the broker refused: {error}")
        raise SignInFailed("the code has expired; start again")

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is used up."""
        return _tokens(self._token(grant_type="refresh_token", refresh_token=refresh_token))

    def passport(self, access_token: str, audience: str = "") -> str:
        """The Passport JWT for one of this client's access tokens (RFC 8693, AAI 1.2.1).

        :param audience: the one node where it shall be good; empty for every node that trusts the broker.
        """
        return self._exchange(access_token, PASSPORT, audience)

    def narrowed(self, access_token: str, audience: str) -> str:
        """An access token that is good at one node alone."""
        return self._exchange(access_token, ACCESS_TOKEN, audience)

    def _exchange(self, access_token: str, wanted: str, audience: str) -> str:
        fields = {"audience": audience} if audience else {}
        answer = self._token(
            grant_type=EXCHANGE_GRANT,
            requested_token_type=wanted,
            subject_token=access_token,
            subject_token_type=ACCESS_TOKEN,
            **fields,
        )
        return str(answer["access_token"])

    def _token(self, **fields: str) -> dict[str, Any]:
        return self._provider.token({"client_id": self._client_id, **fields})

    def _walk(self, asked: Mapping[str, str], answers: Mapping[str, str]) -> str:
        """Submit the forms of the broker's pages until it sends the browser back to the client."""
        url, form = self._provider.authorization_url(asked), None
        with requests.Session() as browser:
            for _ in range(MAX_STEPS):
                self._stay_at_broker(url)
                step = self._step(browser, url, form)
                if not step.is_redirect:
                    page = _form(step)
                    if "code" in page.fields:
                        raise SignInFailed("this account has a second factor; sign in with a browser (gsanode login)")
                    url = urljoin(step.url, page.action)
                    form = {name: answers.get(name, value) for name, value in page.fields.items()}
                    continue
                url, form = urljoin(step.url, step.headers["Location"]), None
                if url.partition("?")[0] == self._redirect_uri:
                    return url
        raise SignInFailed("the broker's pages lead nowhere")

    def _step(self, browser: requests.Session, url: str, form: Mapping[str, str] | None) -> requests.Response:
        method = "GET" if form is None else "POST"
        try:
            return browser.request(method, url, data=form, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise SignInFailed(f"the broker cannot be reached: {type(error).__name__}") from error

    def _stay_at_broker(self, url: str) -> None:
        here, broker = urlsplit(url), urlsplit(self._provider.issuer)
        if (here.scheme, here.netloc) != (broker.scheme, broker.netloc):
            raise SignInFailed("the broker leads to another site; nothing was sent there")


class _Form(HTMLParser):
    """The form of the main part of a page."""

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
