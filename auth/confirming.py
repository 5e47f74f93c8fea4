"""Visa access tokens (AAI-04, deprecated): believed for an hour, then only while their issuer confirms them.

They are verified only, never issued. A confirmation is a UserInfo answer of the issuer for that token; it is asked for
at most once an hour, after a failure again with a growing, jittered pause, and never again once the issuer refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from auth.errors import IssuerUnavailable
from auth.http import HttpStatus, JsonGet

log = structlog.get_logger(__name__)

PERIOD = 3600
"""Seconds that a visa access token is believed after ``iat``, and after each confirmation."""

FIRST_PAUSE = 60
"""Seconds after the first failure; doubled with each further one up to :data:`PERIOD`, less up to a half by chance."""

MAX_ANSWER = 64 * 1024
MAX_HELD = 4096
_RETRYABLE = frozenset({408, 425, 429, *range(500, 600)})


@dataclass(slots=True)
class _Poll:
    confirmed: int | None = None
    next: int = 0
    failures: int = 0
    refused: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Confirmations:
    """What issuers said of their visa access tokens, by SHA-256 of the token.

    :param now: clock in epoch seconds.
    """

    def __init__(self, http: JsonGet, now: Callable[[], int], chance: Callable[[], float] = random.random) -> None:
        self._http = http
        self._now = now
        self._chance = chance
        self._polls: OrderedDict[bytes, _Poll] = OrderedDict()

    async def believed(self, token: str, subject: str, issued: int, userinfo: str) -> bool:
        """Is a verified visa access token younger than an hour, or confirmed within the last one?

        :param issued: its ``iat``, epoch seconds.
        :param userinfo: UserInfo of its own issuer, to which alone it is sent (CLH-07).
        """
        if self._now() - issued < PERIOD:
            return True
        poll = self._polls.setdefault(hashlib.sha256(token.encode()).digest(), _Poll())
        while len(self._polls) > MAX_HELD:
            self._polls.popitem(last=False)
        async with poll.turn:
            if not poll.refused and self._now() >= poll.next:
                await self._ask(poll, token, subject, userinfo)
        return poll.confirmed is not None and self._now() - poll.confirmed < PERIOD

    async def _ask(self, poll: _Poll, token: str, subject: str, userinfo: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            said = await self._http.get(userinfo, max_bytes=MAX_ANSWER, headers=headers)
        except IssuerUnavailable as error:
            self._failed(poll, error)
            return
        if said.get("sub") != subject:
            poll.refused, poll.confirmed = True, None
            return
        poll.confirmed, poll.failures = self._now(), 0
        poll.next = poll.confirmed + PERIOD

    def _failed(self, poll: _Poll, error: IssuerUnavailable) -> None:
        log.info("visa_not_confirmed", reason=str(error))
        if isinstance(error, HttpStatus) and error.status not in _RETRYABLE:
            poll.refused, poll.confirmed = True, None
            return
        pause = min(PERIOD, FIRST_PAUSE * 2**poll.failures)
        poll.failures += 1
        poll.next = self._now() + int(pause * (1 - self._chance() / 2))
