"""A member's DAC face on its own, whose people sign in with their name as token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from adapters.catalog.engine import connect
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.committees import register_committee
from auth.dac import Dac
from auth.policy import DatasetRule
from node.app import AUTH_FAILURES
from node.dac.handler import DacHandler
from tests.auth.conftest import tables
from tests.node.family import BROKER, PUBLIC_URL, Holders
from tests.support import running
from web.application import Assembly, create_application
from web.contracts import Contract

NOW = 1_800_000_000
RULES = {
    "HRA000001": DatasetRule("HRA000001", "controlled", "public", "HDAC000001"),
    "HRA000002": DatasetRule("HRA000002", "open", "public", None),
}
PEOPLE = {name: Caller(name, BROKER, (), NOW + 900) for name in ("alice", "bob", "dora", "eve", "mallory")}
REQUESTS = "/dac/v1/requests"


class Site:
    """A member's DAC face and a client of it; people sign in with their name as token."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.now = NOW

    async def get(self, path: str, who: str | None = None) -> httpx.Response:
        return await self.client.get(path, headers=_headers(who))

    async def post(self, path: str, who: str | None = None, body: Any = None) -> httpx.Response:
        return await self.client.post(path, headers=_headers(who), json=body)

    async def send(
        self, method: str, path: str, who: str | None, body: Any = None, content: bytes | None = None
    ) -> httpx.Response:
        headers = _headers(who)
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        return await self.client.request(method, path, headers=headers, json=body, content=content)

    async def created(self) -> str:
        answer = await self.post(REQUESTS, "alice", {"dataset": "HRA000001", "purpose": "to learn"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def do(self, who: str, id: str, command: str, body: Any = None) -> httpx.Response:
        return await self.post(f"{REQUESTS}/{id}/{command}", who, body)


def _headers(who: str | None) -> dict[str, str]:
    return {} if who is None else {"Authorization": f"Bearer {who}"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    engine = connect(f"sqlite:///{tmp_path}/auth.db")
    tables(engine)
    register_committee(engine, "HDAC000001", "Committee", {"dora": ""}, NOW)
    register_committee(engine, "HDAC000002", "Other", {"eve": ""}, NOW)
    dac = Dac(engine, BROKER, RULES.get, PUBLIC_URL, lambda: NOW)
    handler = DacHandler(dac, cast(Clearinghouse, Holders(dict(PEOPLE))))
    app = create_application(
        Assembly(name="member", contracts=[Contract("dac", "/dac/v1", handler)], failures=AUTH_FAILURES)
    )
    async with running(app, PUBLIC_URL) as client:
        yield Site(client)
    engine.dispose()
