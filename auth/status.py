"""Status lists of foreign visa issuers: which of their grants ended before their visas (DESIGN section 2).

A list is signed and lives a minute. It is asked for every twenty seconds, each issuer on its own; while an issuer has
no list in force, none of its visas counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from auth import jose
from auth.errors import InvalidToken, IssuerUnavailable
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keys import clock
from auth.trust import TrustEntry
from auth.visas import MAX_STATUS, Status, read_status

log = structlog.get_logger(__name__)

POLL = 20
"""Seconds between two questions: a revocation reaches everyone who polls well within a minute."""


@dataclass(frozen=True, slots=True)
class _Source:
    url: str
    jwks_uri: str


class StatusLists:
    """The lists of every trusted issuer that publishes one.

    :param entries: whom this node trusts; those without ``status`` are not asked.
    :param now: clock in epoch seconds.
    """

    def __init__(
        self, entries: Iterable[TrustEntry], jwks: Jwks, http: JsonGet, now: Callable[[], int] = clock
    ) -> None:
        self._sources: Mapping[str, _Source] = {
            entry.issuer: _Source(entry.status, entry.jwks_uri) for entry in entries if entry.status
        }
        self._jwks = jwks
        self._http = http
        self._now = now
        self._lists: dict[str, Status] = {}

    def stands(self, issuer: str, jti: str | None) -> bool:
        """Does a visa of a foreign issuer still count?

        One without a list is bounded by the ``exp`` of its visas; of one with a list, a visa without ``jti`` cannot be
        looked up and does not count.
        """
        if issuer not in self._sources:
            return True
        held = self._lists.get(issuer)
        return held is not None and held.expires > self._now() and bool(jti) and jti not in held.revoked

    async def refresh(self) -> None:
        """Ask every issuer once, side by side."""
        await asyncio.gather(*(self._ask(issuer) for issuer in self._sources))

    async def run(self) -> None:
        """Ask again and again until cancelled; a slow issuer delays no other."""
        await asyncio.gather(*(self._follow(issuer) for issuer in self._sources))

    async def _follow(self, issuer: str) -> None:
        while True:
            await self._ask(issuer)
            await asyncio.sleep(POLL)

    async def _ask(self, issuer: str) -> None:
        """Take a list that is newer than the one held; a replayed older one is left out."""
        source = self._sources[issuer]
        try:
            token = await self._http.text(source.url, max_bytes=MAX_STATUS)
            kid = str(jose.unverified(token, max_bytes=MAX_STATUS).header["kid"])
            keys = await self._jwks.keys(source.jwks_uri, kid)
            status = read_status(token, issuer, keys, self._now())
        except (InvalidToken, IssuerUnavailable) as error:
            log.warning("status_list_unavailable", issuer=issuer, reason=str(error))
            return
        held = self._lists.get(issuer)
        if held is None or status.issued >= held.issued:
            self._lists[issuer] = status
