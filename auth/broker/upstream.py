"""Signing in at another OpenID provider: an institution's, or a federation's such as LS Login.

The broker is its client: code flow with PKCE, ``state``, ``nonce`` and ``iss`` checked, a redirect URI for each
provider (RFC 9700 4.4.2). Its tokens are dropped once they have said who came; visas it may hold are not taken over.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from auth import client_assertion
from auth.broker.assertion import ASSERTION_TYPE
from auth.broker.settings import BrokerSettings, UpstreamSettings
from auth.keys import KeyRing
from auth.openid import Attempt, Provider, SignInFailed

MOST_ATTEMPTS = 5  # of one browser at a time, for several tabs
TIMEOUT = 5.0  # seconds for one request to a provider


class Upstream:
    """One provider.

    :param keys: the broker's, with which it proves itself where it has no secret there.
    :param clock: epoch seconds.
    """

    def __init__(self, settings: UpstreamSettings, public_url: str, keys: KeyRing, clock: Callable[[], int]) -> None:
        self.id, self.name, self.issuer = settings.id, settings.name, settings.issuer
        self._settings = settings
        self._callback = f"{public_url}/sign-in/{settings.id}/callback"
        self._keys = keys
        self._clock = clock
        self._provider = Provider(settings.issuer, TIMEOUT)

    def begin(self, session: MutableMapping[str, Any], back: str) -> str:
        """Address of the provider's sign-in; afterwards the browser goes to ``back``.

        :raises SignInFailed: the provider does not answer.
        """
        attempt = Attempt.begin()
        asked = attempt.parameters(self._settings.client_id, self._callback, " ".join(self._settings.scopes))
        url = self._provider.authorization_url(asked)
        under_way = [*session.get("upstream", []), {**asdict(attempt), "at": self.id, "back": back}]
        session["upstream"] = under_way[-MOST_ATTEMPTS:]
        return url

    def finish(self, session: MutableMapping[str, Any], answer: Mapping[str, str]) -> tuple[str, str, str]:
        """(subject there, name, where the person wanted to go).

        :raises SignInFailed: not begun by this browser with this provider (rows 51, 52), or not its answer.
        """
        attempt, back = self._take(session, answer.get("state", ""))
        named = self._provider.metadata().get("authorization_response_iss_parameter_supported") is True
        fields = {
            "grant_type": "authorization_code",
            "code": attempt.code(answer, self.issuer, named=named),
            "redirect_uri": self._callback,
            "code_verifier": attempt.verifier,
        }
        proof, headers = self._proof()
        tokens = self._provider.token({**fields, **proof}, headers)
        claims = self._provider.identity(tokens, self._settings.client_id, attempt.nonce)
        if "name" not in claims:
            claims = {**self._provider.userinfo(tokens["access_token"], claims["sub"]), "sub": claims["sub"]}
        return claims["sub"], _name(claims), back

    def _take(self, session: MutableMapping[str, Any], state: str) -> tuple[Attempt, str]:
        """The attempt that an answer belongs to; it is good once, and at this provider."""
        under_way = session.get("upstream", [])
        for found in under_way:
            if found["at"] == self.id and secrets.compare_digest(found["state"].encode(), state.encode()):
                session["upstream"] = [other for other in under_way if other is not found]
                return Attempt(found["state"], found["nonce"], found["verifier"]), found["back"]
        raise SignInFailed("this sign-in was not begun in this browser, or was used already")

    def _proof(self) -> tuple[dict[str, str], dict[str, str]]:
        """Fields and headers that say who exchanges the code (RFC 6749 2.3.1, RFC 7523)."""
        client_id, secret = self._settings.client_id, self._settings.client_secret
        if secret is None:
            assertion = client_assertion.make(client_id, self.issuer, self._keys.current(), self._clock())
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, {}
        methods = self._provider.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" not in methods:
            return {"client_id": client_id, "client_secret": secret.get_secret_value()}, {}
        pair = f"{quote(client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
        return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _name(claims: Mapping[str, Any]) -> str:
    for claim in ("name", "preferred_username"):
        name = claims.get(claim)
        if isinstance(name, str) and name.strip() and name.isprintable():
            return name.strip()[:100]
    return str(claims["sub"])


def upstreams(settings: BrokerSettings, keys: KeyRing, clock: Callable[[], int]) -> dict[str, Upstream]:
    """The configured providers by id, in their order."""
    return {one.id: Upstream(one, settings.public_url, keys, clock) for one in settings.upstreams}
