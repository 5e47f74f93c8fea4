"""Our own OpenID clients against a provider that lies (rows 51 and 53)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from auth import jose
from auth.keyset import SigningKey
from auth.openid import Attempt, Provider, SignInFailed, half_hash
from tests.auth.broker.running import Browser, serving
from tests.support import free_port

ACCESS_TOKEN = "an-access-token"


class Liar:
    """An OpenID provider whose documents a test can change."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = SigningKey.generate()
        self.metadata: Any = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", "token_endpoint": f"{self.url}/token"}
        self.token: Any = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        documents = {"/jwks": {"keys": [self.key.public_jwk()]}, "/token": self.token}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(documents.get(environ["PATH_INFO"], self.metadata)).encode()]

    def id_token(self, key: SigningKey | None = None, typ: str = "JWT", **changes: Any) -> str:
        """An id_token for the client ``me`` and the nonce ``n``; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "s", "aud": "me", "iat": now, "exp": now + 60, "nonce": "n", **changes}
        return jose.sign({name: value for name, value in claims.items() if value is not None}, key or self.key, typ=typ)


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    """The provider on a socket."""
    provider = Liar()
    with serving(provider, provider.port):
        yield provider


@pytest.mark.parametrize("changes", [{}, {"aud": ["me"]}, {"azp": "me"}, {"at_hash": half_hash(ACCESS_TOKEN)}])
def test_row_53_good_id_tokens(liar: Liar, changes: dict[str, Any]) -> None:
    answer = {"access_token": ACCESS_TOKEN, "id_token": liar.id_token(**changes)}
    assert Provider(liar.url).identity(answer, "me", "n")["sub"] == "s"


LIES: dict[str, dict[str, Any]] = {
    "other iss": {"iss": "https://evil.example"},
    "iss with slash": {"iss": "/"},
    "other aud": {"aud": "you"},
    "more aud": {"aud": ["me", "you"]},
    "no aud": {"aud": None},
    "other azp": {"azp": "you"},
    "other nonce": {"nonce": "replayed"},
    "no nonce": {"nonce": None},
    "other at_hash": {"at_hash": half_hash("another")},
    "at_hash no text": {"at_hash": 7},
    "expired": {"exp": 1},
    "no exp": {"exp": None},
    "future": {"iat": 10**10},
    "no sub": {"sub": None},
    "sub no text": {"sub": 7},
    "access token": {"typ": "at+jwt"},
    "other key": {"key": SigningKey.generate()},
}


@pytest.mark.parametrize("case", LIES)
def test_row_53_lies_are_refused(liar: Liar, case: str) -> None:
    changes = {name: liar.url + "/" if value == "/" else value for name, value in LIES[case].items()}
    answer = {"access_token": ACCESS_TOKEN, "id_token": liar.id_token(**changes)}
    with pytest.raises(SignInFailed):
        Provider(liar.url).identity(answer, "me", "n")


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.", None, 7])
def test_row_53_no_id_token(liar: Liar, token: Any) -> None:
    with pytest.raises(SignInFailed):
        Provider(liar.url).identity({"access_token": ACCESS_TOKEN, "id_token": token}, "me", "n")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"code": "c"},
        {"code": "c", "state": "STATE"},
        {"code": "c", "state": "STATE", "iss": "https://evil.example"},
        {"code": "c", "state": "other", "iss": "ISSUER"},
        {"state": "STATE", "iss": "ISSUER"},
        {"code": "c", "error": "access_denied", "state": "STATE", "iss": "ISSUER"},
    ],
)
def test_row_51_mixed_up_answers(answer: dict[str, str]) -> None:
    attempt = Attempt.begin()
    given = {name: value.replace("STATE", attempt.state) for name, value in answer.items()}
    with pytest.raises(SignInFailed):
        attempt.code(given, "ISSUER")


EVIL = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}


@pytest.mark.parametrize("metadata", [EVIL, {**EVIL, "issuer": None}, {}, [], "x"])
def test_discovery_of_another_issuer(liar: Liar, metadata: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liar, "metadata", metadata)
    with pytest.raises(SignInFailed):
        Provider(liar.url).endpoint("token_endpoint")


@pytest.mark.parametrize("token", [{}, [], {"error": "invalid_grant"}, {"access_token": 7}])
def test_token_answers_that_are_none(liar: Liar, token: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liar, "token", token)
    with pytest.raises(SignInFailed):
        Provider(liar.url).token({"grant_type": "x"})


@pytest.mark.parametrize("scheme", ["DPoP", "Basic", "bearer x", ""])
def test_row_56_tokens_are_taken_as_bearer_only(browser: Browser, scheme: str) -> None:
    token = browser.tokens()["access_token"]
    headers = {"Authorization": f"{scheme} {token}".strip()}
    assert requests.get(f"{browser.broker.url}/userinfo", headers=headers, timeout=30).status_code == 401
