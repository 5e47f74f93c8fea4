"""Keys asked for by several requests at once: whoever needs them waits for the one fetch that is under way."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keyset import SigningKey

KEY = SigningKey.generate()
URL = "https://i.example/jwks"


class Slow:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()

    async def get(self, _url: str, **_options: Any) -> dict[str, object]:
        self.asked += 1
        await self.go_on.wait()
        return {"keys": [KEY.public_jwk()]}


async def test_first_requests_at_the_same_time_wait_for_one_fetch() -> None:
    server = Slow()
    store = Jwks(cast(JsonGet, server), now=lambda: 1000)
    waiting = [asyncio.create_task(store.keys(URL, KEY.kid)) for _ in range(5)]
    while not server.asked:
        await asyncio.sleep(0)
    server.go_on.set()
    found = await asyncio.gather(*waiting)
    assert all(keys.find(KEY.kid, "ES256") for keys in found)
    assert server.asked == 1
