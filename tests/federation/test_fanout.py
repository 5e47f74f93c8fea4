"""Nodes that are slow, large, lying or gone: each is told by its status, and none delays or fills the gateway."""

from __future__ import annotations

import asyncio
import gzip
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from federation.breaker import Breaker
from federation.fanout import Ask, Fanout, Status
from federation.refreshing import Refreshing
from federation.settings import Limits
from tests.federation import servers
from tests.federation.servers import Talk, answer, talking

GOOD = answer(b'{"ok": true}')


@pytest.fixture
async def fanout() -> AsyncIterator[Fanout]:
    made = Fanout(Limits(answer_bytes=1_000_000))
    yield made
    await made.close()


CASES: list[tuple[str, Talk, Status]] = [
    ("good", GOOD, Status.ANSWERED),
    ("a media type of its own", answer(b"[]", "application/problem+json"), Status.ANSWERED),
    ("failing", answer(b"{}", status="500 Internal Server Error"), Status.UNREACHABLE),
    ("overloaded", answer(b"{}", status="503 Service Unavailable"), Status.UNREACHABLE),
    ("slamming", servers.slam, Status.UNREACHABLE),
    ("forbidding", answer(b"{}", status="403 Forbidden"), Status.REFUSED),
    ("asking for a token", answer(b"{}", status="401 Unauthorized"), Status.REFUSED),
    ("not understanding", answer(b"{}", status="400 Bad Request"), Status.CANNOT_ANSWER),
    ("without this path", answer(b"{}", status="404 Not Found"), Status.CANNOT_ANSWER),
    ("without this method", answer(b"{}", status="501 Not Implemented"), Status.CANNOT_ANSWER),
    ("garbage", answer(b"\x00\xff\x13"), Status.INVALID),
    ("not HTTP", answer(b"", status="nonsense"), Status.UNREACHABLE),
    ("cut off", answer(b'{"ok": '), Status.INVALID),
    ("a bare number", answer(b"17"), Status.INVALID),
    ("HTML", answer(b"<html></html>", "text/html"), Status.INVALID),
    ("large and saying so", answer(b'"' + b"x" * 1_000_001 + b'"'), Status.INVALID),
    ("100 MB without saying so", servers.flood, Status.INVALID),
    ("compressed", answer(gzip.compress(b"[]"), extra="Content-Encoding: gzip\r\n"), Status.INVALID),
    ("deeply nested", answer(b"[" * 100_000 + b"]" * 100_000), Status.INVALID),
    ("redirecting inward", answer(b"", status="302 Found", extra="Location: http://127.0.0.1:1/\r\n"), Status.INVALID),
    ("redirecting for ever", answer(b"", status="308 Permanent Redirect", extra="Location: /\r\n"), Status.INVALID),
]


async def test_every_node_is_told_by_its_status(fanout: Fanout) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with AsyncExitStack() as stack:
        asks = {name: Ask(await stack.enter_async_context(talking(talk)) + "/x", {}) for name, talk, _ in CASES}
        asks["nobody there"] = Ask("http://127.0.0.1:1/x")
        replies = await fanout.ask(asks, deadline=60)
    assert {name: replies[name].status for name, _, _ in CASES} == {name: status for name, _, status in CASES}
    assert replies["nobody there"].status is Status.UNREACHABLE
    assert replies["good"].body == {"ok": True}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000, "the flood must not be kept (kB)"


async def test_nodes_that_never_end_are_told_at_the_deadline(fanout: Fanout) -> None:
    async with talking(servers.hang) as hung, talking(servers.drip) as dripping:
        asks = {"hung": Ask(hung + "/x", {}), "dripping": Ask(dripping + "/x", {})}
        replies = await asyncio.wait_for(fanout.ask(asks, deadline=0.5), 30)
    assert {name: reply.status for name, reply in replies.items()} == dict.fromkeys(asks, Status.TIMED_OUT)


async def test_a_redirect_is_not_followed(fanout: Fanout) -> None:
    reached = asyncio.Event()

    async def inner(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with talking(inner) as secret:
        redirect = answer(b"", status="307 Temporary Redirect", extra=f"Location: {secret}/admin\r\n")
        async with talking(redirect) as node:
            reply = (await fanout.ask({"n": Ask(node)}, 2))["n"]
    assert reply.status is Status.INVALID
    assert not reached.is_set()


async def test_cookies_of_a_node_are_not_kept(fanout: Fanout) -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(b"[]", extra="Set-Cookie: a=b; Path=/\r\n")(reader, writer)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    for _ in range(2):
        await fanout.ask({"n": Ask(servers.url(server.sockets[0]))}, 2)
    server.close()
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_sockets_of_late_nodes_are_closed_with_the_answer(fanout: Fanout) -> None:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        ended.set()

    async with talking(talk) as node:
        assert (await fanout.ask({"n": Ask(node)}, 0.05))["n"].status is Status.TIMED_OUT
        await asyncio.wait_for(ended.wait(), 2)


async def test_a_node_that_keeps_failing_is_left_alone_then_tried_once() -> None:
    asked = 0
    well = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await (GOOD if well else answer(b"{}", status="500 Oh"))(reader, writer)

    now = 0.0
    fanout = Fanout(Limits(failures_to_open=3, open_seconds=10))
    fanout._breaker = Breaker(3, 10, lambda: now)
    async with talking(talk) as node:
        for _ in range(5):
            reply = (await fanout.ask({"n": Ask(node)}, 2))["n"]
        assert asked == 3
        assert reply.status is Status.UNREACHABLE
        assert "left alone" in reply.detail
        now, well = 10.5, True
        assert (await fanout.ask({"n": Ask(node)}, 2))["n"].status is Status.ANSWERED
        assert (await fanout.ask({"n": Ask(node)}, 2))["n"].status is Status.ANSWERED
    await fanout.close()


def test_one_trial_at_a_time_through_an_open_circuit() -> None:
    now = 0.0
    breaker = Breaker(2, 10, lambda: now)
    breaker.failed("n")
    assert breaker.allows("n")
    breaker.failed("n")
    assert not breaker.allows("n")
    now = 10.0
    assert breaker.allows("n")
    assert not breaker.allows("n"), "the second one waits for the outcome of the first"
    breaker.failed("n")
    assert not breaker.allows("n")
    now = 20.1
    assert breaker.allows("n")
    breaker.worked("n")
    assert breaker.allows("n")
    assert breaker.allows("n")


async def test_refusals_and_unknown_filters_do_not_open_a_circuit(fanout: Fanout) -> None:
    async with talking(answer(b"{}", status="400 Bad Request")) as node:
        replies = [(await fanout.ask({"n": Ask(node)}, 2))["n"] for _ in range(8)]
    assert {reply.status for reply in replies} == {Status.CANNOT_ANSWER}


async def test_what_a_node_says_of_its_refusal_is_passed_on_shortened(fanout: Fanout) -> None:
    said = {
        b'{"detail": "filters: BAD is not known"}': "HTTP 400: filters: BAD is not known",
        b'{"error": {"errorCode": 400, "errorMessage": "no such filter"}}': "HTTP 400: no such filter",
        b'{"detail": "a\\u0007b\\n' + b"x" * 900 + b'"}': "HTTP 400: ab" + "x" * 198,
        b"<p>": "HTTP 400",
        b"[]": "HTTP 400",
        b'{"detail": ["x"]}': "HTTP 400",
        b'{"detail": "' + b"x" * 9000 + b'"}': "HTTP 400",
    }
    for body, expected in said.items():
        async with talking(answer(body, status="400 Bad Request")) as node:
            assert (await fanout.ask({"n": Ask(node)}, 2))["n"].detail == expected


async def test_only_the_first_question_waits_for_a_look() -> None:
    looks = 0
    go = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        await go.wait()

    refreshing = Refreshing(look)
    first = [asyncio.create_task(refreshing.ready(True)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in first)
    go.set()
    await asyncio.gather(*first)
    assert looks == 1, "askers share one look"
    go.clear()
    await asyncio.wait_for(refreshing.ready(True), 1)
    await asyncio.wait_for(refreshing.ready(True), 1)
    await asyncio.sleep(0)
    assert looks == 2
    await refreshing.stop()
