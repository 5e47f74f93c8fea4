"""Made reads: FASTQ pairs, BAM with BAI, CRAM with CRAI and its reference. All of it follows from the seed."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pysam

from node.demo.made.genotypes import CONTIGS
from node.demo.made.plan import SEED

READ_LENGTH = 100
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")


def made_sequence(stream: int, length: int) -> bytes:
    """``length`` random bases; the same for the same ``stream``."""
    return BASES[np.random.default_rng([SEED, 4, stream]).integers(0, 4, length)].tobytes()


def write_fasta(path: Path, contigs: Mapping[str, bytes]) -> None:
    """Write a reference of the given contigs with its ``.fai`` beside it."""
    with path.open("wb") as out:
        for name, bases in contigs.items():
            out.write(b">" + name.encode() + b"\n")
            for start in range(0, len(bases), 60):
                out.write(bases[start : start + 60] + b"\n")
    pysam.faidx(str(path))


def write_fastq_pair(first: Path, second: Path, genome: bytes, stream: int, *, pairs: int) -> None:
    """Write both mates of ``pairs`` fragments (gzip, no time stamp in the header)."""
    chance = np.random.default_rng([SEED, 5, stream])
    starts = chance.integers(0, len(genome) - 400, pairs)
    spans = chance.integers(220, 400, pairs)
    qualities = [bytes(row) for row in chance.integers(63, 74, (64, READ_LENGTH)).astype(np.uint8)]
    with _gzip(first) as mate1, _gzip(second) as mate2:
        for number, (start, span) in enumerate(zip(starts.tolist(), spans.tolist(), strict=True)):
            name = f"@DEMO:{stream}:FC1:1:{1101 + number // 1000}:{start}:{number}".encode()
            left = genome[start : start + READ_LENGTH]
            right = genome[start + span - READ_LENGTH : start + span].translate(COMPLEMENT)[::-1]
            mate1.write(b"%s 1:N:0:1\n%s\n+\n%s\n" % (name, left, qualities[number % 64]))
            mate2.write(b"%s 2:N:0:1\n%s\n+\n%s\n" % (name, right, qualities[(number + 7) % 64]))


@contextmanager
def _gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """A gzip file whose header holds neither name nor time."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
        yield out


def write_bam(path: Path, sample: str, regions: Mapping[str, tuple[int, int]], stream: int, *, depth: int = 12) -> None:
    """Write a sorted BAM and its ``.bai``: reads over ``regions`` (contig → 0-based start, end) of GRCh38."""
    header = pysam.AlignmentHeader.from_dict(_header(sample, CONTIGS))
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for read in _alignments(header, sample, regions, stream, depth):
            out.write(read)
    pysam.index(str(path))


def write_cram(path: Path, reference: Path, sample: str, stream: int, *, depth: int = 12) -> None:
    """Write a sorted CRAM 3.0 and its ``.crai``: reads over all of ``reference``, in small slices so that few fit."""
    with pysam.FastaFile(str(reference)) as fasta:
        bases = {name: fasta.fetch(name).encode() for name in fasta.references}
    described = _header(sample, {name: len(sequence) for name, sequence in bases.items()})
    for contig in described["SQ"]:
        contig |= {"M5": hashlib.md5(bases[contig["SN"]]).hexdigest(), "UR": reference.name}
    header = pysam.AlignmentHeader.from_dict(described)
    options = ["version=3.0", "seqs_per_slice=1000"]
    regions = {name: (0, len(sequence)) for name, sequence in bases.items()}
    with (
        _found_by_checksum(bases.values()),
        pysam.AlignmentFile(str(path), "wc", header=header, format_options=options) as out,
    ):
        for read in _alignments(header, sample, regions, stream, depth, bases):
            out.write(read)
    with path.open("r+b") as file:  # the file id, bytes 6 to 25, where htslib writes the path of this machine
        file.seek(6)
        file.write(sample.encode()[:20].ljust(20, b"\0"))
    pysam.index(str(path))


@contextmanager
def _found_by_checksum(sequences: Iterable[bytes]) -> Iterator[None]:
    """Let htslib find these reference sequences by their MD5: given a file, it would write that file's path into
    the header, and the same command would give other bytes in another folder."""
    before = os.environ.get("REF_PATH")
    with TemporaryDirectory() as folder:
        for sequence in sequences:
            Path(folder, hashlib.md5(sequence).hexdigest()).write_bytes(sequence)
        os.environ["REF_PATH"] = f"{folder}/%s"
        try:
            yield
        finally:
            os.environ.pop("REF_PATH")
            if before is not None:
                os.environ["REF_PATH"] = before


def _header(sample: str, lengths: Mapping[str, int]) -> dict[str, Any]:
    return {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": name, "LN": length} for name, length in lengths.items()],
        "RG": [{"ID": sample, "SM": sample, "PL": "ILLUMINA"}],
    }


def _alignments(
    header: pysam.AlignmentHeader,
    sample: str,
    regions: Mapping[str, tuple[int, int]],
    stream: int,
    depth: int,
    bases: Mapping[str, bytes] | None = None,
) -> Iterator[pysam.AlignedSegment]:
    """Single reads in the order of the header; without ``bases`` the sequence of a region is made for it."""
    chance = np.random.default_rng([SEED, 6, stream])
    qualities = ["".join(map(chr, row)) for row in (33 + chance.integers(25, 42, (512, READ_LENGTH))).tolist()]
    serial = 0
    for rank, name in enumerate(header.references):
        if name not in regions:
            continue
        begin, end = regions[name]
        sequence = bases[name][begin:end] if bases else made_sequence(1000 + rank, end - begin)
        number = (end - begin) * depth // READ_LENGTH
        for offset in np.sort(chance.integers(0, end - begin - READ_LENGTH, number)).tolist():
            serial += 1
            read = pysam.AlignedSegment(header)
            read.query_name = f"DEMO:{stream}:{serial}"
            read.flag = 16 if serial % 2 else 0
            read.reference_id = rank
            read.reference_start = begin + offset
            read.mapping_quality = 60
            read.cigartuples = [(0, READ_LENGTH)]
            read.query_sequence = sequence[offset : offset + READ_LENGTH].decode()
            read.query_qualities = pysam.qualitystring_to_array(qualities[serial % 512])
            read.set_tag("RG", sample)
            yield read
