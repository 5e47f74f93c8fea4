"""The short way and connexion's: the same answer to the same question, valid or not, to the last byte."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import node.data
from tests.adapters.reads.files import make_bam, make_vcf
from tests.contract.drs_catalog import RUN, fill
from tests.node import drs_node
from tests.node.family import Holders
from tests.node.htsget_node import CONTROLLED, Node
from tests.support import running
from web.direct import Direct

HTSGET, DRS = "/ga4gh/htsget/v1", "/ga4gh/drs/v1"


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs name the second at which they end."""
    monkeypatch.setattr(node.data, "time", SimpleNamespace(time=lambda: 2_000_000_000))


@pytest.fixture
def made(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    made.files.add_made("bam/1", make_bam(tmp_path, count=200))
    made.files.add_made("closed", make_bam(tmp_path, seed=2, count=50), CONTROLLED)
    made.files.add_made("vcf-1", make_vcf(tmp_path, count=100))
    return made


class Taken:
    """Counts the requests that went the short way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        find = Direct.find

        def counting(direct: Direct, scope: Any) -> Any:
            found = find(direct, scope)
            self.times += found is not None
            return found

        monkeypatch.setattr(Direct, "find", counting)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    return Taken(monkeypatch)


async def same(short: httpx.AsyncClient, long: httpx.AsyncClient, url: str, **headers: str) -> int:
    """Ask both; their status."""
    answers = [await client.get(url, headers=headers) for client in (short, long)]
    shown = [(answer.status_code, sorted(answer.headers.multi_items()), answer.content) for answer in answers]
    assert shown[0] == shown[1], url
    return answers[0].status_code


NAMES = ("format", "class", "referenceName", "start", "end", "fields", "tags", "notags", "other", "")
VALUES = (
    *("BAM", "bam", "VCF", "CRAM", "header", "body", "chr1", "chr2", "none", "*"),
    *("0", "00", "1000", "300000", "-1", "+5", "1.0", "1e3", " 7", "4294967295", "4294967296", "9" * 20),
    *("QNAME,FLAG", "SEQ,", "NM", "NM,MD", "", "null", "true", "%00", "%ff", "a%26b", "ü"),
)
IDS = ("reads/bam%2F1", "reads/bam/1", "reads/vcf-1", "variants/vcf-1", "reads/closed", "reads/none", "reads/")
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=5)


async def test_htsget_tickets_and_refusals(made: Node, taken: Taken) -> None:
    ways = (made.application(), made.application(frozenset()))
    async with AsyncExitStack() as stack:
        short, long = [await stack.enter_async_context(running(way)) for way in ways]
        statuses = set()
        for id, name, value in itertools.product(IDS, NAMES, VALUES):
            if name in ("start", "end", "referenceName", "class", "format") or id == IDS[0]:
                statuses.add(await same(short, long, f"{HTSGET}/{id}?{name}={value}"))
        region = "referenceName=chr1&start=1000&end=300000"
        for query in (region, f"{region}&", f"{region}&start=5", f"&&{region}", f"{region}&tags=", f"{region};a=b"):
            for id in IDS:
                statuses.add(await same(short, long, f"{HTSGET}/{id}?{query}"))
                await same(short, long, f"{HTSGET}/{id}?{query}", Authorization="Bearer granted")
                await same(short, long, f"{HTSGET}/{id}?{query}", Authorization="Bearer forged", Origin="https://a.b")
        for path in ("reads/service-info", "variants/service-info", "reads", "nothing/x"):
            await same(short, long, f"{HTSGET}/{path}")
    assert statuses == {200, 400, 401, 404}
    assert taken.times > 500


def test_htsget_any_query(made: Node, taken: Taken) -> None:
    async def ask(urls: list[str]) -> None:
        ways = (made.application(), made.application(frozenset()))
        async with AsyncExitStack() as stack:
            short, long = [await stack.enter_async_context(running(way)) for way in ways]
            for url in urls:
                await same(short, long, url)

    urls: list[str] = []

    @given(st.sampled_from(IDS), QUERIES)
    @settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def gather(id: str, query: list[tuple[str, str]]) -> None:
        urls.append(f"{HTSGET}/{id}?" + "&".join(f"{name}={value}" for name, value in query))

    gather()
    asyncio.run(ask(urls))
    assert taken.times


@pytest.fixture
def archive(sqlite_engine: Engine, tmp_path: Path) -> tuple[Engine, Path]:
    (tmp_path / "archive").mkdir()
    fill(sqlite_engine, tmp_path / "archive")
    return sqlite_engine, tmp_path / "archive"


WORDS = ("true", "false", "True", "1", "", "x", "null")


async def test_drs_records_and_access(archive: tuple[Engine, Path], taken: Taken) -> None:
    ways = [
        drs_node.application(*archive, drs_node.Grants(), Holders(), direct=way)
        for way in (drs_node.DIRECT, frozenset())
    ]
    async with AsyncExitStack() as stack:
        short, long = [await stack.enter_async_context(running(way)) for way in ways]
        statuses = set()
        for id in ("HRR000001-01", "HRR000002-01", "HRR000003-01", "HRR000005-01", RUN, "none", "a%2Fb", "x%00", "é"):
            for query in ("", "?", "?other=1", "?expand=true&expand=false", *(f"?expand={word}" for word in WORDS)):
                for tail in ("", "/access/https", "/access/none", "/"):
                    statuses.add(await same(short, long, f"{DRS}/objects/{id}{tail}{query}"))
        statuses.add(await same(short, long, f"{DRS}/objects/HRR000003-01", Authorization="Bearer none"))
    assert statuses == {200, 400, 401, 404}
    assert taken.times > 100
