"""Every sequence file of the data pack: its slices hold what samtools and bcftools see of the same regions.

Each file, and a copy of it in other blocks, is asked ``QUESTIONS`` random questions: points, contig ends and beyond,
stretches with nothing in them, whole contigs, the reads without a place; every tenth is a union of two to nine. One in
forty is asked again of the programs of Debian, whose output must be the same, byte for byte, of the slice and of the
file. (A thousand questions to fifty files by processes alone would take hours; both readers are htslib.)
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.reads import bgzf, cram
from adapters.reads.errors import DamagedFile, MissingIndex
from adapters.reads.region import UNPLACED, Format, Region
from adapters.reads.slices import Slicer, Stored
from tests.adapters.reads.files import Bytes
from tests.prove.sliced import Order, Sequenced, again, as_bcf, as_given, payload
from tests.support import program, shared

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

SEED = os.environ.get("GSANODE_SEED", "1")
QUESTIONS = int(os.environ.get("GSANODE_QUESTIONS", "1000"))
SAMPLE = 40  # one in so many is asked of the programs too

# Name in the pack, and the reference of a CRAM; hs37d5 is not in the pack, so one CRAM is compared without its bases.
FILES: list[tuple[str, str | None]] = [
    ("reads/htsnexus_test_NA12878.bam", None),
    ("reads/NA12878_chrM_GRCh38.bam", None),
    ("reads/htsnexus_test_NA12878.cram", "hs37d5"),
    ("reads/NA12878_chrM_GRCh38.cram", "reads/GRCh38_chrM.fasta"),
    ("reads/ce_level-1_cram30.cram", "reads/ce.fa"),
    ("reads/ce_level-4_cram31.cram", "reads/ce.fa"),
    ("reads/sarscov2_MS2_unaligned.cram", None),
    ("variants/1000G_2504_chr1_GRCh37.vcf.gz", None),
    ("variants/1000G_2504_clinvar_pathogenic_chr22_GRCh37.vcf.gz", None),
    ("variants/1000G_2548_chr22_GRCh38.snpeff.vcf.gz", None),
    ("variants/1000G_2548_chr22_GRCh38.vcf.gz", None),
    ("variants/1000G_300_chr20_GRCh37.vcf.gz", None),
    ("variants/1000G_835_APOL1_GRCh37.vcf.gz", None),
    ("variants/HG002_GIAB.filtered.vcf.gz", None),
    ("variants/SV_manta_trio_chr22.vcf.gz", None),
    ("variants/SV_truvari_multi.vcf.gz", None),
    ("variants/clinvar_testset_vep.vcf.gz", None),
    ("variants/gnomad_exomes_r2.1.1_chr1_sites.vcf.gz", None),
    ("variants/sample1-bcbio-cancer.vcf.gz", None),
    ("variants/sample1-bcbio-cancer.bcf", None),
    ("variants/spec-v4.3.vcf.gz", None),
]
AS_BCF = ["SV_manta_trio_chr22", "SV_truvari_multi", "HG002_GIAB.filtered", "clinvar_testset_vep"]  # of few samples
FEW = 400  # records that most random regions hold at most, so that a thousand of them are read in time


class Proof:
    """Asks one file for regions, compares, and counts."""

    def __init__(self, file: Sequenced, folder: Path) -> None:
        self.file = file
        self.folder = folder
        self.order = Order(file.records(file.path))
        self.header = file.header(file.path)
        self.lengths = file.lengths()
        self.starts = [start for start in file.starts() if start[0] is not None]
        self.slicer = Slicer()
        self.stored = Stored(Bytes(file.path.read_bytes()), file.path)
        self.index = Stored(Bytes(file.index.read_bytes()), file.index)
        self.rng = random.Random(f"{file.path.name} {SEED}")
        self.known: dict[bytes, list[int]] = {}  # of the payloads of a CRAM, which are few
        self.regions = self.questions = self.wanted = self.given = self.empty = 0

    def slice(self, regions: Sequence[Region]) -> bytes:
        """What a client gets; one end marker, at the end."""
        given = payload(self.file.path, self.slicer.slice(self.file.format, self.stored, self.index, regions))
        major = self.stored.source.read(4, 1)[0]
        marker = cram.end_marker(major) if self.file.format is Format.CRAM else bgzf.EOF
        assert given.endswith(marker)
        assert given.count(marker) == 1
        return given

    def check(self, regions: Sequence[Region]) -> None:
        """Nothing missing, nothing twice, in the order of the file; beyond that only records of the file."""
        found = self._read(self.slice(regions))
        wanted = self.order.of(self.file.fetch(regions))
        missing = wanted.difference(found)
        assert not missing, f"{self.file.path.name} {regions}: {len(missing)} of {len(wanted)} records are missing"
        self.questions += 1
        self.regions += len(regions)
        self.wanted += len(wanted)
        self.given += len(found)
        self.empty += not wanted

    def _read(self, given: bytes) -> list[int]:
        if given in self.known:
            return self.known[given]
        path = self.folder / f"slice.{self.file.format.lower()}"
        path.write_bytes(given)
        assert self.file.header(path) == self.header
        found = self.order.ascending(self.file.records(path))
        if self.file.format is Format.CRAM:
            self.known[given] = found
        return found

    def check_with_programs(self, regions: Sequence[Region]) -> None:
        """The programs print the same of the slice as of the file."""
        path = self.folder / f"sample.{self.file.path.name}"
        path.write_bytes(self.slice(regions))
        self.file.indexed(path)
        names = [_written(region) for region in regions]
        assert self.file.viewed(path, names) == self.file.viewed(self.file.path, names), f"{path.name}: {names}"
        for made in self.folder.glob(f"{path.name}*"):
            made.unlink()

    def region(self) -> Region:
        """Anything that can be asked of the file."""
        rng = self.rng
        if not self.lengths:
            return Region(UNPLACED)
        name = rng.choice(self.starts)[0] if self.starts and rng.random() < 0.85 else rng.choice(list(self.lengths))
        assert name is not None
        length = self.lengths[name]
        kind = rng.random()
        if kind < 0.02:
            return Region(name)
        if kind < 0.10:  # at the end of the contig, and beyond
            start = max(0, length - rng.choice((0, 1, 2, rng.randrange(1, 2000))))
            return Region(name, start, rng.choice((None, length + 1, start + 1, max(length, start), 2**32 - 1)))
        if kind < 0.15:
            return Region(name, 0, rng.choice((0, 1, rng.randrange(1, max(2, length)))))
        if kind < 0.30 or not self.starts:  # anywhere: mostly empty in sparse files
            start = rng.randrange(max(1, length))
            return Region(name, start, start + rng.choice((0, 1, rng.randrange(1, 20_000))))
        return self._near(rng)

    def _near(self, rng: random.Random) -> Region:
        """From the edge of one record to the edge of another."""
        at = rng.randrange(len(self.starts))
        name, first, after = self.starts[at]
        assert name is not None
        start = max(0, rng.choice((first, after - 1, after, first + 1, first - 1, rng.randint(first, after))))
        other = self.starts[min(len(self.starts) - 1, at + rng.choice((0, 1, rng.randrange(FEW))))]
        if other[0] != name or rng.random() < 0.3:
            return Region(name, start, start + rng.choice((0, 1, 2, rng.randrange(1, 400))))
        return Region(name, start, max(start, rng.choice((other[1], other[1] + 1, other[2]))))

    def regions_of_a_post(self) -> list[Region]:
        """Two to eight regions in any order, some of them overlapping."""
        regions = [self.region() for _ in range(self.rng.randrange(2, 9))]
        if self.file.alignments and self.rng.random() < 0.1:
            regions.insert(self.rng.randrange(3), Region(UNPLACED))
        return regions


def _written(region: Region) -> str:
    """As samtools and bcftools want it: 1-based, both ends included."""
    if region.unplaced or (region.start == 0 and region.end is None):
        return region.reference
    end = "" if region.stop is None else min(region.stop, 2**31 - 1)
    return f"{region.reference}:{min(region.start, 2**31 - 2) + 1}-{end}"


def prove(file: Sequenced, folder: Path) -> str:
    """Ask everything; a line that says what was compared."""
    began = time.monotonic()
    proof = Proof(file, folder)
    proof.check([Region(name) for name in proof.lengths] or [Region(UNPLACED)])
    if file.alignments:
        proof.check([Region(UNPLACED)])
        proof.check_with_programs([Region(UNPLACED)])
    # A file of nothing but reads without a place can be asked one thing.
    for number in range(QUESTIONS if proof.lengths else 1):
        regions = proof.regions_of_a_post() if number % 10 == 9 else [proof.region()]
        proof.check(regions)
        if number % SAMPLE == 0:
            proof.check_with_programs(regions)
    return (
        f"{file.path.name}: {proof.order.count} records; {proof.questions} questions about {proof.regions} regions, "
        f"{proof.empty} of them empty; {proof.wanted} records wanted, {proof.given} given; "
        f"{time.monotonic() - began:.0f} s"
    )


@pytest.mark.parametrize(("name", "reference"), FILES, ids=[name for name, _ in FILES])
def test_slices_are_what_samtools_and_bcftools_see(
    name: str, reference: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for needed in ("samtools", "bcftools", "tabix"):
        program(needed)
    fasta = shared(f"data/{reference}") if reference and "/" in reference else None
    if fasta:
        fasta = _copied(fasta, tmp_path)
    given = as_given(shared(f"data/{name}"), tmp_path, fasta, undecoded=reference == "hs37d5")
    files = [given, again(given, tmp_path, int(SEED))]
    if any(Path(name).name.startswith(start) for start in AS_BCF):
        made = as_bcf(given, tmp_path)
        files += [made, again(made, tmp_path, int(SEED))]
    for file in files:
        line = prove(file, tmp_path)
        with capsys.disabled():
            print(f"\n  {line}", end="")


def _copied(fasta: Path, folder: Path) -> Path:
    for path in (fasta, Path(f"{fasta}.fai")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / fasta.name


def test_slices_of_the_packs_damaged_files_are_refused() -> None:
    """samtools can index neither, so neither has an index; their headers are whole."""
    for name, format in (
        ("truncated.bam", Format.BAM),
        ("cramtools3_unaligned_not_readable_by_samtools.cram", Format.CRAM),
    ):
        path = shared(f"data/edge_cases/{name}")
        stored = Stored(Bytes(path.read_bytes()), name)
        with pytest.raises(MissingIndex):
            Slicer().slice(format, stored, None, [Region(UNPLACED)])
        assert Slicer().header(format, stored)
        with pytest.raises(DamagedFile):
            Slicer().header(Format.BAM if format is Format.CRAM else Format.CRAM, stored)
