"""Tokens bound to a key or certificate are neither made nor accepted (rows 56, 57); answers that nobody keeps (61)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from auth import jose
from tests.auth.broker.running import CLI, DEVICE, WEB, Browser, Member, Running, answer_of
from tests.auth.broker.test_tokens import exchange

Members = tuple[Member, Member]

BINDINGS: dict[str, dict[str, str]] = {
    "56 jkt": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
    "57 x5t#S256": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
}


@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
@pytest.mark.parametrize("binding", BINDINGS.values(), ids=BINDINGS.keys())
def test_row_56_57_a_bound_token_of_our_own_key_is_no_bearer_token(
    browser: Browser, binding: dict[str, str], scheme: str
) -> None:
    """Even if the broker's key signed it and its id is in force."""
    broker, tokens = browser.broker, browser.tokens()
    claims = broker.claims(tokens["access_token"])
    bound = jose.sign({**claims, "cnf": binding}, broker.keys.current(), typ="at+jwt")
    for token, status in ((tokens["access_token"], 200 if scheme == "Bearer" else 401), (bound, 401)):
        headers = {"Authorization": f"{scheme} {token}"}
        assert requests.get(f"{broker.url}/userinfo", headers=headers, timeout=30).status_code == status
    assert exchange(broker, bound).json()["error"] == "invalid_request"


PROOF = {"DPoP": "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.AA"}


def test_row_56_who_asks_for_a_bound_token_gets_none_that_is_not(browser: Browser) -> None:
    code = browser.code()["code"]
    fields = {"grant_type": "authorization_code", "client_id": "cli", "code": code, "redirect_uri": CLI}
    asked = requests.post(
        f"{browser.broker.url}/token",
        data={**fields, "code_verifier": browser.verifier},
        headers=PROOF,
        timeout=30,
    )
    assert (asked.status_code, asked.json()["error"]) == (400, "invalid_request")
    assert browser.redeem(code).json()["token_type"] == "Bearer"
    answer = answer_of(browser.authorize(dpop_jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"))
    assert answer["error"] == "invalid_request"


SPOOFED = [
    {"X-Client-Cert": "-----BEGIN CERTIFICATE-----"},
    {"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-S-DN": "CN=web"},
    {"X-Forwarded-Client-Cert": "By=spiffe://web;Hash=00"},
    {"Client-Cert": ":MIIB:"},
]


@pytest.mark.parametrize("headers", SPOOFED, ids=lambda headers: next(iter(headers)))
def test_row_57_a_certificate_in_a_header_authenticates_nobody(browser: Browser, headers: dict[str, str]) -> None:
    code = browser.code(client_id="web", redirect_uri=WEB)["code"]
    fields = {"grant_type": "authorization_code", "client_id": "web", "code": code, "redirect_uri": WEB}
    answer = requests.post(
        f"{browser.broker.url}/token",
        data={**fields, "code_verifier": browser.verifier},
        headers=headers,
        timeout=30,
    )
    assert answer.json()["error"] == "invalid_client"


def test_row_57_no_binding_is_advertised(broker: Running) -> None:
    metadata = requests.get(f"{broker.url}/.well-known/openid-configuration", timeout=30).json()
    assert not [name for name in metadata if "dpop" in name or "tls" in name]
    methods = [value for name, value in metadata.items() if name.endswith("auth_methods_supported")]
    assert not [method for listed in methods for method in listed if "tls" in method]


def test_AAI_13_row_61_answers_with_tokens_are_kept_by_nobody(browser: Browser, ming: str, members: Members) -> None:
    broker = browser.broker
    members[0].visas = [members[0].visa(ming)]
    redeemed = browser.redeem(browser.code()["code"])
    tokens = redeemed.json()
    fields = {"grant_type": "refresh_token", "client_id": "cli", "refresh_token": tokens["refresh_token"]}
    renewed = broker.post("token", **fields)
    begun = broker.post("device_authorization", client_id="cli", scope="openid")
    polled = broker.post("token", grant_type=DEVICE, client_id="cli", device_code=begun.json()["device_code"])
    answers: dict[str, requests.Response] = {
        "code": redeemed,
        "refresh": renewed,
        "passport": exchange(broker, renewed.json()["access_token"]),
        "userinfo": broker.userinfo(renewed.json()["access_token"]),
        "device": begun,
        "pending": polled,
        "refused": broker.post("token", grant_type="authorization_code", client_id="cli", code="x"),
        "no token": broker.userinfo("x"),
        "revoked": broker.post("revoke", client_id="cli", token=renewed.json()["access_token"]),
    }
    for name, answer in answers.items():
        assert answer.headers["Cache-Control"] == "no-cache, no-store", name
        assert answer.headers["Pragma"] == "no-cache", name
        assert "ETag" not in answer.headers, name


@pytest.mark.parametrize("path", ["token", "userinfo", "introspect", "revoke", "authorize", "account"])
def test_row_61_no_other_origin_reads_an_answer(broker: Running, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        requests.options(f"{broker.url}/{path}", headers=headers, timeout=30),
        requests.post(f"{broker.url}/{path}", headers=headers, timeout=30, allow_redirects=False),
    ):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_AAI_13_nothing_is_released_before_consent(browser: Browser) -> None:
    """Signed in, but not asked yet: no code; and PKCE is asked of the public client."""
    page = browser.sign_in(browser.authorize())
    assert not page.is_redirect
    assert 'value="allow"' in page.text
    assert answer_of(browser.authorize(code_challenge=None))["error"] == "invalid_request"
    assert "code" in answer_of(browser.submit(page, decision="allow"))


UNAUTHENTICATED: dict[str, dict[str, Any]] = {
    "client_credentials": {"grant_type": "client_credentials", "client_id": "web"},
    "password": {"grant_type": "password", "client_id": "web", "username": "ming", "password": "x"},
    "jwt-bearer": {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
    "exchange as the gateway": {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "client_id": "gateway",
        "subject_token": "a.b.c",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    },
}


@pytest.mark.parametrize("fields", UNAUTHENTICATED.values(), ids=UNAUTHENTICATED.keys())
def test_row_73_no_service_token_without_credentials(broker: Running, fields: dict[str, str]) -> None:
    answer = broker.post("token", **fields)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_client", "unsupported_grant_type")
    assert "access_token" not in answer.json()


@pytest.mark.parametrize("path", ["admin", "mint", "register", "clients", "tokens", "admin/mint", "visas", "users"])
def test_row_73_there_is_no_door_for_administrators(broker: Running, path: str) -> None:
    for answer in (broker.post(path), requests.get(f"{broker.url}/{path}", timeout=30)):
        assert answer.status_code in (404, 405)
