"""The htsget handler beyond the rows of the standard: damage, tape, large files, revocation of open tickets."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pysam
import pytest
import structlog

from adapters.reads import bgzf
from adapters.reads.parts import Span
from node.htsget import handler
from node.htsget.query import FORMATS, from_body, from_parameters
from tests.adapters.reads.files import Made, make_bam, make_cram, make_vcf
from tests.node.htsget_node import BASE, CONTROLLED, GRANT, Node, payload, url
from tests.support import running
from web.errors import Failure

REGION = {"referenceName": "chr1", "start": "1000", "end": "300000"}


@pytest.fixture(scope="module")
def bam(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_bam(tmp_path_factory.mktemp("archive"), count=400)


@pytest.fixture
def node(bam: Made) -> Node:
    node = Node(bam.path.parent)
    node.files.add_made("open", bam)
    node.files.add_made("closed", bam, CONTROLLED)
    return node


@pytest.fixture
async def client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with running(node.application()) as client:
        yield client


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["htsget"]["error"]


async def test_a_file_without_index_gives_whole_and_header_only(client: httpx.AsyncClient, node: Node) -> None:
    node.files.change("open", index=None)
    assert (await client.get(url("reads", "open"))).status_code == 200
    assert (await client.get(url("reads", "open"), params={"class": "header"})).status_code == 200
    answer = await client.get(url("reads", "open"), params=REGION)
    assert kind(answer) == (400, "InvalidInput")
    assert "no index" in answer.json()["htsget"]["message"]


@pytest.mark.parametrize("content", [b"", b"BAI\1\1\0", b"not an index", b"\x1f\x8b\x08\x04 broken"])
async def test_a_damaged_index_is_a_500_with_an_event_and_hurts_no_other_file(
    client: httpx.AsyncClient, node: Node, bam: Made, content: bytes
) -> None:
    damaged = bam.path.with_name("damaged.bai")
    damaged.write_bytes(content)
    node.files.add("damaged", damaged, "BAI")
    node.files.add("victim", bam.path, "BAM", index="damaged")
    with structlog.testing.capture_logs() as events:
        assert kind(await client.get(url("reads", "victim"), params=REGION)) == (500, "InternalServerError")
    assert [event["file"] for event in events if event["event"] == "sequence_file_damaged"] == ["victim"]
    assert (await client.get(url("reads", "open"), params=REGION)).status_code == 200


async def test_an_index_older_than_its_file_is_a_500_with_an_event_for_regions_only(
    client: httpx.AsyncClient, node: Node, bam: Made
) -> None:
    copy, index = bam.path.with_name("renewed.bam"), bam.path.with_name("renewed.bai")
    copy.write_bytes(bam.data)
    index.write_bytes(bam.index.read_bytes())
    node.files.add("renewed.index", index, "BAI")
    node.files.add("renewed", copy, "BAM", index="renewed.index")
    assert (await client.get(url("reads", "renewed"), params=REGION)).status_code == 200
    os.utime(index, ns=(0, copy.stat().st_mtime_ns - 1_000_000))
    with structlog.testing.capture_logs() as events:
        answer = await client.get(url("reads", "renewed"), params=REGION)
    assert kind(answer) == (500, "InternalServerError")
    assert "older than the file" in answer.json()["htsget"]["message"]
    assert [event["file"] for event in events if event["event"] == "sequence_index_stale"] == ["renewed"]
    for harmless in ({}, {"class": "header"}):
        assert (await client.get(url("reads", "renewed"), params=harmless)).status_code == 200
    assert (await client.get(url("reads", "open"), params=REGION)).status_code == 200
    os.utime(index, ns=(0, copy.stat().st_mtime_ns))
    assert (await client.get(url("reads", "renewed"), params=REGION)).status_code == 200


async def test_an_index_overwritten_in_place_with_the_same_size_is_noticed(
    client: httpx.AsyncClient, node: Node, bam: Made
) -> None:
    content = bam.index.read_bytes()
    index = bam.path.with_name("rewritten.bai")
    index.write_bytes(content)
    node.files.add("rewritten.index", index, "BAI")
    node.files.add("rewritten", bam.path, "BAM", index="rewritten.index")
    for written, status in ((content, 200), (bytes(len(content)), 500), (content, 200)):
        index.write_bytes(written)
        assert (await client.get(url("reads", "rewritten"), params=REGION)).status_code == status


async def test_a_file_overwritten_in_place_with_the_same_size_is_noticed(
    client: httpx.AsyncClient, node: Node, bam: Made
) -> None:
    """The header that was kept of the content before is not given out with the content after."""
    path = bam.path.with_name("rewritten.vcf.gz")
    for at, contig in enumerate(("chrA", "chrB", "chrA")):
        path.write_bytes(tiny_vcf(contig))
        pysam.tabix_index(str(path), preset="vcf", force=True)
        if at == 0:
            node.files.add("tiny.index", Path(f"{path}.tbi"), "TBI")
            node.files.add("tiny", path, "VCF", index="tiny.index")
        for name in ("chrA", "chrB"):
            answer = await client.get(url("variants", "tiny"), params={"referenceName": name})
            assert answer.status_code == (200 if name == contig else 404)
        header = (await client.get(url("variants", "tiny"), params={"class": "header"})).json()
        assert contig.encode() in gzip.decompress(await payload(client, header))


def tiny_vcf(contig: str) -> bytes:
    """One variant in one stored (not deflated) block, so that its size does not depend on the name."""
    lines = ("##fileformat=VCFv4.3", f"##contig=<ID={contig}>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    data = "\n".join((*lines, f"{contig}\t10\t.\tA\tC\t.\t.\t.\n")).encode()
    body = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", 18 + len(body) + 8 - 1)
    return head + body + struct.pack("<II", zlib.crc32(data), len(data)) + bgzf.EOF


async def test_a_lost_or_changed_file_is_a_500_with_an_event(client: httpx.AsyncClient, node: Node, bam: Made) -> None:
    copy = bam.path.with_name("copy.bam")
    copy.write_bytes(bam.data)
    node.files.add("copy", copy, "BAM", index="open.index")
    copy.write_bytes(bam.data[:-100])
    with structlog.testing.capture_logs() as events:
        assert kind(await client.get(url("reads", "copy"), params=REGION)) == (500, "InternalServerError")
    assert "archived_file_changed" in {event["event"] for event in events}
    copy.unlink()
    with structlog.testing.capture_logs() as events:
        assert kind(await client.get(url("reads", "copy"), params=REGION)) == (500, "InternalServerError")
    assert "archived_file_missing" in {event["event"] for event in events}
    assert (await client.get(url("reads", "open"), params=REGION)).status_code == 200


async def test_a_file_on_tape_is_for_later(client: httpx.AsyncClient, node: Node) -> None:
    node.files.change("open", available=False)
    answer = await client.get(url("reads", "open"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


@pytest.fixture
def cram(bam: Made, node: Node) -> Made:
    made = make_cram(bam.path.parent, bam)
    node.files.add_made("cram", made)
    node.files.add_made("closed cram", made, CONTROLLED)
    return made


WHOLE = {"format": "CRAM", **REGION}


async def test_a_known_slice_of_whole_containers_is_the_same_and_wakes_no_thread(
    client: httpx.AsyncClient, node: Node, cram: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = waiting(node, monkeypatch)
    content = [await payload(client, (await client.get(url("reads", "cram"), params=WHOLE)).json()) for _ in range(3)]
    assert waits == ["slices"]
    assert content[0] == content[1] == content[2]
    assert len(content[0]) > 1000


@pytest.mark.parametrize("resident", [True, False])
async def test_edges_that_are_in_memory_wake_no_thread_others_do(
    client: httpx.AsyncClient, node: Node, monkeypatch: pytest.MonkeyPatch, resident: bool
) -> None:
    def preadv(descriptor: int, buffers: list[bytearray], offset: int, _flags: int) -> int:
        if not resident:
            raise BlockingIOError
        buffers[0][:] = piece = os.pread(descriptor, len(buffers[0]), offset)
        return len(piece)

    monkeypatch.setattr(os, "preadv", preadv)
    waits = waiting(node, monkeypatch)
    tickets = [(await client.get(url("reads", "open"), params=REGION)).json() for _ in range(3)]
    assert waits == ["slices"] * (1 if resident else 3)
    content = [await payload(client, ticket) for ticket in tickets]
    assert content[0] == content[1] == content[2]
    several = {"regions": [{"referenceName": "chr1", "start": at, "end": at + 9} for at in (5, 9000)]}
    waits.clear()
    assert (await client.post(url("reads", "open"), json=several)).status_code == 200
    assert (await client.get(url("reads", "open"))).status_code == 200
    assert waits == ["slices", "slices"]


async def test_files_across_a_network_and_grants_are_looked_at_in_threads(
    client: httpx.AsyncClient, node: Node, cram: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs there must hold up no other request."""
    waits = waiting(node, monkeypatch)
    headers = {"Authorization": "Bearer granted"}
    for _ in range(2):
        ticket = (await client.get(url("reads", "closed cram"), params=WHOLE, headers=headers)).json()
    block = next(part["url"] for part in ticket["htsget"]["urls"] if part["url"].startswith("https:"))
    assert (await client.get(block)).status_code == 200
    assert waits == ["slices", "slices", "archive"]
    node.in_force.discard(GRANT)
    assert kind(await client.get(url("reads", "closed cram"), params=WHOLE, headers=headers))[0] == 403
    assert (await client.get(block)).status_code == 403
    node.store.prompt = False
    waits.clear()
    for _ in range(2):
        ticket = (await client.get(url("reads", "cram"), params=WHOLE)).json()
    block = next(part["url"] for part in ticket["htsget"]["urls"] if part["url"].startswith("https:"))
    assert (await client.get(block)).status_code == 200
    assert waits == ["slices", "slices", "archive"]


def waiting(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled with the name of the threads that something is given to."""
    waits: list[str] = []
    for name, pool in (("slices", node.handler._threads), ("archive", node.data._threads)):
        submit = pool.submit

        def noted(*given: Any, name: str = name, submit: Any = submit) -> Any:
            waits.append(name)
            return submit(*given)

        monkeypatch.setattr(pool, "submit", noted)
    return waits


async def test_a_known_slice_is_forgotten_with_its_content(client: httpx.AsyncClient, node: Node, cram: Made) -> None:
    for _ in range(2):
        ticket = (await client.get(url("reads", "cram"), params=WHOLE)).json()
    blocks = [part["url"] for part in ticket["htsget"]["urls"] if part["url"].startswith("https:")]
    index = cram.index.stat()
    os.utime(cram.index, ns=(0, cram.path.stat().st_mtime_ns - 1_000_000))
    assert kind(await client.get(url("reads", "cram"), params=WHOLE))[0] == 500
    os.utime(cram.index, ns=(0, index.st_mtime_ns))
    assert (await client.get(url("reads", "cram"), params=WHOLE)).status_code == 200
    cram.path.write_bytes(bytes(len(cram.data)))
    assert kind(await client.get(url("reads", "cram"), params=WHOLE))[0] == 500
    assert {(await client.get(block)).status_code for block in blocks} == {410}
    cram.path.unlink()
    assert kind(await client.get(url("reads", "cram"), params=WHOLE))[0] == 500


async def test_an_open_ticket_ends_with_its_grant_and_with_its_file(client: httpx.AsyncClient, node: Node) -> None:
    headers = {"Authorization": "Bearer granted"}
    ticket = (await client.get(url("reads", "closed"), params=REGION, headers=headers)).json()
    await payload(client, ticket)
    blocks = [part["url"] for part in ticket["htsget"]["urls"] if part["url"].startswith("https:")]
    assert blocks
    node.in_force.discard(GRANT)
    assert {(await client.get(block)).status_code for block in blocks} == {403}
    node.in_force.add(GRANT)
    del node.files.known["closed"]
    assert {(await client.get(block)).status_code for block in blocks} == {404}
    assert kind(await client.get(url("reads", "closed"), headers=headers)) == (404, "NotFound")


async def test_a_block_url_gives_its_own_bytes_only(client: httpx.AsyncClient, bam: Made) -> None:
    ticket = (await client.get(url("reads", "open"), params=REGION)).json()
    for part in ticket["htsget"]["urls"]:
        if part["url"].startswith("https:"):
            answer = await client.get(part["url"], headers={"Range": "bytes=0-99999999"})
            assert len(answer.content) < len(bam.data)
            assert answer.content in bam.data


def test_large_spans_are_many_urls(node: Node) -> None:
    asked: list[tuple[int, int]] = []

    def url(first: int, last: int) -> str:
        asked.append((first, last))
        return "https://node.test/data/x"

    node.handler._urls([Span(5, 2_500_000_005, None)], url)
    assert asked == [(5, 1_000_000_004), (1_000_000_005, 2_000_000_004), (2_000_000_005, 2_500_000_004)]
    assert handler.LARGEST_URL <= 1 << 30


async def test_tickets_are_not_kept_by_caches(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("reads", "open"))
    assert "no-store" in answer.headers["cache-control"]


async def test_inline_data_of_a_ticket_stay_small(client: httpx.AsyncClient) -> None:
    regions = [{"referenceName": "chr1", "start": at, "end": at + 1} for at in range(0, 350_000, 50)]
    answer = await client.post(url("reads", "open"), json={"regions": regions})
    assert len(answer.content) < 5_000_000


async def test_the_log_tells_no_token_and_no_region(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as events:
        await client.get(url("reads", "closed"), params=REGION, headers={"Authorization": "Bearer stranger"})
    assert "stranger" not in str(events)
    assert "300000" not in str(events)


async def test_burst_of_mixed_callers_never_crosses_answers(client: httpx.AsyncClient) -> None:
    import asyncio

    async def ask(token: str | None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await client.get(url("reads", "closed"), params=REGION, headers=headers)).status_code

    callers = [None, "stranger", "granted"] * 20
    wanted = {None: 401, "stranger": 403, "granted": 200}
    assert await asyncio.gather(*map(ask, callers)) == [wanted[caller] for caller in callers]


async def test_variants_take_any_contig_of_the_header_even_without_records(
    client: httpx.AsyncClient, node: Node, bam: Made, tmp_path: Path
) -> None:
    folder = bam.path.parent / "vcf"
    folder.mkdir(exist_ok=True)
    node.files.add_made("vcf", make_vcf(folder, count=90))
    answer = await client.get(f"{BASE}/variants/vcf", params={"referenceName": "empty"})
    assert answer.status_code == 200


def test_queries_are_the_same_by_get_and_post() -> None:
    for datatype in FORMATS:
        got = from_parameters(datatype, [("referenceName", "chr1"), ("start", "1"), ("end", "2")])
        posted = from_body(datatype, [], {"regions": [{"referenceName": "chr1", "start": 1, "end": 2}]})
        assert got == posted
        assert from_parameters(datatype, []) == from_body(datatype, [], None) == from_body(datatype, [], {})


def test_fields_are_no_parameter_of_variants() -> None:
    assert from_parameters("variants", [("fields", "COLOUR")]).regions is None
    with pytest.raises(Failure):
        from_parameters("reads", [("fields", "COLOUR")])
