"""The broker over SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import Engine

from auth.broker.settings import BrokerSettings
from tests.auth.broker.running import CHEAP, CLI, DEVICE, EXCHANGE, Browser, Clock, Running, broker_serving, tables
from tests.auth.broker.test_device import decide, poll, start
from tests.auth.broker.test_tokens import exchange, refresh
from tests.support import free_port


def test_flows_over_both_databases(engine: Engine) -> None:
    tables(engine)
    port = free_port()
    grants = ["authorization_code", "refresh_token", DEVICE, EXCHANGE]
    client = {"client_id": "cli", "name": "C", "kind": "public", "redirect_uris": [CLI], "grant_types": grants}
    settings = BrokerSettings.model_validate(
        {
            "public_url": f"http://127.0.0.1:{port}",
            "database": "x",
            "clients": [client],
            "passwords": CHEAP.model_dump(),
        }
    )
    clock = Clock()
    with broker_serving(settings, engine, clock):
        broker = Running(settings, engine, clock)
        broker.account()
        browser = Browser(broker)
        assert browser.submit(browser.authorize(), name="ming", password="wrong password").status_code == 401
        tokens = browser.tokens()
        assert exchange(broker, tokens["access_token"]).status_code == 200
        assert refresh(broker, tokens["refresh_token"]).status_code == 200
        assert refresh(broker, tokens["refresh_token"]).json()["error"] == "invalid_grant"
        assert broker.userinfo(tokens["access_token"]).status_code == 401
        given = start(broker)
        decide(browser, given, "allow")
        assert broker.userinfo(poll(broker, given)["access_token"]).status_code == 200
