"""BGZF blocks, headers, cutting and keeping."""

from __future__ import annotations

import gzip
import random
import struct
import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cache import Cache
from adapters.reads import bam, bcf, bgzf, cram, vcf
from adapters.reads.blocks import cut, stretches
from adapters.reads.errors import DamagedFile, DamagedIndex
from adapters.reads.inflated import Blocks
from adapters.reads.parts import Inline, Span, joined
from tests.adapters.reads.files import Bytes


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200_000))
def test_blocks_are_gzip_and_inflate_to_what_they_were(data: bytes) -> None:
    packed = bgzf.compressed(data)
    assert gzip.decompress(packed + bgzf.EOF) == data
    at, pieces = 0, []
    while at < len(packed):
        block = bgzf.read_block(Bytes(packed), at)
        pieces.append(block.data)
        at += block.size
    assert b"".join(pieces) == data


def test_bytes_that_do_not_compress_fit_a_block() -> None:
    data = random.Random(1).randbytes(3 * bgzf.PAYLOAD)
    assert gzip.decompress(bgzf.compressed(data)) == data


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_changed_byte_is_noticed(at: int, byte: int) -> None:
    packed = bytearray(bgzf.compressed(random.Random(2).randbytes(300)))
    at %= len(packed)
    changed = packed[at] != byte
    packed[at] = byte
    try:
        data = bgzf.read_block(Bytes(bytes(packed)), 0).data
    except DamagedFile:
        assert changed
        return
    assert data == random.Random(2).randbytes(300)  # time, system and flags may change


@pytest.mark.parametrize(
    "data", [b"", b"\x1f", gzip.compress(b"x", mtime=0), b"\x1f\x8b\x08\x04" + b"\xff" * 30, bytes(100)]
)
def test_no_block(data: bytes) -> None:
    with pytest.raises(DamagedFile):
        bgzf.read_block(Bytes(data), 0)


READERS = [bam.read_header, bcf.read_header, vcf.read_header, cram.read_header]


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=60, deadline=None)
@given(magic=st.sampled_from([b"BAM\1", b"BCF\2\2", b"##fileformat=VCFv4.3\n#", b""]), data=st.binary(max_size=300))
def test_any_bytes_as_a_header_are_read_or_refused(read: object, magic: bytes, data: bytes) -> None:
    assert callable(read)
    container = b"CRAM\3\0" + bytes(20) + data
    for content in (bgzf.compressed(magic + data), magic + data, container):
        try:
            read(Bytes(content))
        except DamagedFile as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (bam.read_header, b"BAM\1" + struct.pack("<I", 2**32 - 1)),
        (bam.read_header, b"BAM\1" + struct.pack("<II", 0, 2**32 - 1)),
        (bam.read_header, b"BAM\1" + struct.pack("<III", 0, 1, 2**32 - 1)),
        (bcf.read_header, b"BCF\2\2" + struct.pack("<I", 2**32 - 1)),
        (vcf.read_header, b"##fileformat=VCFv4.3\n##contig=<ID=1>\n"),
        (vcf.read_header, b"#CHROM\tPOS\n"),
    ],
)
def test_a_header_cut_off_is_refused(read: object, data: bytes) -> None:
    assert callable(read)
    with pytest.raises(DamagedFile):
        read(Bytes(bgzf.compressed(data) + bgzf.EOF))


def test_bcf_contigs_by_their_idx() -> None:
    text = b"##fileformat=VCFv4.3\n##contig=<ID=b,length=5,IDX=7>\n##contig=<ID=a,IDX=2>\n#CHROM\n\0"
    data = b"BCF\2\2" + struct.pack("<I", len(text)) + text
    assert bcf.read_header(Bytes(bgzf.compressed(data))).references == {"b": 7, "a": 2}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_cut_gives_exactly_the_bytes_between_two_offsets(data: st.DataObject) -> None:
    blocks = data.draw(st.lists(st.binary(max_size=60), min_size=1, max_size=8))
    packed = [bgzf.compressed(block) or bgzf.EOF for block in blocks]  # empty blocks do occur inside files
    source = Bytes(b"".join(packed) + bgzf.EOF)
    end = source.size - len(bgzf.EOF)
    starts = [sum(map(len, packed[:number])) for number in range(len(packed))]
    places = [
        (starts[n] << 16 | at, sum(map(len, blocks[:n])) + at)
        for n in range(len(blocks))
        for at in range(len(blocks[n]) + 1)
    ]
    places.append((end << 16, sum(map(len, blocks))))
    begin, stop = sorted(data.draw(st.tuples(st.sampled_from(places), st.sampled_from(places))))
    parts = cut(Blocks(source), (begin[0], stop[0]), end, "body", lambda _data, _at: True)
    got = b"".join(part.data if isinstance(part, Inline) else source.data[part.start : part.end] for part in parts)
    assert gzip.decompress(got or bgzf.EOF) == b"".join(blocks)[begin[1] : stop[1]]


def test_cut_refuses_offsets_that_are_no_boundaries() -> None:
    source = Bytes(bgzf.compressed(b"a" * 100) + bgzf.compressed(b"b" * 100) + bgzf.EOF)
    end = source.size - len(bgzf.EOF)
    second = len(bgzf.compressed(b"a" * 100))
    anything = lambda _data, _at: True  # noqa: E731
    for chunk in (
        (0, second << 16 | 101),
        (200, second << 16),
        (1 << 16, second << 16),
        (0, 1 << 40),
        (7 << 16, 7 << 16 | 1),
    ):
        with pytest.raises(DamagedIndex):
            cut(Blocks(source), chunk, end, "body", anything)
    with pytest.raises(DamagedIndex):
        cut(Blocks(source), (5, second << 16), end, "body", lambda _data, at: at == 0)


@settings(max_examples=200, deadline=None)
@given(
    chunks=st.lists(
        st.tuples(st.integers(0, 2**22), st.integers(1, 2**19)).map(lambda c: (c[0], c[0] + c[1])), max_size=40
    ),
    most=st.integers(1, 10),
)
def test_stretches_cover_every_chunk_in_order_without_overlap(chunks: list[tuple[int, int]], most: int) -> None:
    found = stretches(chunks, most)
    assert len(found) <= most
    assert all(any(begin <= chunk[0] and chunk[1] <= end for begin, end in found) for chunk in chunks)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(found))


def test_stretches_close_the_smallest_gaps() -> None:
    block = 1 << 16
    chunks = [(0, block), (3 * block, 4 * block), (5 * block + 5, 6 * block), (100 * block, 101 * block)]
    assert stretches(chunks, 3) == [(0, block), (3 * block, 6 * block), (100 * block, 101 * block)]
    assert stretches(chunks, 1) == [(0, 101 * block)]


def test_joined_keeps_sections_apart_and_drops_empty_parts() -> None:
    parts = [Inline(b"a", "header"), Inline(b"", "body"), Inline(b"b", "body"), Inline(b"c", "body")]
    assert joined(parts) == [Inline(b"a", "header"), Inline(b"bc", "body")]
    spans = [Span(0, 5, "body"), Span(5, 5, "body"), Span(5, 9, "body"), Span(10, 11, "body")]
    assert joined(spans) == [Span(0, 9, "body"), Span(10, 11, "body")]


def test_the_cache_forgets_the_least_recently_used() -> None:
    made: list[str] = []

    def get(cache: Cache[str], key: str) -> str:
        return cache.get(key, lambda: made.append(key) or key * 4)  # type: ignore[func-returns-value]

    cache = Cache[str](10, len)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(cache, key) == key * 4
    assert made == ["a", "b", "c", "b"]
    assert cache.get("huge", lambda: "x" * 11) == "x" * 11
    assert get(cache, "b") == "bbbb"
    assert made == ["a", "b", "c", "b"]


def test_the_cache_keeps_no_failure_and_makes_a_value_once() -> None:
    cache = Cache[str](10, len)
    with pytest.raises(DamagedIndex):
        cache.get("a", _broken)
    gate = threading.Event()
    made: list[int] = []

    def make() -> str:
        made.append(1)
        gate.wait(5)
        return "a"

    threads = [threading.Thread(target=cache.get, args=("a", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert made == [1]


def _broken() -> str:
    raise DamagedIndex("broken")
