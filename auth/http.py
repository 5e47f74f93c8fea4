"""Small, bounded GETs from configured URLs: keys and status lists of issuers, UserInfo of brokers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from auth import strictjson
from auth.errors import IssuerUnavailable

TIMEOUT = 5.0
"""Seconds for a whole exchange, so that a slow answer cannot hold a request."""


class JsonGet:
    """One HTTP session without redirects, cookies, proxies or decompression.

    :param timeout: seconds for a whole exchange.
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at ``url``.

        :raises HttpStatus: any status but 200.
        :raises IssuerUnavailable: no answer in time, too large, compressed or not a JSON object.
        """
        content = await self._content(url, max_bytes, {"Accept": "application/json", **(headers or {})})
        try:
            return strictjson.loads(content)
        except strictjson.InvalidJson as error:
            raise IssuerUnavailable(f"no usable answer from {url}: {type(error).__name__}") from error

    async def text(self, url: str, *, max_bytes: int) -> str:
        """The text at ``url``, such as a signed list.

        :raises HttpStatus: any status but 200.
        :raises IssuerUnavailable: no answer in time, too large, compressed or not ASCII.
        """
        content = await self._content(url, max_bytes, {"Accept": "application/jwt"})
        if not content.isascii():
            raise IssuerUnavailable(f"no usable answer from {url}: not ASCII")
        return content.decode()

    async def _content(self, url: str, max_bytes: int, headers: Mapping[str, str]) -> bytes:
        sent = {"Accept-Encoding": "identity", **headers}
        try:
            async with self._opened().get(url, headers=sent, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise HttpStatus(answer.status)
                return await _body(answer, max_bytes)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise IssuerUnavailable(f"no usable answer from {url}: {type(error).__name__}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


class HttpStatus(IssuerUnavailable):
    """The answer has another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the issuer answered with status {status}")
        self.status = status


async def _body(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise IssuerUnavailable("the issuer's answer is compressed although that was not asked for")
    content = bytearray()
    async for chunk in answer.content.iter_chunked(16384):
        content += chunk
        if len(content) > max_bytes:
            raise IssuerUnavailable(f"the issuer's answer is longer than {max_bytes} bytes")
    return bytes(content)
