"""The compiled scanner reads what htslib reads, whatever the file; segments have every line once."""

from __future__ import annotations

import random
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from adapters.reads.bgzf import EOF, compressed
from adapters.variants.carriers import decode, encode
from adapters.variants.lines import InvalidVariantFile, Segment, lines, segments
from adapters.variants.people import Cohort
from adapters.variants.vcf import HtslibFile, TextFile, _header, _open, opened
from tests.adapters.variants.cohort_text import Writer
from tests.support import shared

HEAD = """##fileformat=VCFv4.3
##contig=<ID=21,length=46709983>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=DB,Number=0,Type=Flag,Description="x">
##INFO=<ID=ANN,Number=.,Type=String,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"""
FILES = [
    "1000G_2504_chr1_GRCh37", "1000G_2504_clinvar_pathogenic_chr22_GRCh37", "1000G_2548_chr22_GRCh38.snpeff",
    "1000G_2548_chr22_GRCh38", "1000G_300_chr20_GRCh37", "1000G_835_APOL1_GRCh37", "HG002_GIAB.filtered",
    "SV_manta_trio_chr22", "SV_truvari_multi", "clinvar_testset_vep", "gnomad_exomes_r2.1.1_chr1_sites",
    "sample1-bcbio-cancer", "spec-v4.3",
]  # fmt: skip
alleles = st.sampled_from(["0", "1", "2", ".", "10"])
calls = st.one_of(
    alleles,
    st.tuples(alleles, st.sampled_from("/|"), alleles).map("".join),
    st.tuples(alleles, st.sampled_from([":9", ":.", ":"])).map("".join),
    st.tuples(alleles, st.just("|"), alleles, st.sampled_from([":9", ":."])).map("".join),
)


def written(path: Path, rows: list[str], samples: int) -> Path:
    columns = "".join(f"\tS{n}" for n in range(samples))
    head = HEAD + ("\tFORMAT" + columns if samples else "")
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def assert_same(path: Path) -> int:
    """Every record of a file, as the scanner and as htslib have it; how many there are."""
    reader = _open(path)
    header = _header(reader)
    scanner, number = TextFile(path, header), 0
    ours = (record for part in scanner.segments() for record in scanner.records(part))
    for a, b in zip_longest(ours, HtslibFile(path, header, reader).records(Segment(0, 0, 0))):
        assert (a.contig, a.position, a.ref, a.alts) == (b.contig, b.position, b.ref, b.alts)
        assert (a.genotypes is None) == (b.genotypes is None)
        assert a.genotypes is None or np.array_equal(a.genotypes, b.genotypes), (a.contig, a.position)
        for key in header.types:
            assert comparable(a.info.get(key)) == comparable(b.info.get(key)), (a.contig, a.position, key)
        number += 1
    return number


def comparable(value: Any) -> Any:
    """htslib keeps numbers with fractions in 32 bits."""
    if isinstance(value, tuple):
        return tuple(comparable(one) for one in value)
    return float(np.float32(value)) if isinstance(value, float) else value


@pytest.mark.parametrize("name", FILES)
def test_real_files_read_as_htslib_reads_them(name: str) -> None:
    assert assert_same(shared(f"data/variants/{name}.vcf.gz")) > 0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("genotypes", [True, False])
def test_generated_files_read_as_htslib_reads_them(tmp_path: Path, seed: int, genotypes: bool) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(Writer(seed, [f"S{i}" for i in range(30)], records=300, genotypes=genotypes).text())
    assert assert_same(path) == 300


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(calls, min_size=4, max_size=4), min_size=1, max_size=6),
    layout=st.sampled_from(["GT:DP", "GT"]),
    info=st.sampled_from([".", "AC=1,2", "AC=.", "DB", "END=20;AF=0.5,1e-3", "SVLEN=-5;ANN=a|b,c|d", "AF=.,0.1;DB"]),
)
def test_any_calls_read_as_htslib_reads_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], layout: str, info: str
) -> None:
    alts = ",".join("A" + "C" * n for n in range(1, 11))
    text = []
    for position, row in enumerate(rows, 10):
        fields = [call if layout == "GT:DP" else call.partition(":")[0] for call in row]
        text.append("\t".join(["21", str(position), ".", "A", alts, ".", ".", info, layout, *fields]))
    path = written(tmp_path_factory.mktemp("calls") / "a.vcf", text, 4)
    assert assert_same(path) == len(rows)


def test_gt_at_another_place_or_nowhere(tmp_path: Path) -> None:
    text = ["21\t5\t.\tA\tG\t.\t.\t.\tDP:GT\t3:0/1\t.:1\t7:.", "21\t6\t.\tA\tG\t.\t.\t.\tDP\t3\t4\t5"]
    path = written(tmp_path / "a.vcf", text, 3)
    assert assert_same(path) == 2
    scanner = opened(path)
    first = next(scanner.records(scanner.segments()[0])).genotypes
    assert first is not None
    assert first.tolist() == [[0, 1], [1, -2], [-1, -2]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0", "columns of 2 samples, but the header names 3"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\t0/0\t0/0", "more columns than the 3 samples"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\tx/0\t0/0", "sample S1: GT is no genotype"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\t0-0", "sample S2: GT is no genotype"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t\t0/0\t0/0", "sample S0: GT is no genotype"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/0\t0/\t0/0", "sample S1: GT is no genotype"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/0/1\t0/0\t0/0", "sample S0: a genotype has more than two alleles"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/0\t0/0\t0/2", "genotype of allele 2, but ALT has 1"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT\t0/0\t0/0\t0/99999999999", "but ALT has 1"),
        ("21\t5\t.\tA\tG\t.\t.\t.\tGT", "no columns of samples"),
        ("21\t5\t.\tA\tG", "5 columns, at least 8 are needed"),
        ("21\tx\t.\tA\tG\t.\t.\t.\tGT\t0/0\t0/0\t0/0", "POS 'x' is not a whole number"),
        ("21\t5\t.\tA\t\udcff\t.\t.\t.\tGT\t0/0\t0/0\t0/0", "record at 21:5"),
    ],
)
def test_a_line_that_is_no_record_names_its_place_and_what_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "a.vcf"
    head = HEAD + "\tFORMAT\tS0\tS1\tS2\n"
    path.write_bytes((head + row + "\n").encode(errors="surrogateescape"))
    scanner = opened(path)
    with pytest.raises(InvalidVariantFile) as caught:
        list(scanner.records(scanner.segments()[0]))
    assert message in str(caught.value)
    assert f"{path}: record at 21:" in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(100, 90_000), packed=st.booleans())
def test_segments_have_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int, packed: bool
) -> None:
    r = random.Random(seed)
    wanted = [bytes(r.choices(b"ACGT", k=r.choice([0, 1, 40, 4_000, 70_000]))) for _ in range(r.randrange(1, 40))]
    text = b"\n".join(wanted) + b"\n"
    path = tmp_path_factory.mktemp("lines") / "a.vcf"
    if packed:
        at, pieces = 0, []
        while at < len(text):
            length = r.choice([1, 300, 65_280])
            pieces.append(compressed(text[at : at + length]))
            at += length
        path.write_bytes(b"".join(pieces) + EOF)
    else:
        path.write_bytes(text)
    parts = segments(path, size)
    assert [line for part in parts for line in lines(path, part)] == wanted
    assert parts[0].start == 0
    assert parts[-1].end == path.stat().st_size
    if not packed:
        assert len(parts) == -(-len(text) // size)


def test_a_block_that_is_damaged_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "a.vcf"
    plain.write_text(Writer(3, ["S1", "S2"], records=4_000).text())
    packed = tmp_path / "a.vcf.gz"
    pysam.tabix_compress(str(plain), str(packed))
    whole, r = packed.read_bytes(), random.Random(5)
    wanted = plain.read_bytes().splitlines()
    for _ in range(30):
        data = bytearray(whole)
        data[r.randrange(60, len(data) - 40)] ^= 1 << r.randrange(8)
        packed.write_bytes(data)
        try:
            read = [line for part in segments(packed) for line in lines(packed, part)]
        except InvalidVariantFile as error:
            assert str(packed) in str(error)  # noqa: PT017 - a header field that nobody reads may be the one changed
        else:
            assert read == wanted


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_carriers_of_a_record_are_those_that_a_dictionary_finds(seed: int) -> None:
    r = random.Random(seed)
    people, first, step = r.choice([1, 3, 40, 300]), r.choice([0, 41, 65_000, 70_000, 10**6]), r.choice([1, 2, 7, 5000])
    ordinals = [first + step * (r.randrange(people) if r.random() < 0.3 else n) for n in range(people)]
    frequency, missing = r.choice([0.001, 0.1, 0.5, 0.95, 1]), r.choice([0, 0, 0.05])

    def allele() -> int:
        return -1 if r.random() < missing else int(r.random() < frequency) * r.randint(1, 2)

    read = [[allele(), -2 if r.random() < missing else allele()] for _ in ordinals]
    found = list(Cohort(ordinals).alleles(np.array(read, dtype=np.int32), [1, 2, 3]))
    called: dict[int, int] = {}
    for ordinal, (a, b) in zip(ordinals, read, strict=True):
        called[ordinal] = max(called.get(ordinal, 0), (a >= 0) + (b >= 0))
    for number, said in zip((1, 2, 3), found, strict=True):
        copies: dict[int, int] = {}
        for ordinal, (a, b) in zip(ordinals, read, strict=True):
            copies[ordinal] = max(copies.get(ordinal, 0), (a == number) + (b == number))
        carriers = BitMap([o for o, n in copies.items() if n])
        if said is None:
            assert not carriers
            continue
        assert decode(said.carriers) == carriers
        assert said.carriers == encode(carriers), "the smallest form, whoever encodes"
        assert said.carrier_count == len(carriers)
        for data, wanted in (
            (said.homozygotes, [o for o, n in copies.items() if n > 1]),
            (said.single, [o for o, n in called.items() if n == 1]),
            (said.uncalled, [o for o, n in called.items() if n == 0]),
        ):
            assert data == (encode(BitMap(wanted)) if wanted else None)
