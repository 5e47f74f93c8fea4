"""Keys over HTTP: rows 6, 15, 18 of the attack table, against a real hostile server."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
from aiohttp import web

from auth.errors import IssuerUnavailable
from auth.http import JsonGet
from auth.jwks import FRESH, LIMIT, MAX_BYTES, PAUSE, Jwks
from auth.keyset import KeySet, SigningKey
from tests.auth.world import Answers, Clock

KEY, NEW = SigningKey.generate(), SigningKey.generate()
URL = "https://i.example/jwks"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def keys_of(*keys: SigningKey) -> dict[str, object]:
    return {"keys": [key.public_jwk() for key in keys]}


def jwks(answers: Answers, clock: Clock) -> Jwks:
    return Jwks(cast(JsonGet, answers), now=clock)


async def test_keys_are_fetched_once_while_fresh(clock: Clock) -> None:
    answers = Answers({URL: keys_of(KEY)})
    store = jwks(answers, clock)
    assert (await store.keys(URL, KEY.kid)).find(KEY.kid, "ES256")
    clock.seconds += FRESH - 1
    await asyncio.gather(*(store.keys(URL, KEY.kid) for _ in range(50)))
    assert len(answers.asked) == 1
    clock.seconds += 1
    await store.keys(URL, KEY.kid)
    assert len(answers.asked) == 2


async def test_ATTACKS_6_unknown_kids_cause_one_fetch_in_ten_seconds(clock: Clock) -> None:
    answers = Answers({URL: keys_of(KEY)})
    store = jwks(answers, clock)
    for number in range(500):
        assert (await store.keys(URL, f"k{number}")).find(f"k{number}", "ES256") is None
    assert len(answers.asked) == 1
    clock.seconds += PAUSE
    await asyncio.gather(*(store.keys(URL, f"k{number}") for number in range(50)))
    assert len(answers.asked) == 2


async def test_a_new_key_is_found_at_once_after_the_pause(clock: Clock) -> None:
    answers = Answers({URL: keys_of(KEY)})
    store = jwks(answers, clock)
    await store.keys(URL, KEY.kid)
    answers.answers[URL] = keys_of(KEY, NEW)
    clock.seconds += PAUSE
    assert (await store.keys(URL, NEW.kid)).find(NEW.kid, "ES256")


async def test_ATTACKS_18_a_removed_key_dies(clock: Clock) -> None:
    answers = Answers({URL: keys_of(KEY, NEW)})
    store = jwks(answers, clock)
    await store.keys(URL, KEY.kid)
    answers.answers[URL] = keys_of(NEW)
    clock.seconds += FRESH
    assert (await store.keys(URL, KEY.kid)).find(KEY.kid, "ES256") is None


async def test_ATTACKS_18_stale_keys_serve_while_the_issuer_fails_but_not_for_long(clock: Clock) -> None:
    answers = Answers({URL: keys_of(KEY)})
    store = jwks(answers, clock)
    await store.keys(URL, KEY.kid)
    answers.answers[URL] = IssuerUnavailable("down")
    clock.seconds += LIMIT - 1
    assert (await store.keys(URL, KEY.kid)).find(KEY.kid, "ES256")
    clock.seconds += 1
    with pytest.raises(IssuerUnavailable):
        await store.keys(URL, KEY.kid)


async def test_failures_are_not_repeated_at_once(clock: Clock) -> None:
    answers = Answers({})
    store = jwks(answers, clock)
    for _ in range(20):
        with pytest.raises(IssuerUnavailable):
            await store.keys(URL, "k")
    assert len(answers.asked) == 1


async def test_own_keys_are_read_not_fetched(clock: Clock) -> None:
    answers = Answers({})
    store = Jwks(cast(JsonGet, answers), {URL: lambda: KeySet.of(KEY)}, clock)
    assert (await store.keys(URL, KEY.kid)).find(KEY.kid, "ES256")
    assert answers.asked == []


class Hostile:
    """A server that answers as told and remembers which paths were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.base = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        handler: Handler = getattr(self, request.path.strip("/"))
        return await handler(request)

    async def good(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(keys_of(KEY))

    async def redirect(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{self.base}/good"})

    async def large(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": [], "pad": "x" * MAX_BYTES})

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" " * 65536)
        return response

    async def bomb(self, _request: web.Request) -> web.StreamResponse:
        body = gzip.compress(json.dumps({"keys": [], "pad": "x" * 5_000_000}).encode())
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async def labelled(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=json.dumps(keys_of(KEY)).encode(), headers={"Content-Encoding": "gzip"})

    async def slow(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"{")
            await asyncio.sleep(0.05)
        return response

    async def broken(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="no")

    async def html(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    async def twice(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text='{"keys": [], "keys": []}')

    async def array(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="[]")


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    server = Hostile()
    app = web.Application()
    app.router.add_get("/{path}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[JsonGet]:
    opened = JsonGet(timeout=0.5)
    yield opened
    await opened.close()


async def test_a_good_server_is_read(hostile: Hostile, http: JsonGet) -> None:
    store = Jwks(http)
    assert (await store.keys(f"{hostile.base}/good", KEY.kid)).find(KEY.kid, "ES256")


@pytest.mark.parametrize(
    "path", ["redirect", "large", "endless", "bomb", "labelled", "slow", "broken", "html", "twice", "array", "gone"]
)
async def test_ATTACKS_15_18_hostile_answers_give_no_keys(hostile: Hostile, http: JsonGet, path: str) -> None:
    url = f"{hostile.base}/{path}" if path != "gone" else "http://127.0.0.1:9/gone"
    with pytest.raises(IssuerUnavailable):
        await Jwks(http).keys(url, KEY.kid)
    assert "/good" not in hostile.asked
