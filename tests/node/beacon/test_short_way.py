"""A GET of the Beacon is answered alike by the short way and by connexion's, right or wrong, to the last byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine

from tests.node.beacon.conftest import BASE, Served, beacon_application
from tests.node.beacon.world import World
from tests.node.family import PUBLIC_URL
from tests.support import running
from web.direct import Direct

pytestmark = pytest.mark.asyncio(loop_scope="module")
GIVEN = "assemblyId=GRCh38&referenceName=21"
SHORT = [
    "/individuals",
    "/individuals?requestedGranularity=record&limit=3&skip=1",
    "/individuals?filters=NCIT:C16576",
    "/individuals?filters=NOPE:1",
    "/individuals?filters=HP:0001250,ageOfOnset:%3EP10Y&requestedGranularity=count",
    f"/g_variants?{GIVEN}&start=100&alternateBases=T&referenceBases=A",
    f"/g_variants?{GIVEN}&start=100&end=5000000&requestedGranularity=record",
    f"/g_variants?{GIVEN}&start=100",
    f"/g_variants?{GIVEN}&start=x",
    f"/g_variants?{GIVEN}&start=-1&end=7",
    "/g_variants?unheard=of",
    "/g_variants?variantType=TELEPORT",
    "/g_variants?includeResultsetResponses=MISS",
    "/datasets?requestedGranularity=record",
    "/datasets/HRA000001/individuals?testMode=true&requestedGranularity=record",
    "/individuals/HRI000001?requestedGranularity=record",
    "/individuals/nobody",
    "/g_variants/GRCh38:21:99:A:T/individuals",
]
LONG = [
    f"/g_variants?{GIVEN}&start=100&alternateBases=T&referenceBases=",
    "/individuals?limit=-1",
    "/individuals?limit=many",
    "/individuals?requestedGranularity=all",
    "/individuals?filters=HP:0001250&filters=NCIT:C16576",
    "/g_variants?variantMinLength=007",
    "/individuals?testMode=perhaps",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(member_engine: Engine, world: World) -> AsyncIterator[Served]:
    async with running(beacon_application(member_engine), PUBLIC_URL) as client:
        yield Served(client, world)


@pytest.mark.parametrize(("paths", "taken"), [(SHORT, True), (LONG, False)])
async def test_both_ways_give_the_same_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch, paths: list[str], taken: bool
) -> None:
    ways: list[bool] = []
    find = Direct.find

    def noted(direct: Direct, scope: Any) -> Any:
        found = find(direct, scope)
        ways.append(found is not None)
        return found

    monkeypatch.setattr(Direct, "find", noted)
    for path in paths:
        for token in (None, "both"):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            one = await served.client.get(BASE + path, headers=headers)
            # A request that says it has a body is left to connexion.
            other = await served.client.get(BASE + path, headers={**headers, "Content-Length": "0"})
            assert ways[-2:] == [taken, False], path
            assert (one.status_code, one.content) == (other.status_code, other.content), path
            assert one.headers["content-type"] == other.headers["content-type"], path
