"""A small cohort, served to guarded callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import Engine

from adapters.catalog.engine import connect
from tests.node.family import PUBLIC_URL
from tests.privacy import cohort
from tests.privacy.cohort import Cohort
from tests.privacy.server import BASE, PROTECTED, application
from tests.support import running


@dataclass
class Asking:
    """A client of a member over a cohort."""

    client: httpx.AsyncClient
    cohort: Cohort

    async def ask(self, path: str, token: str | None = None, **query: Any) -> httpx.Response:
        """A POST with ``query``."""
        body = {"meta": {"apiVersion": "v2.1.1"}, "query": {"requestedGranularity": "count", **query}}
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.post(f"{BASE}{path}", json=body, headers=headers)

    async def carriers(self, allele: int, token: str | None = None, **query: Any) -> httpx.Response:
        """Who carries an allele?"""
        asked = {"g_variant": self.cohort.question(allele)}
        return await self.ask("/datasets/HRA000001/individuals", token, requestParameters=asked, **query)


@pytest.fixture(scope="session")
def small() -> Cohort:
    return cohort.generate(seed=5, people=400, haplotypes=60, neighbours=2)


@pytest.fixture
def small_engine(small: Cohort, tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path}/catalog.db")
    cohort.write(engine, small)
    yield engine
    engine.dispose()


@pytest_asyncio.fixture
async def asking(small_engine: Engine, small: Cohort) -> AsyncIterator[Asking]:
    """At the default settings."""
    async with running(application(small_engine, PROTECTED), PUBLIC_URL) as client:
        yield Asking(client, small)
