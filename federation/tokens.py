"""The caller's token stays here: each member gets one of its own, made by the broker (RFC 8693).

A token that reaches the gateway is good for the whole family; were it passed on, each member could use it at every
other. The broker exchanges it for one that is valid at one member, lives at most five minutes, and releases only the
visas of issuers which that member trusts (DESIGN section 2).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import anyio.to_thread
import structlog

from federation import bodies

log = structlog.get_logger(__name__)

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MARGIN_SECONDS = 15
MAX_ANSWER_BYTES = 65_536

Assert = Callable[[str, Mapping[str, Any]], str]
"""Signs a client assertion: (audience URL, further claims) to a JWT that lives at most 60 s."""


class TokenRefused(Exception):
    """The broker does not accept the caller's token: expired, revoked, or never its own."""


class ExchangeRefused(Exception):
    """The broker accepts the caller but makes no token for this member."""


class BrokerUnavailable(Exception):
    """The broker does not answer, or not sensibly: the question fails rather than being asked as nobody."""


class Exchange(Protocol):
    """Turns a caller's token into one for a member."""

    async def __call__(self, token: str, audience: str) -> tuple[str, int]:
        """Return the member's token and its expiry in epoch seconds."""
        ...


@dataclass(frozen=True)
class BrokerExchange:
    """Token exchange at a broker, authenticated by ``private_key_jwt`` (RFC 7523).

    :param token_url: the broker's token endpoint; also the audience of the client assertion.
    :param assertion: signs as the gateway's client id.
    :param timeout: seconds the broker may take.
    """

    token_url: str
    assertion: Assert
    timeout: float

    async def __call__(self, token: str, audience: str) -> tuple[str, int]:
        """Exchange ``token`` for one with ``audience``.

        :raises TokenRefused: the token is not good.
        :raises ExchangeRefused: no token for this audience.
        :raises BrokerUnavailable: no sensible answer.
        """
        assertion = await anyio.to_thread.run_sync(self.assertion, self.token_url, {})
        form = {
            "grant_type": GRANT,
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            "audience": audience,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion,
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout)) as session,
                session.post(self.token_url, data=form, allow_redirects=False) as response,
            ):
                return _granted(response.status, await bodies.read(response, MAX_ANSWER_BYTES))
        except (bodies.TooLarge, bodies.NotJson) as error:
            raise BrokerUnavailable(f"the broker does not speak OAuth: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BrokerUnavailable(f"the broker cannot be reached: {type(error).__name__}") from error


def _granted(status: int, answer: Any) -> tuple[str, int]:
    """Read a token answer (RFC 6749 section 5, RFC 8693 section 2.2)."""
    if not isinstance(answer, dict):
        raise BrokerUnavailable(f"the broker's answer (HTTP {status}) is not an object")
    if status == 200:
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise BrokerUnavailable("the broker's answer has no access_token or no expires_in")
        return token, int(time.time()) + lifetime
    error_code = answer.get("error")
    if error_code in ("invalid_target", "unauthorized_client", "access_denied"):
        raise ExchangeRefused(f"the broker makes no token for this member: {error_code}")
    if error_code in ("invalid_grant", "invalid_request", "invalid_token", "invalid_scope"):
        raise TokenRefused("the access token is expired, revoked or not of this family's broker")
    log.error("broker_refused_gateway", status=status, error=str(error_code)[:60])
    raise BrokerUnavailable(f"the broker refuses the gateway (HTTP {status})")


class Tokens:
    """Exchanged tokens, kept until shortly before they expire; at most ``capacity`` of them.

    The key is a hash: the caller's token itself is not kept.
    """

    def __init__(self, exchange: Exchange, capacity: int, clock: Callable[[], float] = time.time) -> None:
        self._exchange = exchange
        self._capacity = capacity
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[str, int]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[str]] = {}

    async def for_member(self, token: str, audience: str) -> str:
        """The token that stands for ``token`` at the member whose public URL is ``audience``.

        Concurrent questions share one exchange.

        :raises TokenRefused: see :class:`BrokerExchange`; likewise ``ExchangeRefused`` and ``BrokerUnavailable``.
        """
        key = hashlib.sha256(f"{audience}\n{token}".encode()).digest()
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept[1] - MARGIN_SECONDS:
            self._kept.move_to_end(key)
            return kept[0]
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._renew(key, token, audience))
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def for_members(self, token: str | None, audiences: Mapping[str, str]) -> dict[str, str | ExchangeRefused]:
        """Tokens by node id for ``audiences`` (node id to public URL); empty for a caller without a token.

        A member for which none is made has the refusal in its place.

        :raises TokenRefused: the caller's token is not good anywhere.
        :raises BrokerUnavailable: the broker does not answer.
        """
        if token is None:
            return {}
        outcomes = await asyncio.gather(
            *(self.for_member(token, audience) for audience in audiences.values()), return_exceptions=True
        )
        return dict(zip(audiences, _tolerated(outcomes), strict=True))

    def _ended(self, key: bytes, task: asyncio.Task[str]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at, because every question that waited for it may be gone

    async def _renew(self, key: bytes, token: str, audience: str) -> str:
        made, expires = await self._exchange(token, audience)
        self._kept[key] = (made, expires)
        self._kept.move_to_end(key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return made


def _tolerated(outcomes: Sequence[str | BaseException]) -> list[str | ExchangeRefused]:
    """Refusals of single members pass; anything else fails the question."""
    tolerated: list[str | ExchangeRefused] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ExchangeRefused):
            raise outcome
        tolerated.append(outcome)
    return tolerated
