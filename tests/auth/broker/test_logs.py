"""Row 60: nothing that the broker logs, at any level, holds a secret."""

from __future__ import annotations

import logging

import pytest
from structlog.testing import capture_logs

from tests.auth.broker.running import ASSERTION, PASSWORD, Browser, Member
from tests.auth.broker.test_tokens import exchange, for_member, refresh


def test_row_60_no_token_code_or_password_is_logged(
    browser: Browser, members: tuple[Member, Member], ming: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker, member = browser.broker, members[0]
    member.visas = [member.visa(ming), member.visa("another")]
    with capture_logs() as events:
        code = browser.code()["code"]
        tokens = browser.redeem(code).json()
        passport = exchange(broker, tokens["access_token"]).json()["access_token"]
        bound = for_member(broker, members, tokens["access_token"]).json()["access_token"]
        renewed = refresh(broker, tokens["refresh_token"]).json()
        broker.userinfo(renewed["access_token"])
        assertion = member.assertion(member.url, "https://other.example")
        broker.post("introspect", token=bound, client_assertion_type=ASSERTION, client_assertion=assertion)
        browser.redeem(code)
        browser.submit(browser.get("/account"))
        browser.submit(browser.authorize(), name="ming", password=PASSWORD + "x")
    said = caplog.text + repr(events)
    assert "client_assertion_refused" in said
    secrets = [code, passport, bound, assertion, PASSWORD, *member.visas, *browser.http.cookies.values()]
    secrets += [value for answer in (tokens, renewed) for name, value in answer.items() if name.endswith("token")]
    assert [secret[:12] for secret in secrets if secret in said] == []
