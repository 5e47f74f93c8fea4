"""A process as an OpenID client of the broker: code flow with PKCE, ``state``, ``nonce`` and ``iss`` checked.

Once the id_token has said who came the tokens are dropped: the pages of members need no more than that. Who needs them
says how they are kept.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

from auth import client_assertion
from auth.caller import ANONYMOUS, Caller
from auth.keys import KeyRing
from auth.openid import Attempt, Provider, SignInFailed

SCOPE = "openid profile"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MOST_ATTEMPTS = 5  # of one browser at a time, for several tabs


@dataclass(frozen=True)
class ClientSettings:
    """This process at its broker. ``callback`` is registered there; ``session`` in seconds."""

    issuer: str
    client_id: str
    callback: str
    session: int = 8 * 3600
    scope: str = SCOPE


class SignIn:
    """Keeps who is signed in, and which attempts are under way, in the browser's session.

    :param keys: the process's own, with which it proves itself (private_key_jwt).
    :param clock: epoch seconds.
    :param keep: what is kept of a token answer in the session.
    """

    def __init__(
        self,
        settings: ClientSettings,
        keys: KeyRing,
        clock: Callable[[], int] = lambda: int(time.time()),
        keep: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {},
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._keep = keep
        self._provider = Provider(settings.issuer, timeout=10.0)

    def caller(self, session: MutableMapping[str, Any]) -> Caller:
        """Who is signed in with this session."""
        if "sub" not in session or session["until"] <= self._clock():
            return ANONYMOUS
        return Caller(
            subject=session["sub"], issuer=self._settings.issuer, expires=session["until"], name=session["name"]
        )

    def begin(self, session: MutableMapping[str, Any], back: str, language: str) -> str:
        """Address of the broker's sign-in, which shall speak ``language``; afterwards the browser goes to ``back``.

        :raises SignInFailed: the broker does not answer.
        """
        attempt = Attempt.begin()
        parameters = attempt.parameters(self._settings.client_id, self._settings.callback, self._settings.scope)
        url = self._provider.authorization_url({**parameters, "ui_locales": language})
        under_way = [*session.get("attempts", []), {**asdict(attempt), "back": back}]
        session["attempts"] = under_way[-MOST_ATTEMPTS:]
        return url

    def finish(self, session: MutableMapping[str, Any], answer: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Data for the new session, and where the person wanted to go.

        :raises SignInFailed: not begun by this browser (row 52), or an answer that is not the broker's.
        """
        attempt, back = self._take(session, answer.get("state", ""))
        code = attempt.code(answer, self._settings.issuer)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.callback,
            "code_verifier": attempt.verifier,
            "client_assertion_type": ASSERTION,
            "client_assertion": self._assertion(),
        }
        given = self._provider.token(fields)
        claims = self._provider.identity(given, self._settings.client_id, attempt.nonce)
        name = claims.get("name")
        until = self._clock() + self._settings.session
        person = {"sub": claims["sub"], "name": name if isinstance(name, str) else claims["sub"], "until": until}
        return {**person, **self._keep(given)}, back

    def _take(self, session: MutableMapping[str, Any], state: str) -> tuple[Attempt, str]:
        """The attempt that an answer belongs to; it is good once."""
        under_way = session.get("attempts", [])
        for found in under_way:
            if secrets.compare_digest(found["state"].encode(), state.encode()):
                session["attempts"] = [other for other in under_way if other is not found]
                return Attempt(found["state"], found["nonce"], found["verifier"]), found["back"]
        raise SignInFailed("this sign-in was not begun in this browser, or was used already")

    def _assertion(self) -> str:
        """Who exchanges the code (RFC 7523)."""
        return client_assertion.make(
            self._settings.client_id, self._settings.issuer, self._keys.current(), self._clock()
        )
