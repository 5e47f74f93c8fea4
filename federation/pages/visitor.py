"""Who looks at the pages, and the access token with which the gateway asks for them.

The token stays on the server, sealed in the session; the browser has the session's id and nothing else. It is not
renewed: when it has ended the browser is led through the broker again, which asks nothing while its own session lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import session

from auth.caller import Caller
from auth.sealing import Seal, SealBroken
from auth.sign_in import SignIn

SCOPE = "openid profile ga4gh_passport_v1"
NAME = "page session"
MARGIN = 20  # seconds before its end that a token is not used any more
YOUNG = 30  # seconds in which a refused token is not followed by another sign-in


class SignInEnded(Exception):
    """The person was signed in and is no more; going through the broker again helps."""


class KeptToken:
    """The access token of a signed-in person, in the session.

    :param clock: epoch seconds.
    """

    def __init__(self, seal: Seal, clock: Callable[[], int] = lambda: int(time.time())) -> None:
        self._seal = seal
        self._clock = clock

    def keep(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """What of a token answer is kept in the session (``auth.sign_in.SignIn``)."""
        now = self._clock()
        closed = self._seal.close(NAME, {"access": answer["access_token"]})
        return {"token": closed, "token_since": now, "token_until": now + int(answer.get("expires_in", 0))}

    def of_session(self) -> str:
        """The token of this session.

        :raises SignInEnded: it has ended, or cannot be opened any more.
        """
        if self._clock() >= session.get("token_until", 0) - MARGIN:
            raise SignInEnded
        try:
            return str(self._seal.open(NAME, session["token"])["access"])
        except SealBroken as error:
            raise SignInEnded from error

    def is_young(self) -> bool:
        """Whether the token was given just now: if it is refused, another would be too."""
        return self._clock() - int(session.get("token_since", 0)) < YOUNG


class Visitor:
    """The person of this request."""

    def __init__(self, sign_in: SignIn, kept: KeptToken) -> None:
        self.sign_in = sign_in
        self.kept = kept

    def caller(self) -> Caller:
        """Who is signed in."""
        return self.sign_in.caller(session)

    def token(self) -> str | None:
        """With which the members are asked, None as nobody in particular.

        :raises SignInEnded: see :class:`KeptToken`.
        """
        if self.caller().subject is None:
            return None
        return self.kept.of_session()
