"""Which individuals exist is told to partners only, who prove themselves once per question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.catalog.engine import connect
from auth import client_assertion
from auth.client_assertion import Assertions
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keyset import KeySet, SigningKey
from auth.trust import jku
from node.app import AUTH_FAILURES
from node.links import PATH, Links
from tests.auth.conftest import tables
from tests.node.family import PUBLIC_URL
from tests.support import running
from web.application import Assembly, create_application
from web.contracts import Contract

NOW = 1_800_000_000
KEY = SigningKey.generate()
PARTNER = "http://127.0.0.1:8085"
ASKED = {"accessions": ["HRI000001", "HRI000002"]}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    engine = connect(f"sqlite:///{tmp_path}/auth.db")
    tables(engine)
    jwks = Jwks(JsonGet(), {jku(PARTNER): lambda: KeySet.of(KEY)}, lambda: NOW)
    assertions = Assertions(engine, PUBLIC_URL, {PARTNER: jku(PARTNER)}, jwks, lambda: NOW)
    contract = Contract("links", PATH, Links(lambda asked: {"HRI000001"} & set(asked), assertions))
    app = create_application(Assembly(name="m", contracts=[contract], failures=AUTH_FAILURES))
    async with running(app, PUBLIC_URL) as client:
        yield client
    engine.dispose()


def bearer(audience: str = PUBLIC_URL, key: SigningKey = KEY, caller: str = PARTNER) -> dict[str, str]:
    return {"Authorization": f"Bearer {client_assertion.make(caller, audience, key, NOW)}"}


async def test_a_partner_is_told_and_only_once(site: httpx.AsyncClient) -> None:
    headers = bearer()
    answer = await site.post(f"{PATH}/individuals", json=ASKED, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"existing": ["HRI000001"]})
    assert answer.headers["Cache-Control"] == "no-store"
    again = await site.post(f"{PATH}/individuals", json=ASKED, headers=headers)
    assert again.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        bearer(audience="http://127.0.0.1:1"),
        bearer(key=SigningKey.generate()),
        bearer(caller="http://127.0.0.1:9"),
    ],
    ids=["none", "nonsense", "audience", "key", "stranger"],
)
async def test_nobody_else_is_told_anything(site: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await site.post(f"{PATH}/individuals", json=ASKED, headers=headers)
    assert answer.status_code == 401
    assert "HRI" not in answer.text


async def test_more_than_a_thousand_are_refused(site: httpx.AsyncClient) -> None:
    body = {"accessions": ["HRI000001"] * 1001}
    assert (await site.post(f"{PATH}/individuals", json=body, headers=bearer())).status_code == 400
