"""A sequence file of the data pack beside its index, and what htslib says is in it: the oracle of the slices.

Bulk comparisons read with htslib in this process (pysam); a sample is read with the programs of Debian, whose htslib
is another version. A file without an index gets one; a re-blocked copy has the same records in BGZF blocks of
arbitrary sizes (a CRAM has none: its records are written into small containers), and a new index of the other kind.
"""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from adapters.reads.parts import Inline, Part
from adapters.reads.region import UNPLACED, Format, Region
from tests.adapters.reads.files import reblocked

UNDECODED = [b"required_fields=0x1ff", b"decode_md=0"]  # every field that needs no reference: QNAME to TLEN
ENDINGS = {".bam": Format.BAM, ".cram": Format.CRAM, ".bcf": Format.BCF, ".gz": Format.VCF}
LAST = (1 << 31) - 1
INDEXES = (".bai", ".crai", ".tbi", ".csi")


def run(*command: str) -> str:
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode()


def inflated(path: Path) -> bytes:
    """What a BGZF file holds, as any gzip program sees it."""
    with gzip.open(path) as file:
        return file.read()


@dataclass(frozen=True)
class Sequenced:
    """One file of one format.

    :param path: the file; its index stands beside it.
    :param reference: FASTA of a CRAM that needs one.
    :param undecoded: the CRAM's reference is not at hand: bases and qualities are left out of the comparison.
    """

    format: Format
    path: Path
    index: Path
    reference: Path | None = None
    undecoded: bool = False

    @property
    def alignments(self) -> bool:
        return self.format in (Format.BAM, Format.CRAM)

    def lengths(self) -> dict[str, int]:
        """Length of each reference; for those of a VCF without one the end of its last record."""
        if self.alignments:
            with self._reads(self.path) as file:
                return dict(zip(file.references, file.lengths, strict=True))
        with pysam.VariantFile(str(self.path)) as file:
            lengths = {name: contig.length or 0 for name, contig in file.header.contigs.items()}
        with pysam.VariantFile(str(self.path)) as file:
            for record in file:
                lengths[record.contig] = max(lengths[record.contig], record.stop)
        return lengths

    def starts(self) -> list[tuple[str | None, int, int]]:
        """Reference, first base and base after the last of every record."""
        if self.alignments:
            with self._reads(self.path) as file:
                return [
                    (read.reference_name, read.reference_start, read.reference_end or read.reference_start + 1)
                    for read in file.fetch(until_eof=True)
                ]
        with pysam.VariantFile(str(self.path)) as file:
            return [(record.contig, record.start, record.stop) for record in file]

    def records(self, path: Path) -> list[str]:
        """Every record of a file of this format as text, in file order."""
        if self.alignments:
            with self._reads(path) as file:
                return [read.to_string() for read in file.fetch(until_eof=True)]
        if self.format is Format.BCF:
            with pysam.VariantFile(str(path)) as file:
                return [str(record) for record in file]
        return [line for line in self._lines(path) if not line.startswith("#")]

    def header(self, path: Path) -> str:
        if self.alignments:
            with self._reads(path) as file:
                return str(file.header)
        if self.format is Format.BCF:
            with pysam.VariantFile(str(path)) as file:
                return str(file.header)
        return "\n".join(line for line in self._lines(path) if line.startswith("#"))

    def fetch(self, regions: Sequence[Region]) -> Iterator[str]:
        """The records of each region, found by htslib through the index."""
        if self.alignments:
            with self._reads(self.path) as file:
                for region in regions:
                    yield from (read.to_string() for read in file.fetch(region.reference, *_span(region)))
        elif self.format is Format.BCF:
            with pysam.VariantFile(str(self.path), index_filename=str(self.index)) as file:
                for region in regions:
                    yield from map(str, file.fetch(region.reference, *_span(region)))
        else:
            with pysam.TabixFile(str(self.path), index=str(self.index), encoding="utf-8") as file:
                for region in (region for region in regions if region.reference in file.contigs):
                    yield from file.fetch(region.reference, *_span(region))

    def viewed(self, path: Path, regions: Sequence[str]) -> str:
        """What ``samtools view`` or ``bcftools view`` prints of a file that has an index."""
        if not self.alignments:
            return run("bcftools", "view", "-H", *(["-r", ",".join(regions)] if regions else []), str(path))
        options = ["-T", str(self.reference)] if self.reference else []
        for option in UNDECODED if self.undecoded else ():
            options += ["--input-fmt-option", option.decode()]
        # ``-M`` gives each record once; samtools 1.16 cannot look for ``*`` with it in a file of such reads alone.
        return run("samtools", "view", *([] if UNPLACED in regions else ["-M"]), *options, str(path), *regions)

    def indexed(self, path: Path) -> Path:
        """A file of this format, with an index beside it by the programs of Debian."""
        if self.alignments:
            run("samtools", "index", str(path))
        else:
            run("bcftools", "index", "-f", "-c", str(path))
        return path

    def _reads(self, path: Path) -> pysam.AlignmentFile:
        reference = str(self.reference) if self.reference else None
        options = UNDECODED if self.undecoded else None
        return pysam.AlignmentFile(str(path), reference_filename=reference, format_options=options, check_sq=False)

    def _lines(self, path: Path) -> list[str]:
        return inflated(path).decode().removesuffix("\n").split("\n")


def _span(region: Region) -> tuple[int, int | None] | tuple[()]:
    """As pysam wants it: positions of 31 bits, nothing for the reads without a place."""
    if region.unplaced:
        return ()
    return min(region.start, LAST), region.stop if region.stop is None else min(region.stop, LAST)


class Order:
    """Places of records in their file, by their text; real files do repeat records."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._places: dict[str, list[int]] = {}
        self.count = 0
        for place, text in enumerate(texts):
            self._places.setdefault(text, []).append(place)
            self.count = place + 1

    def of(self, texts: Iterable[str]) -> set[int]:
        """Places of all records with one of these texts."""
        return {place for text in texts for place in self._places[text]}

    def ascending(self, texts: Iterable[str]) -> list[int]:
        """Places of records that must stand in the order of the file, each once."""
        found: list[int] = []
        last = -1
        for text in texts:
            places = self._places.get(text, [])
            at = bisect_right(places, last)
            assert at < len(places), f"not a record of the file, twice, or out of order after {last}: {text[:200]}"
            last = places[at]
            found.append(last)
        return found


def payload(path: Path, parts: Sequence[Part]) -> bytes:
    """What a client gets that puts the parts one behind the other."""
    with path.open("rb") as file:
        pieces: list[bytes] = []
        for part in parts:
            if isinstance(part, Inline):
                pieces.append(part.data)
            else:
                file.seek(part.start)
                pieces.append(file.read(part.end - part.start))
    return b"".join(pieces)


def as_given(source: Path, folder: Path, reference: Path | None, undecoded: bool) -> Sequenced:
    """The file as the pack has it, with the pack's index or one made here."""
    path = folder / source.name
    shutil.copyfile(source, path)
    format = ENDINGS[source.suffix]
    for ending in INDEXES:
        index = Path(f"{source}{ending}")
        if index.exists():
            shutil.copyfile(index, Path(f"{path}{ending}"))
            return Sequenced(format, path, Path(f"{path}{ending}"), reference, undecoded)
    if format is Format.VCF:
        run("tabix", "-p", "vcf", str(path))
    else:
        run("bcftools" if format is Format.BCF else "samtools", "index", str(path))
    index = next(found for ending in INDEXES if (found := Path(f"{path}{ending}")).exists())
    return Sequenced(format, path, index, reference, undecoded)


def again(given: Sequenced, folder: Path, seed: int) -> Sequenced:
    """The same records in other blocks or containers, with a new index: CSI where the first one was not."""
    path = folder / f"again.{given.path.name}"
    if given.format is Format.CRAM:
        _recontained(given, path)
        run("samtools", "index", str(path))
        return Sequenced(given.format, path, Path(f"{path}.crai"), given.reference, given.undecoded)
    largest = random.Random(f"{given.path.name} {seed}").choice((4_000, 30_000, 65_280))
    reblocked(given.path, path, seed, largest)
    assert inflated(path) == inflated(given.path)
    if given.index.suffix == ".csi" and given.format is Format.VCF:
        run("tabix", "-p", "vcf", str(path))
        return Sequenced(given.format, path, Path(f"{path}.tbi"))
    run("samtools" if given.format is Format.BAM else "bcftools", "index", "-c", str(path))
    return Sequenced(given.format, path, Path(f"{path}.csi"))


def as_bcf(given: Sequenced, folder: Path) -> Sequenced:
    """The variants of a VCF as BCF."""
    path = folder / f"{given.path.name.removesuffix('.vcf.gz')}.made.bcf"
    run("bcftools", "view", "-Ob", "-o", str(path), str(given.path))
    run("bcftools", "index", str(path))
    return Sequenced(Format.BCF, path, Path(f"{path}.csi"))


def _recontained(given: Sequenced, path: Path) -> None:
    """Small containers; ``no_ref`` stores the bases themselves, or none where they could not be decoded."""
    options = ["--output-fmt", "cram,no_ref=1,seqs_per_slice=150,slices_per_container=2"]
    if given.reference:
        options += ["-T", str(given.reference)]
    for option in UNDECODED if given.undecoded else ():
        options += ["--input-fmt-option", option.decode()]
    run("samtools", "view", *options, "-o", str(path), str(given.path))
