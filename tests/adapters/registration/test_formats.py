"""What files are and who is in them, told by their first bytes."""

from __future__ import annotations

import gzip
import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.registration.formats import HEAD, formats, from_content, from_name, indexed_names, media_type
from adapters.registration.headers import UnreadableHeader, persons_named
from tests.support import shared

VCF = "##fileformat=VCFv4.3\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tHG1\tHG2\n"
SAM = "@HD\tVN:1.6\n@RG\tID:a\tSM:HG1\n@RG\tID:b\tSM:HG2\n@RG\tID:c\tSM:HG1\n"
BAM = b"BAM\1" + struct.pack("<i", len(SAM)) + SAM.encode() + struct.pack("<i", 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"CRAM\3\0", "CRAM"),
        (b"BAI\1", "BAI"),
        (gzip.compress(b"BAM\1", mtime=0), "BAM"),
        (gzip.compress(b"TBI\1", mtime=0), "TBI"),
        (gzip.compress(b"CSI\1", mtime=0), "CSI"),
        (gzip.compress(b"BCF\2\2", mtime=0), "BCF"),
        (gzip.compress(VCF.encode(), mtime=0), "VCF"),
        (VCF.encode(), "VCF"),
        (b"@r\nACGT\n+\nIIII\n", "FASTQ"),
        (gzip.compress(b"@r\r\nACGT\r\n+r\r\nIIII\r\n", mtime=0), "FASTQ"),
        (b"@r\nACGT\n+\nIII\n", None),
        (SAM.encode(), None),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"gene\tcount\n", None),
        (b"\x1f\x8bbroken", None),
        (b"", None),
    ],
)
def test_content_proves(content: bytes, expected: str | None) -> None:
    assert from_content(content) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.TSV", "TSV"),
        ("a.tsv.gz", "TSV"),
        ("a.vcf.gz", "VCF"),
        ("x.fastq.gz", "FASTQ"),
        ("x.fa", "FASTA"),
        ("x.bam.bai", "BAI"),
        ("x.h5ad", "HDF5"),
        ("README", None),
    ],
)
def test_names_suggest(name: str, expected: str | None) -> None:
    assert from_name(name) == expected


def test_media_types() -> None:
    assert media_type("TSV", b"a\tb") == "text/tab-separated-values"
    assert media_type("TSV", gzip.compress(b"a\tb", mtime=0)) == "application/gzip"
    assert media_type("BAM", gzip.compress(b"BAM\1", mtime=0)) == "application/octet-stream"


def test_indexes_and_what_they_belong_to() -> None:
    assert indexed_names("x.bam.bai", "BAI") == ["x.bam", "x.bam.bam"]
    assert indexed_names("x.bai", "BAI") == ["x", "x.bam"]
    assert "x.vcf.gz" in indexed_names("x.vcf.gz.tbi", "TBI")
    assert indexed_names("odd", "TBI") == []


def test_the_table_of_formats_is_sound() -> None:
    suffixes = [suffix for known in formats().values() for suffix in known.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)


def test_real_files() -> None:
    for folder in ("reads", "variants"):
        for path in shared(f"data/{folder}").iterdir():
            expected = from_name(path.name)
            with path.open("rb") as file:
                found = from_content(file.read(HEAD))
            if expected in ("BAM", "CRAM", "VCF", "BCF", "FASTQ", "BAI", "TBI", "CSI"):
                assert found == expected, path.name


def pieces(content: bytes, chance: random.Random) -> Iterator[bytes]:
    file = io.BytesIO(content)
    while piece := file.read(chance.randint(1, 40)):
        yield piece


def blocks(content: bytes, size: int) -> bytes:
    """A gzip file of many members, as BGZF is."""
    return b"".join(gzip.compress(content[at : at + size], mtime=0) for at in range(0, len(content), size))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("VCF", VCF.encode()),
        ("VCF", blocks(VCF.encode(), 17)),
        ("BAM", blocks(BAM, 13)),
        ("SAM", SAM.encode() + b"r1\t0\n"),
    ],
)
def test_persons_named_however_the_bytes_come(name: str, content: bytes) -> None:
    for seed in range(20):
        assert persons_named(name, pieces(content, random.Random(seed))) == ["HG1", "HG2"]


def test_no_more_than_the_header_is_read() -> None:
    def content() -> Iterator[bytes]:
        yield VCF.encode()
        raise AssertionError("read on")

    assert persons_named("VCF", content()) == ["HG1", "HG2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("VCF", b"##fileformat=VCFv4.3\n1\t5\n", "no #CHROM line"),
        ("VCF", gzip.compress(VCF.encode(), mtime=0)[:-30], "cut off"),
        ("VCF", gzip.compress(VCF.encode()[:-4], mtime=0)[:-1], "cut off"),
        ("VCF", b"\x1f\x8b" + b"\0" * 50, "broken"),
        ("BAM", blocks(b"BAM\1\xff\xff\xff\x7f", 99), "broken"),
        ("BAM", blocks(BAM, 13)[:60], "cut off"),
        ("VCF", VCF.encode().replace(b"HG1", b"\xff"), "UTF-8"),
        ("CRAM", b"CRAM", "list the individuals instead"),
    ],
)
def test_headers_that_cannot_be_read(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableHeader, match=message):
        persons_named(name, [content])


def test_people_of_the_real_cohort(tmp_path: Path) -> None:
    path = shared("data/variants/1000G_2504_chr1_GRCh37.vcf.gz")
    with path.open("rb") as file:
        names = persons_named("VCF", iter(lambda: file.read(1 << 16), b""))
    assert (len(names), names[0]) == (2504, "HG00096")
