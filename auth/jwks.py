"""Keys of trusted issuers: fetched from their configured URL only, cached, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio.to_thread

from auth.errors import InvalidToken, IssuerUnavailable
from auth.http import JsonGet
from auth.keys import clock
from auth.keyset import KeySet

MAX_BYTES = 512 * 1024
FRESH = 60
"""Seconds for which keys are used without asking again."""

LIMIT = 300
"""Seconds for which keys are used at most while their issuer does not answer: a removed key dies by then."""

PAUSE = 10
"""Seconds between two fetches that an unknown ``kid`` or a failure causes."""


@dataclass(slots=True)
class _Entry:
    keys: KeySet | None = None
    fetched: int = -LIMIT
    tried: int = -LIMIT
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Jwks:
    """Key sets by URL.

    :param http: how they are fetched.
    :param own: key sets of this process by URL; these are read, not fetched.
    :param now: clock in epoch seconds.
    """

    def __init__(
        self,
        http: JsonGet,
        own: Mapping[str, Callable[[], KeySet]] | None = None,
        now: Callable[[], int] = clock,
    ) -> None:
        self._http = http
        self._own = own or {}
        self._now = now
        self._entries: dict[str, _Entry] = {}

    async def keys(self, url: str, kid: str) -> KeySet:
        """The keys at ``url``, a URL of the configuration; an unknown ``kid`` causes one fetch in ten seconds.

        :raises IssuerUnavailable: no keys can be had.
        """
        if url in self._own:
            return await anyio.to_thread.run_sync(self._own[url])
        entry = self._entries.setdefault(url, _Entry())
        unknown = entry.keys is None or kid not in entry.keys.keys
        if self._wants_fetch(entry, kid) or (
            unknown and entry.lock.locked()
        ):  # who needs it waits for a fetch under way
            async with entry.lock:
                if self._wants_fetch(entry, kid):
                    await self._fetch(entry, url)
        if entry.keys is None or self._now() - entry.fetched >= LIMIT:
            raise IssuerUnavailable(f"the keys at {url} cannot be had now")
        return entry.keys

    def _wants_fetch(self, entry: _Entry, kid: str) -> bool:
        now = self._now()
        if now - entry.tried < PAUSE:
            return False
        return entry.keys is None or now - entry.fetched >= FRESH or kid not in entry.keys.keys

    async def _fetch(self, entry: _Entry, url: str) -> None:
        entry.tried = self._now()
        try:
            entry.keys = KeySet.load(await self._http.get(url, max_bytes=MAX_BYTES))
        except InvalidToken as error:
            raise IssuerUnavailable(str(error)) from error
        except IssuerUnavailable:
            if entry.keys is None:
                raise
            return
        entry.fetched = self._now()
