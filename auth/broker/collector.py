"""Collecting a person's visas from the issuers, in parallel, each within a time limit.

An issuer that missed the limit is left out for a while, so that it delays nobody; the visas themselves are not judged
here (every clearinghouse verifies them), only that they are what was asked for: of that issuer and that subject.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog

from auth import client_assertion, jose
from auth.broker.settings import BrokerSettings, IssuerSettings
from auth.errors import InvalidToken, IssuerUnavailable
from auth.http import JsonGet
from auth.keys import KeyRing

log = structlog.get_logger(__name__)

MAX_ANSWER = 5 * 1024 * 1024  # bytes of one issuer's answer
MAX_VISAS = 1000  # of one issuer
MAX_VISA = 64 * 1024  # bytes


class Collector:
    """Asks the configured visa issuers.

    :param clock: epoch seconds.
    """

    def __init__(self, settings: BrokerSettings, keys: KeyRing, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._late: dict[str, float] = {}

    def collect(self, sub: str, audience: str | None) -> list[str]:
        """Visas of a person as compact JWS; for a token made for one member, only of issuers that member trusts.

        :param audience: the member's URL, or None for all issuers.
        """
        allowed = None if audience is None else self._settings.audiences.get(audience, ())
        asked = [issuer for issuer in self._settings.issuers if self._may_ask(issuer.issuer, allowed)]
        if not asked:
            return []
        found = asyncio.run(self._ask_all(asked, sub))
        return [visa for visas in found for visa in visas]

    def _may_ask(self, issuer: str, allowed: Collection[str] | None) -> bool:
        if allowed is not None and issuer not in allowed:
            return False
        with self._lock:
            return self._late.get(issuer, 0.0) <= self._clock()

    async def _ask_all(self, issuers: Sequence[IssuerSettings], sub: str) -> list[list[str]]:
        http = JsonGet(timeout=self._settings.lifetimes.visas)
        try:
            return await asyncio.gather(*(self._ask(http, issuer, sub) for issuer in issuers))
        finally:
            await http.close()

    async def _ask(self, http: JsonGet, issuer: IssuerSettings, sub: str) -> list[str]:
        url = issuer.visas_url + quote(sub, safe="")
        assertion = client_assertion.make(self._settings.public_url, issuer.issuer, self._keys.current(), self._clock())
        try:
            document = await http.get(url, max_bytes=MAX_ANSWER, headers={"Authorization": f"Bearer {assertion}"})
        except IssuerUnavailable as error:
            late = isinstance(error.__cause__, TimeoutError)
            if late:
                with self._lock:
                    self._late[issuer.issuer] = self._clock() + self._settings.lifetimes.late_issuer
            log.warning("visa_issuer_failed", issuer=issuer.issuer, late=late, reason=str(error))
            return []
        with self._lock:
            self._late.pop(issuer.issuer, None)
        return self._sift(issuer.issuer, sub, document)

    def _sift(self, issuer: str, sub: str, document: Mapping[str, Any]) -> list[str]:
        visas = document.get("ga4gh_passport_v1")
        if not isinstance(visas, list) or len(visas) > MAX_VISAS:
            log.warning("visa_issuer_failed", issuer=issuer, reason="not a list of visas")
            return []
        good = [visa for visa in visas if _is_of(visa, issuer, sub)]
        if len(good) < len(visas):
            log.warning("visas_left_out", issuer=issuer, count=len(visas) - len(good))
        return good


def _is_of(visa: object, issuer: str, sub: str) -> bool:
    if not isinstance(visa, str):
        return False
    try:
        claims = jose.unverified(visa, max_bytes=MAX_VISA).claims
    except InvalidToken:
        return False
    return claims.get("iss") == issuer and claims.get("sub") == sub
