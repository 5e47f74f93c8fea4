"""The broker as its process serves it: under ASGI, through a2wsgi, by uvicorn."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import requests
import uvicorn

from adapters.catalog.engine import connect
from auth.broker import accounts
from auth.broker.app import create_broker
from auth.broker.settings import BrokerSettings
from auth.keys import KeyRing
from auth.login import BrokerClient
from tests.auth.broker.running import CHEAP, CLI, EXCHANGE, PASSWORD, tables
from tests.support import free_port
from web.application import Assembly, create_application


def test_sign_in_through_the_whole_chassis(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/broker.db")
    tables(engine)
    port = free_port()
    client = {"client_id": "cli", "name": "Command line", "kind": "public", "redirect_uris": [CLI]}
    settings = BrokerSettings.model_validate(
        {
            "public_url": f"http://127.0.0.1:{port}",
            "database": "x",
            "clients": [{**client, "grant_types": ["authorization_code", EXCHANGE]}],
            "passwords": CHEAP.model_dump(),
        }
    )
    sub = accounts.create(engine, "ming", PASSWORD, "李明", settings=CHEAP)
    app = create_application(
        Assembly(name="broker", contracts=(), pages=create_broker(settings, engine, KeyRing(engine)))
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        signed_in = BrokerClient(settings.public_url, "cli", CLI)
        tokens = signed_in.sign_in("ming", PASSWORD)
        said = requests.get(
            f"{settings.public_url}/userinfo", headers={"Authorization": f"Bearer {tokens.access}"}, timeout=5
        )
        assert said.json()["name"] == "李明"
        assert said.json()["sub"] == sub
        assert signed_in.passport(tokens.access).count(".") == 2
        assert requests.get(f"{settings.public_url}/nothing", timeout=5).headers["X-Frame-Options"] == "DENY"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        engine.dispose()
