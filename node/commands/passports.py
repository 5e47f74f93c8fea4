"""The Passports that a download presents: one that was given, or fresh ones for each node as long as it takes."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth.login import BrokerClient, Tokens

MARGIN = 60  # seconds before its end that a token is renewed
Passports = Callable[[str], list[str]]
"""The Passports to present to a node, named by its base URL."""


def none(_node: str) -> list[str]:
    """For open files."""
    return []


def given(passport: str) -> Passports:
    """One Passport for every node, or for the one that it was made for."""
    audience = _claims(passport).get("aud")
    meant = [audience] if isinstance(audience, str) else audience or []
    return lambda node: [passport] if not meant or node in meant else []


class Renewed:
    """Passports of a person who signed in, each good at one node alone and renewed before it ends.

    A node that the broker does not know gets none: nobody else shall be sent what opens files of others.
    """

    def __init__(self, broker: BrokerClient, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._broker = broker
        self._tokens = tokens
        self._ends = clock() + tokens.expires_in
        self._clock = clock
        self._kept: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def __call__(self, node: str) -> list[str]:
        """See :data:`Passports`.

        :raises auth.openid.SignInFailed: the broker gives no tokens any more.
        """
        with self._lock:
            kept = self._kept.get(node)
            if node not in self._kept or (kept is not None and _ends(kept) - MARGIN < self._clock()):
                kept = self._kept[node] = self._fresh(node)
            return [] if kept is None else [kept]

    def _fresh(self, node: str) -> str | None:
        from auth.login import SignInFailed

        if self._ends - MARGIN < self._clock() and self._tokens.refresh is not None:
            self._tokens = self._broker.refresh(self._tokens.refresh)
            self._ends = self._clock() + self._tokens.expires_in
        try:
            return self._broker.passport(self._tokens.access, node)
        except SignInFailed as error:
            if "invalid_target" in str(error):
                return None
            raise


def _ends(passport: str) -> float:
    return float(_claims(passport).get("exp", 0))


def _claims(token: str) -> dict[str, Any]:
    """What a JWT of one's own says; nothing is decided by it, so that its signature does not matter."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
