"""A revocation reaches a node that trusts the issuer within a minute (row 67): two sides over real connections.

One side is a member's visa issuer as its process serves it, over a database in which a committee revokes grants; the
other the status lists of a node, polled as in its process.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from adapters.catalog.engine import connect
from auth import jose, status
from auth.caller import Caller
from auth.client_assertion import Assertions
from auth.committees import register_committee
from auth.dac import Dac
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keys import KeyRing, clock
from auth.policy import DatasetRule
from auth.status import StatusLists
from auth.trust import TrustEntry, jku
from auth.visas import VisaIssuer
from node.routes import AUTH_FAILURES
from node.visas import Visas, jwks_route
from tests.auth.broker.running import serving_asgi
from tests.auth.conftest import tables
from tests.support import free_port
from web.application import Assembly, create_application
from web.contracts import Contract

BROKER = "https://broker.example"
LIMIT = 60  # seconds


async def measured(folder: Path, grants: int, spread: float) -> list[float]:
    """Seconds from each of ``grants`` revocations, made at random within ``spread`` seconds, to the refusal."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    engine = connect(f"sqlite:///{folder}/issuer.db")
    tables(engine)
    register_committee(engine, "D1", "Committee", {"dora": ""}, clock())
    rules = {
        f"HRA{number:06}": DatasetRule(f"HRA{number:06}", "controlled", "public", "D1") for number in range(grants)
    }
    dac = Dac(engine, BROKER, rules.get, url)
    alice, dora = (Caller(name, BROKER, (), clock() + 10**6) for name in ("alice", "dora"))
    requests = [dac.create(alice, accession, "to learn").id for accession in rules]
    for request in requests:
        dac.command(alice, request, "submit")
        dac.command(dora, request, "approve")
    ring = KeyRing(engine)
    issuer = VisaIssuer(url, engine, ring)
    handler = Visas(issuer, Assertions(engine, url, {}, Jwks(JsonGet())))
    contracts, routes = [Contract("visas", "/visas/v1", handler)], [jwks_route(ring.public_jwks)]
    app = create_application(Assembly(name="m", contracts=contracts, failures=AUTH_FAILURES, routes=routes))
    with serving_asgi(app, port):
        http = JsonGet()
        lists = StatusLists([TrustEntry(url, jku(url), status=f"{url}/visas/v1/status")], Jwks(http), http)
        await lists.refresh()
        following = asyncio.ensure_future(lists.run())
        ids = [jose.unverified(visa).claims for visa in issuer.for_subject("alice")]
        by_set = {claims["ga4gh_visa_v1"]["value"].rsplit("/", 1)[1]: claims["jti"] for claims in ids}
        jtis = {request: by_set[accession] for request, accession in zip(requests, rules, strict=True)}
        assert all(lists.stands(url, jti) for jti in jtis.values())
        chance = random.Random(1)

        async def revoked(request: str) -> float:
            await asyncio.sleep(chance.random() * spread)
            await asyncio.to_thread(dac.command, dora, request, "revoke")
            started = time.monotonic()
            async with asyncio.timeout(LIMIT + 30):
                while lists.stands(url, jtis[request]):
                    await asyncio.sleep(0.05)
            return time.monotonic() - started

        seconds = await asyncio.gather(*(revoked(request) for request in requests))
        following.cancel()
        await http.close()
    engine.dispose()
    return sorted(seconds)


async def test_revocation_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a short pause between two questions."""
    monkeypatch.setattr(status, "POLL", 0.2)
    assert (await measured(tmp_path, 3, 0.5))[-1] < LIMIT / 4


@pytest.mark.prove
async def test_revocation_reaches_everyone_within_a_minute(tmp_path: Path) -> None:
    seconds = await measured(tmp_path, 50, 2 * status.POLL)
    print(f"50 revocations: median {seconds[25]:.1f} s, the slowest {seconds[-1]:.1f} s")
    assert seconds[-1] <= LIMIT
