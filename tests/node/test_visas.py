"""The visa issuer over HTTP: ``specs/visas.yaml``, the status list and the keys, behind the real application."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.catalog.engine import connect
from auth import client_assertion, jose
from auth.caller import Caller
from auth.client_assertion import Assertions
from auth.committees import register_committee
from auth.dac import Dac
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keys import KeyRing
from auth.keyset import KeySet, SigningKey
from auth.policy import DatasetRule
from auth.trust import jku
from auth.visas import VisaIssuer, read_status
from node.app import AUTH_FAILURES
from node.visas import Visas, jwks_route
from tests.auth.conftest import tables
from tests.auth.world import b64
from tests.node.family import BROKER, PUBLIC_URL
from tests.support import running
from web.application import Assembly, create_application
from web.contracts import Contract

NOW = 1_800_000_000
KEY = SigningKey.generate()
SUBJECT = "/visas/v1/subjects/alice"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A member that knows one broker, and has granted alice one data set."""
    engine = connect(f"sqlite:///{tmp_path}/auth.db")
    tables(engine)
    register_committee(engine, "D1", "Committee", {"dora": ""}, NOW)
    rule = DatasetRule("HRA000001", "controlled", "public", "D1")
    dac = Dac(engine, BROKER, {"HRA000001": rule}.get, PUBLIC_URL, lambda: NOW)
    alice, dora = (Caller(name, BROKER, (), NOW + 900) for name in ("alice", "dora"))
    id = dac.create(alice, "HRA000001", "to learn").id
    dac.command(alice, id, "submit")
    dac.command(dora, id, "approve")
    ring = KeyRing(engine, lambda: NOW)
    jwks = Jwks(JsonGet(), {jku(BROKER): lambda: KeySet.of(KEY)}, lambda: NOW)
    assertions = Assertions(engine, PUBLIC_URL, {BROKER: jku(BROKER)}, jwks, lambda: NOW)
    handler = Visas(VisaIssuer(PUBLIC_URL, engine, ring, lambda: NOW), assertions)
    contract = Contract("visas", "/visas/v1", handler)
    routes = [jwks_route(ring.public_jwks)]
    app = create_application(Assembly(name="m", contracts=[contract], failures=AUTH_FAILURES, routes=routes))
    async with running(app, PUBLIC_URL) as client:
        yield client
    engine.dispose()


def bearer(audience: str = PUBLIC_URL, key: SigningKey = KEY, caller: str = BROKER) -> dict[str, str]:
    return {"Authorization": f"Bearer {client_assertion.make(caller, audience, key, NOW)}"}


async def keys(site: httpx.AsyncClient) -> KeySet:
    answer = await site.get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["Content-Type"] == "application/json"
    assert all("d" not in key for key in answer.json()["keys"])
    return KeySet.load(answer.json())


async def test_the_broker_reads_a_persons_visas(site: httpx.AsyncClient) -> None:
    answer = await site.get(SUBJECT, headers=bearer())
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    (visa,) = answer.json()["ga4gh_passport_v1"]
    verified = jose.verify(visa, await keys(site), typ={"vnd.ga4gh.visa+jwt"}, now=NOW)
    assert (verified.claims["sub"], verified.header["jku"]) == ("alice", f"{PUBLIC_URL}/.well-known/jwks.json")
    unknown = await site.get("/visas/v1/subjects/nobody", headers=bearer())
    assert unknown.json() == {"ga4gh_passport_v1": []}


async def test_ATTACKS_73_nobody_else_reads_them(site: httpx.AsyncClient) -> None:
    once = bearer()
    assert (await site.get(SUBJECT, headers=once)).status_code == 200
    refused = [
        {},
        once,
        bearer(audience="http://127.0.0.1:8085"),
        bearer(key=SigningKey.generate()),
        bearer(caller="http://127.0.0.1:8080"),
        {"Authorization": "Basic YTpi"},
    ]
    for headers in refused:
        answer = await site.get(SUBJECT, headers=headers)
        assert answer.status_code == 401
        assert set(answer.json()) == {"status", "title", "detail"}


@pytest.mark.parametrize(
    "path",
    ["/visas/v1/subjects", "/visas/v1/subjects/", "/visas/v1/admin", "/visas/v1/mint", "/admin/mint"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_ATTACKS_73_nobody_mints_or_lists_visas(site: httpx.AsyncClient, path: str, method: str) -> None:
    body = {"sub": "mallory", "value": f"{PUBLIC_URL}/datasets/HRA000001"}
    answer = await site.request(method, path, json=body, headers=bearer())
    assert answer.status_code in (404, 405)
    assert "ey" not in answer.text


async def test_ATTACKS_73_a_secret_shared_by_services_is_no_assertion(site: httpx.AsyncClient) -> None:
    """An HMAC under anything public, the key set of the caller among it, signs nothing here."""
    header, claims, _ = bearer()["Authorization"].removeprefix("Bearer ").split(".")
    mac = b64(json.dumps({"alg": "HS256", "kid": KEY.kid, "typ": client_assertion.TYPE}))
    for secret in (b"", b"secret", KEY.key.as_pem(private=False), json.dumps(KEY.public_jwk()).encode()):
        seal = b64(hmac.digest(secret, f"{mac}.{claims}".encode(), "sha256"))
        for forged in (f"{mac}.{claims}.{seal}", f"{header}.{claims}.{seal}"):
            refused = await site.get(SUBJECT, headers={"Authorization": f"Bearer {forged}"})
            assert refused.status_code == 401


async def test_the_status_list_is_for_everyone(site: httpx.AsyncClient) -> None:
    answer = await site.get("/visas/v1/status")
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "application/jwt")
    assert read_status(answer.text, PUBLIC_URL, await keys(site), NOW).revoked == frozenset()
