"""Index parsers: what they read, and that nothing makes them crash, hang or fill the memory."""

from __future__ import annotations

import gzip
import random
import struct
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reads import crai, index
from adapters.reads.binning import first_bin
from adapters.reads.crai import parse_crai
from adapters.reads.errors import DamagedIndex, SliceError
from adapters.reads.index import inflated, parse_index
from adapters.reads.parts import Span
from adapters.reads.region import Format, Region
from adapters.reads.slices import Slicer, Stored
from tests.adapters.reads.files import Bytes, Made, bai, make_bam, make_cram, make_vcf

LEAF = first_bin(5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    folder = tmp_path_factory.mktemp("indexes")
    bam = make_bam(folder, count=300)
    made = [bam, make_bam(folder, seed=2, csi=True, count=300), make_cram(folder, bam), make_vcf(folder, count=300)]
    return {file.index.suffix: file for file in made}


def test_bins_of_the_specification() -> None:
    """SAM specification section 5.3: 0, 1-8, 9-72, 73-584, 585-4680, 4681-37448."""
    assert [first_bin(level) for level in range(7)] == [0, 1, 9, 73, 585, 4681, 37449]


def test_chunks_are_those_of_overlapping_bins_only() -> None:
    bins = {LEAF + 1: [(100, 200)], LEAF + 3: [(300, 400)], 0: [(50, 60)], 37450: [(1, 2), (3, 4)]}
    parsed = parse_index(bai([(bins, [])]))
    assert sorted(parsed.chunks(0, 16_384, 32_768)) == [(50, 60), (100, 200)]
    assert sorted(parsed.chunks(0, 0, 16_384)) == [(50, 60)]
    assert sorted(parsed.chunks(0, 16_383, 65_536)) == [(50, 60), (100, 200), (300, 400)]
    assert sorted(parsed.chunks(0, 0, None)) == [(50, 60), (100, 200), (300, 400)]
    assert parsed.chunks(1, 0, None) == []
    assert parsed.after_placed == 400


def test_windows_and_bins_to_the_right_trim_chunks() -> None:
    bins = {0: [(100, 900)], LEAF + 4: [(600, 700)]}
    parsed = parse_index(bai([(bins, [100, 100, 300, 400])]))
    assert parsed.chunks(0, 3 * 16_384, 4 * 16_384) == [(300, 600)]  # window 2 is asked for a region in window 3


def test_an_unmapped_read_before_the_first_mapped_one_of_its_window_is_kept() -> None:
    """Writers leave it out of the linear index: the window of the region must not cut it off."""
    parsed = parse_index(bai([({0: [(100, 900)]}, [100, 500])]))
    assert parsed.chunks(0, 16_384, 16_385) == [(100, 900)]


def test_csi_takes_the_first_record_of_bins_to_the_left() -> None:
    body = struct.pack("<I", 2)
    body += struct.pack("<IQI2Q", 0, 50, 1, 50, 999) + struct.pack("<IQI2Q", LEAF + 2, 700, 1, 700, 800)
    parsed = parse_index(b"CSI\1" + struct.pack("<iiII", 14, 5, 0, 1) + body)
    assert sorted(parsed.chunks(0, 5 * 16_384, 6 * 16_384)) == [(700, 999)]
    assert sorted(parsed.chunks(0, 0, 16_384)) == [(50, 700)]


@pytest.mark.parametrize("kind", [".bai", ".csi", ".tbi", ".crai"])
def test_every_truncation_is_an_error_or_the_same_index(files: dict[str, Made], kind: str) -> None:
    data = files[kind].index.read_bytes()
    parse = parse_crai if kind == ".crai" else parse_index
    plain = data if kind == ".bai" else gzip.decompress(data)
    for content in (data, plain):
        for length in range(0, len(content) - 1, 1 + len(content) // 200):
            try:
                parsed = parse(content[:length])
            except DamagedIndex:
                continue
            # Cut between lines of a CRAI, or in the count of unplaced reads that may be absent.
            assert kind == ".crai" or length >= len(plain) - 8, (kind, length)
            assert parsed.weight <= length


@pytest.mark.parametrize("magic", [b"", b"BAI\1", b"CSI\1", b"TBI\1", b"\x1f\x8b", b"BAI\2", b"BAM\1"])
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(magic: bytes, data: bytes) -> None:
    for parse in (parse_index, parse_crai):
        try:
            parse(magic + data)
        except DamagedIndex as error:
            assert str(error)  # noqa: PT017


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.lists(st.integers(-5, 2**70), max_size=8), max_size=6))
def test_any_lines_of_integers_are_parsed_or_refused(lines: list[list[int]]) -> None:
    text = "".join("\t".join(map(str, line)) + "\n" for line in lines).encode()
    try:
        parsed = parse_crai(gzip.compress(text))
    except DamagedIndex:
        return
    assert all(len(line) == 6 for line in lines)
    assert set(parsed.containers) == {line[3] for line in lines}


@pytest.mark.parametrize("kind", [".bai", ".csi", ".tbi", ".crai"])
def test_a_changed_index_gives_ranges_inside_the_file_or_a_clear_error(files: dict[str, Made], kind: str) -> None:
    file = files[kind]
    stored, _ = file.stored()
    plain = file.index.read_bytes() if kind == ".bai" else gzip.decompress(file.index.read_bytes())
    rng = random.Random(kind)
    regions = [Region(name) for name in file.lengths]
    for number in range(150):
        changed = bytearray(plain)
        for _ in range(rng.choice((1, 1, 2, 20))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            parts = Slicer().slice(file.format, stored, Stored(Bytes(bytes(changed)), number), [rng.choice(regions)])
        except SliceError:
            continue
        for part in parts:
            assert not isinstance(part, Span) or 0 <= part.start < part.end <= stored.source.size


CLAIMS = [
    b"BAI\1" + b"\xff" * 4,
    b"BAI\1" + struct.pack("<II", 1, 2**32 - 1),
    b"BAI\1" + struct.pack("<IIII", 1, 1, 0, 2**32 - 1),
    b"BAI\1" + struct.pack("<III", 1, 0, 2**32 - 1),
    b"CSI\1" + struct.pack("<iiI", 14, 5, 2**32 - 1),
    b"CSI\1" + struct.pack("<iiII", 14, 30, 0, 1) + bytes(100),
    b"CSI\1" + struct.pack("<iiII", 2**30, 5, 0, 1) + bytes(100),
    b"CSI\1" + struct.pack("<iiII", -1, -1, 0, 1) + bytes(100),
    b"TBI\1" + struct.pack("<8I", 1, 2, 1, 2, 0, 35, 0, 2**32 - 1),
    b"CSI\1" + struct.pack("<iiII", 14, 5, 0, 2**31) + bytes(2**20),
]


@pytest.mark.parametrize("data", CLAIMS, ids=range(len(CLAIMS)))
def test_claims_of_size_cost_nothing(data: bytes) -> None:
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises(DamagedIndex):
            parse_index(data)
        assert time.perf_counter() - begun < 5
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_index_and_no_faster() -> None:
    """Bins without chunks, references without bins: the densest ways to write an index."""
    many = struct.pack("<II", 1, 0) * 20_000
    for data in (b"BAI\1" + struct.pack("<I", 20_000) + many, b"BAI\1" + struct.pack("<II", 1, 20_000) + many):
        tracemalloc.start()
        try:
            parse_index(data + bytes(8))
        except DamagedIndex:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 20 * len(data)


def test_a_gzip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(8 << 20)) * 4
    with pytest.raises(DamagedIndex, match="more than"):
        inflated(bomb, 1 << 20)
    monkeypatch.setattr(crai, "LARGEST_TEXT", 1 << 20)
    with pytest.raises(DamagedIndex, match="more than"):
        parse_crai(bomb)


def test_an_index_too_large_is_not_read(files: dict[str, Made]) -> None:
    class Huge(Bytes):
        @property
        def size(self) -> int:
            return index.LARGEST_INDEX + 1

        def read(self, offset: int, length: int) -> bytes:
            raise AssertionError("read")

    stored, _ = files[".bai"].stored()
    with pytest.raises(DamagedIndex, match="at most"):
        Slicer().slice(Format.BAM, stored, Stored(Huge(b""), "huge"), [Region("chr1")])


def test_a_crai_entry_belongs_to_the_region_it_spans() -> None:
    parsed = parse_crai(b"0\t101\t50\t1000\t9\t9\n0\t201\t50\t2000\t9\t9\n-1\t0\t0\t3000\t9\t9\n1\t1\t9\t2000\t9\t9\n")
    assert parsed.overlapping(0, 0, 100) == set()
    assert parsed.overlapping(0, 0, 101) == {1000}
    assert parsed.overlapping(0, 149, 200) == {1000}
    assert parsed.overlapping(0, 150, 200) == set()
    assert parsed.overlapping(0, 149, 201) == {1000, 2000}
    assert parsed.overlapping(0, 0, None) == {1000, 2000}
    assert parsed.overlapping(1, 0, None) == {2000}
    assert parsed.overlapping(7, 0, None) == set()
    assert parsed.unplaced() == {3000}
    assert [parsed.after(at) for at in (1000, 2000, 3000)] == [2000, 3000, None]


def test_a_crai_slice_of_several_references_is_always_wanted() -> None:
    parsed = parse_crai(b"-2\t0\t0\t500\t9\t9\n")
    assert parsed.overlapping(3, 10, 20) == parsed.unplaced() == {500}


def test_a_long_slice_that_covers_short_ones_is_found() -> None:
    lines = ["0\t1\t100000\t10\t9\t9"] + [f"0\t{at}\t10\t{at * 100}\t9\t9" for at in range(100, 5000, 50)]
    parsed = parse_crai(("\n".join(lines) + "\n").encode())
    assert parsed.overlapping(0, 90_000, 90_001) == {10}
    assert 10 in parsed.overlapping(0, 1000, 1001)


def test_an_index_may_come_gzipped() -> None:
    """An index may come plain or gzipped."""
    plain = bai([({LEAF: [(1, 2)]}, [1])])
    assert parse_index(gzip.compress(plain)).chunks(0, 0, 1) == parse_index(plain).chunks(0, 0, 1) == [(1, 2)]
