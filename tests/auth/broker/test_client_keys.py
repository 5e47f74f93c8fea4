"""Keys of clients are fetched seldom and within bounds (row 18), whatever a stranger sends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from auth.broker.assertion import KEYS_STALE, ClientKeys
from auth.broker.clients import Client
from auth.broker.settings import ClientSettings
from tests.auth.broker.running import Member, serving
from tests.support import free_port


def _client(url: str) -> Client:
    return Client(ClientSettings(client_id="m", name="M", jwks_uri=url))


def test_unknown_keys_do_not_cause_a_flood_of_fetches() -> None:
    member, now = Member("m"), [0.0]
    with serving(member, member.port):
        keys = ClientKeys(clock=lambda: now[0])
        client = _client(f"{member.url}/.well-known/jwks.json")
        for number in range(20):
            assert keys.of(client, f"unknown {number}", "ES256").find(f"unknown {number}", "ES256") is None
        assert member.key_requests == 1
        now[0] = 6.0
        assert keys.of(client, member.key.kid, "ES256").find(member.key.kid, "ES256") is not None
        assert member.key_requests == 1
    now[0] = 400.0
    assert keys.of(client, member.key.kid, "ES256").find(member.key.kid, "ES256") is not None  # stale while down
    now[0] = KEYS_STALE + 1
    assert keys.of(client, member.key.kid, "ES256").find(member.key.kid, "ES256") is None


def test_answers_that_are_no_key_set() -> None:
    answers = {"big": b'{"keys": "' + b"x" * 600_000 + b'"}', "list": b"[]", "text": b"no"}
    port = free_port()

    def app(environ: dict[str, str], start_response: object) -> list[bytes]:
        start_response("200 OK", [])  # type: ignore[operator]
        return [answers[environ["PATH_INFO"].strip("/")]]

    with serving(app, port):
        for name in answers:
            keys = ClientKeys(timeout=2)
            assert keys.of(_client(f"http://127.0.0.1:{port}/{name}"), "k", "ES256").find("k", "ES256") is None
    assert ClientKeys().of(_client(f"http://127.0.0.1:{port}/down"), "k", "ES256").find("k", "ES256") is None


def test_requests_at_the_same_time_wait_for_one_fetch() -> None:
    """A gateway asks for two members' tokens at once: the second must not be refused because the first is fetching."""
    member, asked, go_on = Member("m"), threading.Event(), threading.Event()

    def slow(environ: dict[str, object], start_response: object) -> object:
        asked.set()
        assert go_on.wait(10)
        return member(environ, start_response)  # type: ignore[arg-type]

    with serving(slow, member.port), ThreadPoolExecutor(4) as threads:
        keys, client = ClientKeys(timeout=10), _client(f"{member.url}/.well-known/jwks.json")
        first = threads.submit(keys.of, client, member.key.kid, "ES256")
        assert asked.wait(10)
        others = [threads.submit(keys.of, client, member.key.kid, "ES256") for _ in range(3)]
        go_on.set()
        assert all(one.result(10).find(member.key.kid, "ES256") for one in (first, *others))
    assert member.key_requests == 1
