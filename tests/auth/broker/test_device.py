"""Device flow (RFC 8628): the command line waits while a person decides in a browser."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from auth.login import BrokerClient, SignInFailed
from tests.auth.broker.running import CLI, DEVICE, Browser, Form, Running


def start(broker: Running, client_id: str = "cli", scope: str = "openid ga4gh_passport_v1") -> dict[str, Any]:
    """Begin a device authorization."""
    return dict(broker.post("device_authorization", client_id=client_id, scope=scope).json())


def poll(broker: Running, given: dict[str, Any], client_id: str = "cli") -> dict[str, Any]:
    """Ask for the tokens."""
    fields = {"grant_type": DEVICE, "client_id": client_id, "device_code": given["device_code"]}
    return dict(broker.post("token", **fields).json())


def decide(browser: Browser, given: dict[str, Any], decision: str) -> requests.Response:
    """Open the link, sign in, decide."""
    page = browser.get(given["verification_uri_complete"])
    if "password" in Form(page.text).fields:
        page = browser.sign_in(page)
    return browser.submit(page, decision=decision)


def test_device_flow(browser: Browser, ming: str) -> None:
    broker, given = browser.broker, start(browser.broker)
    assert given["verification_uri"] == f"{broker.url}/device"
    assert given["interval"] == 5
    assert poll(broker, given)["error"] == "authorization_pending"
    assert "Connected" in decide(browser, given, "allow").text
    tokens = poll(broker, given)
    assert broker.claims(tokens["access_token"])["sub"] == ming
    assert broker.claims(tokens["id_token"], "jwt")["aud"] == "cli"
    assert poll(broker, given)["error"] == "invalid_grant"  # once only


def test_the_code_can_be_typed_in_any_case(browser: Browser) -> None:
    given = start(browser.broker)
    browser.sign_in(browser.get("/device"))
    page = browser.get("/device", params={"user_code": given["user_code"].lower().replace("-", " ")})
    assert given["user_code"] in page.text
    assert "Command line" in page.text


def test_denied(browser: Browser) -> None:
    given = start(browser.broker)
    assert "Not connected" in decide(browser, given, "deny").text
    assert poll(browser.broker, given)["error"] == "access_denied"


def test_row_55_fast_polling_slows_down(browser: Browser) -> None:
    broker, given = browser.broker, start(browser.broker)
    assert poll(broker, given)["error"] == "authorization_pending"
    assert poll(broker, given)["error"] == "slow_down"
    broker.clock.ahead = 6
    assert poll(broker, given)["error"] == "slow_down"  # the interval is now 10, then 15 seconds
    broker.clock.ahead = 30
    assert poll(broker, given)["error"] == "authorization_pending"


def test_row_55_expired(browser: Browser) -> None:
    broker, given = browser.broker, start(browser.broker)
    browser.sign_in(browser.get("/device"))
    broker.clock.ahead = 601
    assert poll(broker, given)["error"] == "expired_token"
    assert browser.get(given["verification_uri_complete"]).status_code == 404


def test_row_55_device_code_of_another_client(browser: Browser) -> None:
    given = start(browser.broker)
    decide(browser, given, "allow")
    assert poll(browser.broker, given, "spa")["error"] == "invalid_grant"
    assert "access_token" in poll(browser.broker, given)


def test_row_55_user_codes_cannot_be_guessed_at_will(browser: Browser) -> None:
    broker, given = browser.broker, start(browser.broker)
    browser.sign_in(browser.get("/device"))
    for _ in range(3):
        assert browser.get("/device", params={"user_code": "BBBBBBBB"}).status_code == 404
    assert browser.get(given["verification_uri_complete"]).status_code == 404
    broker.clock.ahead = 901
    fresh = start(broker)
    broker.clock.ahead = 902
    page = browser.get(fresh["verification_uri_complete"])
    assert page.status_code == 200


def test_row_55_approval_needs_the_form_of_the_session(browser: Browser) -> None:
    given = start(browser.broker)
    browser.sign_in(browser.get("/device"))
    data = {"user_code": given["user_code"], "decision": "allow"}
    assert browser.http.post(f"{browser.broker.url}/device", data=data, timeout=30).status_code == 403
    assert poll(browser.broker, given)["error"] == "authorization_pending"


def test_opening_the_link_approves_nothing(browser: Browser) -> None:
    given = start(browser.broker)
    browser.sign_in(browser.get(given["verification_uri_complete"]))
    assert poll(browser.broker, given)["error"] == "authorization_pending"


@pytest.mark.parametrize(
    ("client_id", "scope", "error"),
    [
        ("nobody", "openid", "invalid_client"),
        ("web", "openid", "invalid_client"),
        ("cli", "profile", "invalid_scope"),
        ("cli", "", "invalid_scope"),
    ],
)
def test_refused_at_the_start(broker: Running, client_id: str, scope: str, error: str) -> None:
    assert start(broker, client_id, scope)["error"] == error


def test_the_command_line_waits_and_stops(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    broker, shown = browser.broker, []

    def pass_time(seconds: float) -> None:
        broker.clock.ahead += int(seconds)
        if len(shown) == 2:
            decide(browser, {"verification_uri_complete": shown[0]}, decisions.pop(0))
            shown.append("decided")

    monkeypatch.setattr("auth.login.time.sleep", pass_time)
    client = BrokerClient(broker.url, "cli", CLI)
    decisions = ["allow", "deny"]
    assert client.device(lambda *given: shown.extend(given)).access
    shown.clear()
    with pytest.raises(SignInFailed, match="access_denied"):
        client.device(lambda *given: shown.extend(given))
