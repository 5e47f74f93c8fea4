"""Sequence files made by code, with everything that makes slicing hard, and the records in them as an oracle."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam
from pysam import bcftools

from adapters.reads import bgzf
from adapters.reads.parts import Inline, Part
from adapters.reads.region import UNPLACED, Format, Region
from adapters.reads.slices import Stored

CONTIGS = {"chr1": 400_000, "chr2": 150_000, "empty": 50_000, "HLA:A*01": 60_000}
LONG = {"chr1L": 900_000_000, "chr2": 150_000}


@dataclass(frozen=True)
class Bytes:
    """A byte source in memory that counts what is read of it."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length >= 0
        return self.data[offset : offset + length]


@dataclass(frozen=True)
class Record:
    """A record as text and where it lies: bases ``start`` … ``end``, 0-based half-open; reference None if unplaced."""

    text: str
    reference: str | None
    start: int
    end: int

    def overlaps(self, region: Region) -> bool:
        if region.reference == UNPLACED:
            return self.reference is None
        stop = float("inf") if region.end is None else region.end
        return self.reference == region.reference and self.start < stop and self.end > region.start


@dataclass(frozen=True)
class Made:
    """A file with its index and its records in file order."""

    format: Format
    path: Path
    index: Path
    records: tuple[Record, ...]
    lengths: dict[str, int]

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def stored(self) -> tuple[Stored, Stored]:
        return Stored(Bytes(self.data), self.path), Stored(Bytes(self.index.read_bytes()), self.index)

    def payload(self, parts: Sequence[Part]) -> bytes:
        """What a client gets that puts the parts one behind the other."""
        data = self.data
        return b"".join(part.data if isinstance(part, Inline) else data[part.start : part.end] for part in parts)


def read_alignments(path: Path) -> tuple[Record, ...]:
    """All reads of a BAM or CRAM in file order."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return tuple(
            Record(
                read.to_string(),
                read.reference_name,
                read.reference_start,
                read.reference_end or read.reference_start + 1,
            )
            for read in file.fetch(until_eof=True)
        )


def read_variants(path: Path) -> tuple[Record, ...]:
    """All variants of a VCF or BCF in file order."""
    with pysam.VariantFile(str(path)) as file:
        return tuple(Record(str(record), record.contig, record.start, record.stop) for record in file)


def reader(format: Format) -> Callable[[Path], tuple[Record, ...]]:
    return read_alignments if format in (Format.BAM, Format.CRAM) else read_variants


def reblocked(source: Path, target: Path, seed: int, largest: int = 4000) -> Path:
    """The same inflated bytes in BGZF blocks of arbitrary sizes, so that nearly every record straddles a border."""
    rng = random.Random(seed)
    data = b"".join(inflate(source))
    blocks: list[bytes] = []
    at = 0
    while at < len(data):
        size = rng.choice((1, rng.randrange(1, 200), rng.randrange(1, largest)))
        if at == 0:
            size += 100  # htslib tells the format from the first block alone
        blocks.append(bgzf.compressed(data[at : at + size]))
        at += size
    target.write_bytes(b"".join(blocks) + bgzf.EOF)
    return target


def inflate(path: Path) -> Iterator[bytes]:
    source = Bytes(path.read_bytes())
    at = 0
    while at < source.size:
        block = bgzf.read_block(source, at)
        yield block.data
        at += block.size


def make_bam(folder: Path, *, seed: int = 1, csi: bool = False, count: int = 3000, block: int | None = None) -> Made:
    """A sorted BAM: pairs, reads with unmapped mates, unplaced reads, long CIGARs, introns over many windows."""
    contigs = LONG if csi else CONTIGS
    loose, path = folder / "loose.bam", folder / f"reads{seed}{'L' if csi else ''}.bam"
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": name, "LN": length} for name, length in contigs.items()]}
    with pysam.AlignmentFile(str(loose), "wb", header=header) as file:
        for read in _reads(random.Random(seed), file.header, contigs, count):
            file.write(read)
    pysam.sort("-o", str(path), str(loose))
    if block is not None:
        path = reblocked(path, path.with_suffix(".small.bam"), seed, block)
    pysam.index(*(["-c"] if csi else []), str(path))
    index = Path(f"{path}.csi" if csi else f"{path}.bai")
    return Made(Format.BAM, path, index, read_alignments(path), dict(contigs))


def _reads(
    rng: random.Random, header: pysam.AlignmentHeader, contigs: dict[str, int], count: int
) -> Iterator[pysam.AlignedSegment]:
    names = [name for name in contigs if name != "empty"]
    for number in range(count):
        name = rng.choices(names, weights=range(len(names), 0, -1))[0]
        start = rng.randrange(contigs[name] - 45_000)
        if rng.random() < 0.3:  # a pile, so that many share a window
            start = min(start, rng.randrange(100) + 20_000)
        for mate in (0, 1):
            read = pysam.AlignedSegment(header)
            read.query_name = f"r{number}"
            read.flag = 0x1 | (0x40 if mate == 0 else 0x80)
            read.reference_id = header.get_tid(name)
            read.reference_start = start + mate * rng.randrange(400)
            read.next_reference_id = read.reference_id
            read.next_reference_start = start
            kind = rng.random()
            if kind < 0.04:
                read.flag |= 0x4  # unmapped, placed beside its mate
                _sequence(read, rng, 100, None)
            elif kind < 0.08:
                read.flag |= 0x4 | 0x8
                read.reference_id = read.next_reference_id = -1
                read.reference_start = read.next_reference_start = -1
                _sequence(read, rng, 100, None)
            elif kind < 0.10:
                _sequence(read, rng, 100, [(0, 50), (3, rng.randrange(1000, 40_000)), (0, 50)])  # an intron
            elif kind < 0.12:
                _sequence(read, rng, 4500, [(0, 2), (1, 1)] * 1500)  # a long CIGAR
            else:
                length = rng.choice((36, 100, 150, 150, 3000))
                _sequence(read, rng, length, [(0, length)])
            yield read


def _sequence(read: pysam.AlignedSegment, rng: random.Random, length: int, cigar: list[tuple[int, int]] | None) -> None:
    read.query_sequence = "".join(rng.choices("ACGT", k=length))
    read.query_qualities = pysam.qualitystring_to_array("".join(rng.choices("#/6AEJ", k=length)))
    if cigar is not None:
        read.cigartuples = cigar
        read.mapping_quality = 60
        read.set_tag("NM", 0)


def make_cram(folder: Path, bam: Made, version: str = "3.0") -> Made:
    """The reads of a BAM as CRAM without reference, with small slices and containers."""
    path = folder / f"{bam.path.stem}.{version}.cram"
    options = ["no_ref=1", "seqs_per_slice=150", "slices_per_container=2", f"version={version}"]
    with pysam.AlignmentFile(str(bam.path)) as source:
        mode = {"header": source.header, "format_options": [option.encode() for option in options]}
        with pysam.AlignmentFile(str(path), "wc", **mode) as file:
            for read in source.fetch(until_eof=True):
                file.write(read)
    pysam.index(str(path))
    return Made(Format.CRAM, path, Path(f"{path}.crai"), read_alignments(path), bam.lengths)


def make_vcf(folder: Path, *, seed: int = 1, csi: bool = False, count: int = 3000, block: int | None = None) -> Made:
    """A sorted VCF with small variants, long deletions and symbolic ones; one contig of the header has no records."""
    rng = random.Random(seed)
    contigs = LONG if csi else CONTIGS
    path = folder / f"variants{seed}{'L' if csi else ''}.vcf.gz"
    lines = ["##fileformat=VCFv4.3", '##INFO=<ID=END,Number=1,Type=Integer,Description="End">']
    lines += ['##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">', '##ALT=<ID=DEL,Description="Deletion">']
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += [f"##contig=<ID={name},length={length}>" for name, length in contigs.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(f"S{i}" for i in range(20)))
    for name, length in contigs.items():
        if name != "empty":
            positions = sorted(rng.randrange(1, length - 45_000) for _ in range(count // 3))
            lines += [_variant(rng, name, position, number) for number, position in enumerate(positions)]
    text = folder / "plain.vcf"
    text.write_text("\n".join(lines) + "\n")
    pysam.tabix_compress(str(text), str(path), force=True)
    if block is not None:
        path = reblocked(path, path.with_name("small." + path.name), seed, block)
    pysam.tabix_index(str(path), preset="vcf", force=True, csi=csi)
    index = Path(f"{path}.csi" if csi else f"{path}.tbi")
    return Made(Format.VCF, path, index, read_variants(path), dict(contigs))


def _variant(rng: random.Random, name: str, position: int, number: int) -> str:
    genotypes = "\t".join(rng.choices(("0/0", "0/1", "1/1", "./."), k=20))
    kind = rng.random()
    if kind < 0.03:
        end = position + rng.randrange(1000, 40_000)
        reference, alternate, info = "A", "<DEL>", f"END={end};SVTYPE=DEL"
    elif kind < 0.1:
        reference, alternate, info = "A" + "".join(rng.choices("ACGT", k=rng.randrange(1, 300))), "A", "."
    else:
        reference, alternate, info = "A", rng.choice("CGT"), "."
    return f"{name}\t{position}\tv{name}{number}\t{reference}\t{alternate}\t.\tPASS\t{info}\tGT\t{genotypes}"


def make_bcf(folder: Path, vcf: Made, *, block: int | None = None) -> Made:
    """The variants of a VCF as BCF with CSI."""
    path = folder / f"{vcf.path.name.removesuffix('.vcf.gz')}.bcf"
    with pysam.VariantFile(str(vcf.path)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as file:
        for record in source:
            file.write(record)
    if block is not None:
        path = reblocked(path, path.with_name("small." + path.name), 1, block)
    bcftools.index("-f", str(path))
    return Made(Format.BCF, path, Path(f"{path}.csi"), read_variants(path), vcf.lengths)


def bai(references: Sequence[tuple[dict[int, list[tuple[int, int]]], list[int]]]) -> bytes:
    """A BAI of given bins and windows."""
    pieces = [b"BAI\1", struct.pack("<I", len(references))]
    for bins, windows in references:
        pieces.append(struct.pack("<I", len(bins)))
        for number, chunks in bins.items():
            pieces.append(struct.pack("<II", number, len(chunks)))
            pieces += [struct.pack("<QQ", *chunk) for chunk in chunks]
        pieces.append(struct.pack(f"<I{len(windows)}Q", len(windows), *windows))
    return b"".join(pieces)
