"""Bodies of answers, bounded while they arrive: a node may not fill the gateway's memory."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

CHUNK = 65_536
COMPLAINT_BYTES = 4096


class TooLarge(Exception):
    """An answer is longer than may be read."""


class NotJson(Exception):
    """An answer is not a JSON object or array."""


async def complaint(response: aiohttp.ClientResponse) -> str:
    """What an error answer says in one of the standards' shapes, at most 200 printable characters of it."""
    try:
        body = await read(response, COMPLAINT_BYTES)
    except (TooLarge, NotJson):
        return ""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    inner = error.get("errorMessage") if isinstance(error, dict) else None
    said = inner or body.get("detail") or body.get("msg")
    return "".join(character for character in said if character.isprintable())[:200] if isinstance(said, str) else ""


async def read(response: aiohttp.ClientResponse, limit: int) -> Any:
    """Read at most ``limit`` bytes of JSON.

    :raises TooLarge: as soon as the limit is passed, announced or not.
    :raises NotJson: for anything but an object or an array.
    """
    if (response.content_length or 0) > limit:
        raise TooLarge(f"the answer is larger than {limit} bytes")
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > limit:
            raise TooLarge(f"the answer is larger than {limit} bytes")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise NotJson("the answer is not JSON") from error
    if not isinstance(body, dict | list):
        raise NotJson("the answer is neither an object nor an array")
    return body
