"""Slices against a plain reading of the whole file: nothing missing, nothing twice, in file order (HTS-14, HTS-16)."""

from __future__ import annotations

import contextlib
import gzip
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.reads import bam, bgzf, cram, narrow, slices
from adapters.reads.errors import DamagedFile, DamagedIndex, MissingIndex, UnknownReference
from adapters.reads.parts import Inline, Span
from adapters.reads.records import MOST_STRETCHES
from adapters.reads.region import UNPLACED, Format, Region
from adapters.reads.slices import Slicer, Stored
from tests.adapters.reads.files import (
    Bytes,
    Made,
    bai,
    make_bam,
    make_bcf,
    make_cram,
    make_vcf,
    read_alignments,
    read_variants,
    reader,
)
from tests.support import shared

MAKERS: dict[str, Callable[[Path], Made]] = {
    "bam": make_bam,
    "bam-blocks-small": lambda folder: make_bam(folder, seed=2, count=1200, block=900),
    "bam-blocks-mixed": lambda folder: make_bam(folder, seed=3, count=1500, block=60_000),
    "bam-csi-long": lambda folder: make_bam(folder, seed=4, csi=True, count=1500),
    "cram-3.0": lambda folder: make_cram(folder, make_bam(folder, seed=5, count=1500)),
    "cram-3.1": lambda folder: make_cram(folder, make_bam(folder, seed=6, count=800), "3.1"),
    "cram-2.1": lambda folder: make_cram(folder, make_bam(folder, seed=7, count=800), "2.1"),
    "vcf-tbi": make_vcf,
    "vcf-blocks-small": lambda folder: make_vcf(folder, seed=2, block=900),
    "vcf-csi-long": lambda folder: make_vcf(folder, seed=3, csi=True),
    "bcf": lambda folder: make_bcf(folder, make_vcf(folder, seed=4)),
    "bcf-blocks-small": lambda folder: make_bcf(folder, make_vcf(folder, seed=5), block=900),
    "bcf-long": lambda folder: make_bcf(folder, make_vcf(folder, seed=6, csi=True)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Files by kind, each made once."""
    return cache(lambda kind: MAKERS[kind](tmp_path_factory.mktemp(kind)))


@pytest.fixture(scope="module", params=MAKERS)
def file(request: pytest.FixtureRequest, made: Callable[[str], Made]) -> Made:
    return made(request.param)


def records_of(file: Made, payload: bytes, folder: Path) -> list[str]:
    path = folder / f"slice.{file.format.lower()}"
    path.write_bytes(payload)
    return [record.text for record in reader(file.format)(path)]


def check(file: Made, slicer: Slicer, regions: Sequence[Region], folder: Path) -> tuple[int, int]:
    """Slice and compare; numbers of records wanted and given."""
    stored, index = file.stored()
    payload = file.payload(slicer.slice(file.format, stored, index, regions))
    marker = cram.end_marker(stored.source.read(4, 1)[0]) if file.format is Format.CRAM else bgzf.EOF
    assert payload.endswith(marker)
    assert payload.count(marker) == 1
    given_ = records_of(file, payload, folder)
    wanted = [record.text for record in file.records if any(record.overlaps(region) for region in regions)]
    assert len(set(given_)) == len(given_), "a record came twice"
    rest = iter(record.text for record in file.records)
    assert all(text in rest for text in given_), "not in the order of the file"
    assert set(wanted) <= set(given_), f"{len(set(wanted) - set(given_))} records are missing"
    return len(wanted), len(given_)


def random_region(file: Made, rng: random.Random) -> Region:
    name = rng.choice(list(file.lengths))
    length = file.lengths[name]
    placed = [record for record in file.records if record.reference == name]
    if placed and rng.random() < 0.7:  # near a record, at its very edges too
        record = rng.choice(placed)
        start = max(0, rng.choice((record.start, record.end)) + rng.choice((-1, 0, 0, 1, -rng.randrange(20_000))))
    else:
        start = rng.randrange(length)
    end = rng.choice((start + 1, start + rng.randrange(1, 300), start + rng.randrange(1, 60_000), length + 10**6, None))
    return Region(name, start, end)


def test_HTS_14_random_regions_hold_every_record_once_in_file_order(file: Made, tmp_path: Path) -> None:
    rng = random.Random(str(file.path.name))
    slicer = Slicer()
    for _ in range(25):
        check(file, slicer, [random_region(file, rng)], tmp_path)


def test_HTS_14_several_regions_in_any_order_and_overlapping(file: Made, tmp_path: Path) -> None:
    rng = random.Random(str(file.path.name) + "several")
    slicer = Slicer()
    for _ in range(10):
        regions = [random_region(file, rng) for _ in range(rng.randrange(2, 9))]
        if file.format in (Format.BAM, Format.CRAM) and rng.random() < 0.3:
            regions.insert(0, Region(UNPLACED))
        check(file, slicer, regions, tmp_path)


def test_HTS_08_star_is_the_unplaced_reads(file: Made, tmp_path: Path) -> None:
    if file.format in (Format.VCF, Format.BCF):
        with pytest.raises(UnknownReference):
            Slicer().slice(file.format, *file.stored(), [Region(UNPLACED)])
        return
    wanted, got = check(file, Slicer(), [Region(UNPLACED)], tmp_path)
    assert wanted > 50
    assert got == wanted or file.format is Format.CRAM


def test_HTS_16_no_matching_record_is_header_and_end_marker(file: Made, tmp_path: Path) -> None:
    wanted, _ = check(file, Slicer(), [Region("chr2", 149_000, 149_001)], tmp_path)
    assert wanted == 0
    for region in (Region("chr2", 5 * 10**8), Region("chr2", 2**32 - 2, 2**32 - 1)):  # beyond the contig
        assert check(file, Slicer(), [region], tmp_path) == (0, 0)


def test_HTS_16_contig_without_records(file: Made, tmp_path: Path) -> None:
    if "empty" not in file.lengths:
        pytest.skip("this file has records on every contig")
    assert check(file, Slicer(), [Region("empty")], tmp_path) == (0, 0)


def test_HTS_07_start_equal_to_end_has_the_records_around_that_point(file: Made, tmp_path: Path) -> None:
    check(file, Slicer(), [Region("chr2", 20_000, 20_000)], tmp_path)


def test_HTS_08_unknown_reference(file: Made) -> None:
    for name in ("chr9", "", "chr1\0", "CHR1"):
        with pytest.raises(UnknownReference):
            Slicer().slice(file.format, *file.stored(), [Region("chr2"), Region(name)])


def test_whole_file_is_byte_for_byte_the_file(file: Made) -> None:
    stored, _ = file.stored()
    parts = Slicer().whole(file.format, stored)
    assert parts == [Span(0, stored.source.size, None)]


def test_whole_file_without_end_marker_gets_one(file: Made) -> None:
    stored, _ = file.stored()
    marker = cram.end_marker(file.data[4]) if file.format is Format.CRAM else bgzf.EOF
    cut = Stored(Bytes(file.data[: -len(marker)]), "cut")
    assert Slicer().whole(file.format, cut) == [Span(0, len(file.data) - len(marker), None), Inline(marker, None)]
    assert stored.source.size == len(file.data)


def test_slices_of_a_file_without_end_marker_are_those_of_the_file(file: Made) -> None:
    stored, index = file.stored()
    marker = cram.end_marker(file.data[4]) if file.format is Format.CRAM else bgzf.EOF
    cut = Stored(Bytes(file.data[: -len(marker)]), "cut")
    for region in (Region("chr2", 20_000, 30_000), Region("HLA:A*01" if "HLA:A*01" in file.lengths else "chr2")):
        whole, without = (Slicer().slice(file.format, one, index, [region]) for one in (stored, cut))
        assert file.payload(without) == file.payload(whole)


def test_header_alone_has_the_header_and_no_record(file: Made, tmp_path: Path) -> None:
    stored, _ = file.stored()
    parts = Slicer().header(file.format, stored)
    assert {part.section for part in parts} == {"header"}
    assert records_of(file, file.payload(parts), tmp_path) == []


def test_HTS_41_every_part_of_a_slice_says_what_it_is(file: Made) -> None:
    parts = Slicer().slice(file.format, *file.stored(), [Region("chr2", 20_000, 21_000)])
    sections = [part.section for part in parts]
    assert (
        sections
        == sorted(sections, reverse=True)
        == ["header"] * sections.count("header") + ["body"] * (len(sections) - sections.count("header"))
    )


def test_many_regions_cost_few_parts_and_little_inline(made: Callable[[str], Made], tmp_path: Path) -> None:
    file = made("bam-blocks-small")
    rng = random.Random(1)
    regions = [Region("chr1", start, start + 1) for start in rng.sample(range(350_000), 500)]
    parts = Slicer().slice(file.format, *file.stored(), regions)
    assert len(parts) <= 3 * MOST_STRETCHES + 3
    assert sum(len(part.data) for part in parts if isinstance(part, Inline)) < 2 * 65_536 * MOST_STRETCHES
    check(file, Slicer(), regions, tmp_path)


def test_a_narrow_slice_is_narrow(made: Callable[[str], Made], tmp_path: Path) -> None:
    for kind in ("bam", "cram-3.0", "vcf-tbi"):
        file = made(kind)
        _, got = check(file, Slicer(), [Region("chr1", 200_000, 200_100)], tmp_path)
        assert got < len(file.records) * 0.3, kind


@pytest.mark.parametrize("kind", ["bam", "bam-blocks-mixed", "bam-csi-long", "bcf", "bcf-long"])
def test_a_slice_of_a_bam_or_bcf_begins_and_ends_with_a_record_asked_for(
    made: Callable[[str], Made], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrow, "MOST_COMPRESSED", 1 << 24)
    monkeypatch.setattr(narrow, "MOST_OPERATIONS", 1 << 14)
    file = made(kind)
    rng = random.Random(kind)
    slicer = Slicer()
    for _ in range(25):
        region = random_region(file, rng)
        stored, index = file.stored()
        payload = file.payload(slicer.slice(file.format, stored, index, [region]))
        texts = set(records_of(file, payload, tmp_path))
        got = [record for record in file.records if record.text in texts]
        wanted = [record for record in file.records if record.overlaps(region)]
        assert got[:1] == wanted[:1]
        assert not got or region.end is None or got[-1].start < region.end


def test_only_edges_are_read_and_packed(made: Callable[[str], Made]) -> None:
    """Once header and index are kept, a slice costs a few small reads however long it is."""
    file = made("bam")
    stored, index = file.stored()
    slicer = Slicer()
    slicer.slice(file.format, stored, index, [Region("chr1", 20_000, 20_001)])
    reads: list[int] = []

    class Counting(Bytes):
        def read(self, offset: int, length: int) -> bytes:
            reads.append(length)
            return super().read(offset, length)

    slicer.slice(file.format, Stored(Counting(file.data), stored.identity), index, [Region("chr1")])
    assert len(reads) <= 4
    assert sum(reads) <= narrow.MOST_COMPRESSED + 3 * 65_536


def test_what_is_told_at_once_is_the_slice_and_needs_what_is_kept(file: Made) -> None:
    rng = random.Random(str(file.path.name) + "at once")
    stored, index = file.stored()

    class Unread(Bytes):
        def read(self, offset: int, length: int) -> bytes:
            raise AssertionError(f"{length} bytes were read at {offset}")

    unread = Stored(Unread(index.source.read(0, index.source.size)), index.identity)
    slicer, told = Slicer(), 0
    assert slicer.at_once(file.format, Stored(Unread(file.data), stored.identity), unread, Region("chr1", 5, 9)) is None
    for region in [random_region(file, rng) for _ in range(40)]:
        wanted = slicer.slice(file.format, stored, index, [region])
        at_once = slicer.at_once(file.format, stored, unread, region)
        short = region.stop is not None and region.stop - region.start <= slices.SHORT
        assert at_once == (wanted if short else None)
        told += short
    assert told > 0
    assert slicer.at_once(file.format, Stored(Unread(file.data), "other"), unread, Region("chr1", 5, 9)) is None
    assert slicer.at_once(file.format, stored, Stored(unread.source, "other"), Region("chr1", 5, 9)) is None


def test_a_crai_with_very_many_slices_is_not_searched_at_once(
    made: Callable[[str], Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made("cram-3.0")
    stored, index = file.stored()
    slicer, region = Slicer(), Region("chr1", 0, 400_000)
    wanted = slicer.slice(file.format, stored, index, [region])
    assert slicer.at_once(file.format, stored, index, region) == wanted
    monkeypatch.setattr(slices, "FEW", 0)
    assert slicer.at_once(file.format, stored, index, region) is None


def test_containers_are_looked_at_once_per_content(made: Callable[[str], Made]) -> None:
    file = made("cram-3.0")
    stored, index = file.stored()
    reads: list[int] = []

    class Counting(Bytes):
        def read(self, offset: int, length: int) -> bytes:
            reads.append(offset)
            return super().read(offset, length)

    slicer, region = Slicer(), Region("chr1", 100_000, 200_000)
    counted = Stored(Counting(file.data), stored.identity)
    first = slicer.slice(file.format, counted, index, [region])
    reads.clear()
    assert slicer.slice(file.format, counted, index, [region]) == first
    assert reads == []
    slicer.slice(file.format, Stored(counted.source, "other"), index, [region])
    assert reads


def test_without_an_index_regions_are_refused_but_names_are_checked(file: Made) -> None:
    stored, _ = file.stored()
    with pytest.raises(MissingIndex):
        Slicer().slice(file.format, stored, None, [Region("chr2")])
    with pytest.raises(UnknownReference):
        Slicer().slice(file.format, stored, None, [Region("nowhere")])


def test_a_file_of_another_format_is_refused(file: Made) -> None:
    stored, _ = file.stored()
    for format in set(Format) - {file.format}:
        with pytest.raises(DamagedFile):
            Slicer().header(format, stored)


FOREIGN = [
    ("bam", "bam-blocks-small"),
    ("bam-blocks-mixed", "bam"),
    ("vcf-tbi", "vcf-blocks-small"),
    ("vcf-blocks-small", "vcf-tbi"),
    ("bcf", "bcf-blocks-small"),
    ("cram-3.0", "cram-2.1"),
    ("cram-3.1", "cram-3.0"),
]


@pytest.mark.parametrize(
    "region", [Region("chr1", 100_000, 200_000), Region("chr2", 149_000, 149_001), Region("empty")]
)
@pytest.mark.parametrize(("kind", "other"), FOREIGN)
def test_an_index_of_another_file_is_noticed_even_where_it_has_nothing(
    made: Callable[[str], Made], kind: str, other: str, region: Region
) -> None:
    stored, _ = made(kind).stored()
    _, foreign = made(other).stored()
    with pytest.raises(DamagedIndex):
        Slicer().slice(made(kind).format, stored, foreign, [region])


def test_an_index_without_records_is_not_that_of_a_file_with_some(made: Callable[[str], Made], tmp_path: Path) -> None:
    empty = make_bam(tmp_path, count=0)
    assert check(empty, Slicer(), [Region("chr1")], tmp_path) == (0, 0)
    _, index = empty.stored()
    stored, _ = made("bam").stored()
    with pytest.raises(DamagedIndex):
        Slicer().slice(Format.BAM, stored, index, [Region("chr1")])


@pytest.mark.parametrize("kind", ["bam", "vcf-blocks-small", "bcf-blocks-small"])
def test_records_behind_those_of_the_index_are_noticed(made: Callable[[str], Made], kind: str, tmp_path: Path) -> None:
    """The file went on growing after the index was made: what the index has is still right, but not all."""
    file = _placed(made(kind), tmp_path) if kind == "bam" else made(kind)
    stored, index = file.stored()
    Slicer().slice(file.format, stored, index, [Region("chr2")])
    record = bgzf.read_block(stored.source, _last_block(file)).data
    grown = Bytes(file.data[: -len(bgzf.EOF)] + bgzf.compressed(record * 40) + bgzf.EOF)
    for region in (Region("chr1", 0, 1000), Region("chr2", 149_000, 149_001)):
        with pytest.raises(DamagedIndex):
            Slicer().slice(file.format, Stored(grown, "grown"), index, [region])


def _placed(file: Made, folder: Path) -> Made:
    """The reads of a BAM that have a place."""
    path = folder / "placed.bam"
    with pysam.AlignmentFile(str(file.path)) as source, pysam.AlignmentFile(str(path), "wb", template=source) as target:
        for read in source.fetch():
            target.write(read)
    pysam.index(str(path))
    return Made(Format.BAM, path, Path(f"{path}.bai"), (), file.lengths)


def _last_block(file: Made) -> int:
    at = last = 0
    while at < len(file.data) - len(bgzf.EOF):
        last, at = at, at + bgzf.block_size(file.data[at : at + 64], at)
    return last


def test_a_bai_that_begins_after_the_first_record_is_noticed(made: Callable[[str], Made], tmp_path: Path) -> None:
    file = _placed(made("bam"), tmp_path)
    stored, _ = file.stored()
    with pysam.AlignmentFile(str(file.path)) as reads:
        offsets = [reads.tell() for _ in reads.fetch(until_eof=True)]
    end = bgzf.data_end(stored.source) << 16
    for begin, outcome in (
        (bam.read_header(stored.source).end, contextlib.nullcontext()),
        (offsets[0], pytest.raises(DamagedIndex)),
    ):
        made_index = Stored(Bytes(bai([({0: [(begin, end)]}, [begin]), *[({}, [])] * 3])), begin)
        with outcome:
            Slicer().slice(file.format, stored, made_index, [Region("empty")])


@pytest.mark.parametrize("kept", [slice(1, None), slice(None, -1)])
def test_a_crai_without_the_first_or_the_last_container_is_noticed(made: Callable[[str], Made], kept: slice) -> None:
    file = made("cram-3.0")
    stored, index = file.stored()
    lines = gzip.decompress(file.index.read_bytes()).splitlines(keepends=True)
    containers = list(dict.fromkeys(line.split(b"\t")[3] for line in lines))
    named = set(containers[kept])
    text = b"".join(line for line in lines if line.split(b"\t")[3] in named and not line.startswith(b"-2"))
    Slicer().slice(file.format, stored, index, [Region("empty")])
    with pytest.raises(DamagedIndex):
        Slicer().slice(file.format, stored, Stored(Bytes(text), "cut"), [Region("empty")])


def test_an_index_kept_for_one_file_is_compared_again_with_another(made: Callable[[str], Made]) -> None:
    slicer = Slicer()
    stored, index = made("bam").stored()
    slicer.slice(Format.BAM, stored, index, [Region("chr2")])
    other, _ = made("bam-blocks-small").stored()
    with pytest.raises(DamagedIndex):
        slicer.slice(Format.BAM, other, index, [Region("empty")])


def test_a_file_cut_off_behind_its_index_is_noticed(file: Made) -> None:
    _, index = file.stored()
    shorter = Stored(Bytes(file.data[: len(file.data) * 2 // 3]), "shorter")
    with pytest.raises((DamagedFile, DamagedIndex)):
        Slicer().slice(file.format, shorter, index, [Region(list(file.lengths)[-1])])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_HTS_14_any_regions_of_a_reblocked_bam(
    made: Callable[[str], Made], tmp_path: Path, data: st.DataObject
) -> None:
    file = made("bam-blocks-small")
    names = st.sampled_from(["chr1", "chr2", "HLA:A*01", UNPLACED])
    spans = st.tuples(names, st.integers(0, 400_000), st.one_of(st.none(), st.integers(1, 50_000)))
    regions = [
        Region(name) if name == UNPLACED else Region(name, start, None if size is None else start + size)
        for name, start, size in data.draw(st.lists(spans, min_size=1, max_size=5))
    ]
    check(file, Slicer(), regions, tmp_path)


REAL = [
    (Format.BAM, "data/reads/htsnexus_test_NA12878.bam", ".bai"),
    (Format.BAM, "data/reads/NA12878_chrM_GRCh38.bam", ".bai"),
    (Format.VCF, "data/variants/1000G_300_chr20_GRCh37.vcf.gz", ".tbi"),
    (Format.VCF, "data/variants/1000G_2548_chr22_GRCh38.vcf.gz", ".tbi"),
    (Format.VCF, "data/variants/gnomad_exomes_r2.1.1_chr1_sites.vcf.gz", ".tbi"),
    (Format.VCF, "data/variants/SV_manta_trio_chr22.vcf.gz", ".tbi"),
    (Format.VCF, "data/variants/HG002_GIAB.filtered.vcf.gz", ".csi"),
    (Format.VCF, "data/variants/clinvar_testset_vep.vcf.gz", ".tbi"),
    (Format.BCF, "data/variants/sample1-bcbio-cancer.bcf", ".csi"),
]


@pytest.mark.parametrize(("format", "name", "ending"), REAL, ids=[name for _, name, _ in REAL])
def test_slices_of_real_files(format: Format, name: str, ending: str, tmp_path: Path) -> None:
    path = shared(name)
    records = (read_alignments if format is Format.BAM else read_variants)(path)
    lengths = {record.reference: record.end for record in records if record.reference}
    unique = {record.text: record for record in records}  # real files do repeat records; each text counts once
    file = Made(format, path, Path(f"{path}{ending}"), records, lengths)
    slicer = Slicer()
    rng = random.Random(name)
    stored, index = file.stored()
    for _ in range(8):
        region = random_region(file, rng)
        payload = file.payload(slicer.slice(format, stored, index, [region]))
        got = records_of(file, payload, tmp_path)
        assert set(got) >= {text for text, record in unique.items() if record.overlaps(region)}
        rest = iter(record.text for record in records)
        assert all(text in rest for text in got)


@pytest.mark.parametrize("name", ["data/reads/NA12878_chrM_GRCh38.cram", "data/reads/htsnexus_test_NA12878.cram"])
def test_containers_of_real_crams(name: str) -> None:
    """Their bases need references that are not at hand; their containers do not."""
    path = shared(name)
    stored = Stored(Bytes(path.read_bytes()), name)
    index = Stored(Bytes(Path(f"{path}.crai").read_bytes()), name + ".crai")
    reference = "chrM" if "chrM" in name else "11"
    parts = Slicer().slice(Format.CRAM, stored, index, [Region(reference)])
    assert isinstance(parts[-1], Inline)
    assert parts[-1].data == cram.EOF_3
    for part in parts[:-1]:
        assert isinstance(part, Span)
        at = part.start or cram.DEFINITION
        while at < part.end:
            container = cram.read_container(stored.source, at, 3)
            at += container.head + container.body
        assert at == part.end
