"""A Beacon over the generated member, served by the real application with the real policy."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import Engine
from starlette.types import ASGIApp

from adapters.catalog.catalog import Catalog
from adapters.catalog.engine import connect
from adapters.catalog.holdings import Holdings
from auth.errors import InvalidToken
from auth.policy import Floor, Policy
from node.beacon.answering import Answering, Bearers
from node.beacon.beacon import DIRECT, Beacon
from node.beacon.envelope import beacon_shape
from node.beacon.failures import FAILURES
from node.beacon.guard import Guard
from node.beacon.handovers import Handovers
from node.beacon.profile import Profile
from node.beacon.question import Search
from tests.node.beacon.world import TODAY, World, generate, write
from tests.node.family import PUBLIC_URL, Holders, researcher
from tests.support import running
from web.application import Assembly, create_application
from web.contracts import Contract
from web.errors import Failure
from web.service_info import Organization

BASE = "/ga4gh/beacon/v2"
FLOOR = Floor(5, 5)
SOON = int(time.time()) + 3000
ALL_TYPES = (
    "dataset", "cohort", "individual", "biosample", "run", "analysis",
    "genomicVariant", "imagingStudy", "imagingSeries",
)  # fmt: skip


def standing(jtis: Collection[str]) -> Collection[str]:
    """Grants in force."""
    return {"g2", "g3"}.intersection(jtis)


def beacon_application(
    engine: Engine,
    entry_types: tuple[str, ...] = ALL_TYPES,
    filtered_only: frozenset[str] = frozenset(),
    floor: Floor = FLOOR,
    guard: Guard | None = None,
    bearer: Bearers | None = None,
) -> ASGIApp:
    """The application of a member that serves nothing but a Beacon.

    :param bearer: who callers are; some with visas, if it is not said.
    """
    profile = Profile(
        id="org.example.test",
        name="Test beacon",
        description="For tests",
        organization=Organization("org.example", "Example", "https://example.org"),
        base_url=f"{PUBLIC_URL}{BASE}",
        entry_types=entry_types,
        environment="test",
        requests_url=f"{PUBLIC_URL}/requests",
        filtered_only=filtered_only,
    )
    one, other = researcher("HRA000002", "g2", SOON), researcher("HRA000003", "g3", SOON)
    holders = Holders(
        {
            "two": one,
            "three": other,
            "both": replace(one, visas=one.visas + other.visas),
            "revoked": researcher("HRA000002", "gone", SOON),
        }
    )
    catalog = Catalog(engine, lambda: TODAY)
    answering = Answering(
        engine=engine,
        catalog=catalog,
        search=Search(engine, entry_types),
        policy=Policy(PUBLIC_URL, standing),
        floor=floor,
        guard=guard,
        bearer=bearer or holders.bearer,
        profile=profile,
        handovers=Handovers(
            Holdings(engine, catalog),
            drs_host="member.example.org",
            htsget={"BAM": f"{PUBLIC_URL}/ga4gh/htsget/v1/reads", "VCF": f"{PUBLIC_URL}/ga4gh/htsget/v1/variants"},
            dicomweb=f"{PUBLIC_URL}/dicom-web",
        ),
        dataset_url=lambda accession: f"{PUBLIC_URL}/datasets/{accession}",
        today=lambda: TODAY,
    )
    assembly = Assembly(
        name="t",
        contracts=[Contract("beacon", BASE, Beacon(answering, profile), DIRECT)],
        shapes=[(BASE, beacon_shape(profile.id))],
        failures={**FAILURES, InvalidToken: lambda error: Failure(401, str(error))},
    )
    return create_application(assembly)


@dataclass
class Served:
    """A client of the Beacon, and what it should know."""

    client: httpx.AsyncClient
    world: World

    async def post(self, path: str, token: str | None = None, **query: Any) -> dict[str, Any]:
        """A POST that must succeed."""
        response = await self.post_raw(path, token, {"meta": {"apiVersion": "v2.1.1"}, "query": query})
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]

    async def post_raw(self, path: str, token: str | None, body: Any) -> httpx.Response:
        """A POST."""
        return await self.client.post(f"{BASE}{path}", json=body, headers=headers(token))

    async def get(self, path: str, token: str | None = None, **query: Any) -> httpx.Response:
        """A GET."""
        return await self.client.get(f"{BASE}{path}", params=query, headers=headers(token))


def headers(token: str | None) -> dict[str, str]:
    """Headers of a caller."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def world() -> World:
    """The generated member."""
    return generate(seed=11)


@pytest.fixture(scope="session")
def member_engine(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Engine]:
    """Its database; tests only read it."""
    folder = tmp_path_factory.mktemp("beacon")
    engine = connect(f"sqlite:///{folder}/catalog.db")
    write(engine, world, folder)
    yield engine
    engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(member_engine: Engine, world: World) -> AsyncIterator[Served]:
    """Its Beacon."""
    async with running(beacon_application(member_engine), PUBLIC_URL) as client:
        yield Served(client, world)
