"""Keys of clients are fetched seldom and within bounds (row 18), whatever a stranger sends."""

from __future__ import annotations

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
