"""VCF and BCF files as streams of records.

Text is read by our own scanner (:class:`TextFile`), because htslib spends most of a load on genotypes; headers and BCF
by cyvcf2 (htslib, :class:`HtslibFile`), which is also what the scanner is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adapters.variants import kernel
from adapters.variants.info import Info
from adapters.variants.kernel import ABSENT, MISSING, Calls
from adapters.variants.lines import BGZF_MAGIC, InvalidVariantFile, Segment, lines, segments

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
COLUMNS = 9  # before the samples
MOST_ALLELES = 32_000  # that cyvcf2 can number


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself: sample names, contig lengths in bases (None if undeclared), reference text.

    ``info`` are id and description of the INFO fields, ``types`` their types.
    """

    samples: tuple[str, ...]
    contigs: Mapping[str, int | None]
    reference: str
    info: tuple[tuple[str, str], ...]
    types: Mapping[str, str]
    text: str


class Told(Protocol):
    """The INFO column of a record."""

    def get(self, key: str) -> Any:
        """Value of a field: a number, a text, a tuple of numbers, True for a flag, None if it is not there."""


@dataclass(slots=True)
class Record:
    """One line. ``position`` is 1-based as in the file; ``genotypes`` has a row per sample with two allele numbers,
    :data:`MISSING` or :data:`ABSENT`, and is valid until the next record; None in a file without samples.
    """

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    info: Told
    genotypes: Calls | None = None


class VariantFile(Protocol):
    """A variant file being read."""

    path: Path
    header: Header

    def segments(self) -> list[Segment]:
        """Parts that can be read side by side."""

    def records(self, segment: Segment) -> Iterator[Record]:
        """The records of a segment in file order.

        :raises InvalidVariantFile: where the file breaks off or a record is no record.
        """


def opened(path: Path) -> VariantFile:
    """The file at ``path``, by the reader that its bytes need.

    :raises InvalidVariantFile: if it is cut off, or no VCF or BCF file.
    """
    _check_complete(path)
    reader = _open(path)
    header = _header(reader)
    text = next(lines(path, Segment(0, 0, 1)), b"").startswith(b"##fileformat=VCF")
    return TextFile(path, header) if text else HtslibFile(path, header, reader)


class TextFile:
    """A VCF file, plain, gzipped or bgzipped, read by the compiled scanner."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._calls = np.full((len(header.samples), 2), MISSING, dtype=np.int32)
        self._highest = np.zeros(1, dtype=np.int32)

    def segments(self) -> list[Segment]:
        """Parts of some megabytes."""
        return segments(self.path)

    def records(self, segment: Segment) -> Iterator[Record]:
        """The records of a segment; the array of genotypes is the same one for all."""
        for line in lines(self.path, segment):
            if line and not line.startswith(b"#"):
                yield self._record(line.removesuffix(b"\r"))

    def _record(self, line: bytes) -> Record:
        columns = line.split(b"\t", COLUMNS)
        place = ":".join(column[:40].decode(errors="replace") for column in columns[:2])
        if len(columns) < COLUMNS - 1:
            raise InvalidVariantFile(f"{self.path}: record at {place}: {len(columns)} columns, at least 8 are needed")
        try:
            contig, position, _, ref, alt = (column.decode("ascii") for column in columns[:5])
            if not position.isdigit():
                raise ValueError(f"POS {position[:40]!r} is not a whole number")
            alts = () if alt == "." else tuple(alt.split(","))
            info = Info(columns[7].decode(errors="replace"), self.header.types)
            calls = self._genotypes(columns, len(alts)) if self.header.samples else None
        except ValueError as error:
            raise InvalidVariantFile(f"{self.path}: record at {place}: {error}") from error
        return Record(contig, int(position), ref, alts, info, calls)

    def _genotypes(self, columns: list[bytes], alternates: int) -> Calls:
        """:raises ValueError: if a sample's column is no genotype."""
        calls, samples = self._calls, self.header.samples
        if len(columns) <= COLUMNS:
            raise ValueError(f"no columns of samples, but the header names {len(samples)}")
        keys = columns[COLUMNS - 1].split(b":")
        if b"GT" not in keys:
            calls[:, 0], calls[:, 1] = MISSING, ABSENT
            return calls
        self._highest[0] = alternates
        text = np.frombuffer(columns[COLUMNS], dtype=np.uint8)
        code = kernel.genotypes(text, keys.index(b"GT"), calls, self._highest)
        if code:
            sample, kind = divmod(-code, 8)
            raise ValueError(_complaint(kind, samples, sample))
        if self._highest[0] > alternates:
            raise ValueError(f"genotype of allele {self._highest[0]}, but ALT has {alternates}")
        return calls


def _complaint(kind: int, samples: tuple[str, ...], sample: int) -> str:
    if -kind == kernel.TOO_FEW_SAMPLES:
        return f"columns of {sample} samples, but the header names {len(samples)}"
    if -kind == kernel.TOO_MANY_SAMPLES:
        return f"more columns than the {len(samples)} samples of the header"
    if -kind == kernel.TOO_MANY_ALLELES:
        return f"sample {samples[sample]}: {PLOIDY}"
    return f"sample {samples[sample]}: GT is no genotype such as 0/1, 1|1 or ./."


PLOIDY = "a genotype has more than two alleles; only haploid and diploid calls can be loaded"


class HtslibFile:
    """A BCF (or VCF) file read by htslib, as one segment."""

    def __init__(self, path: Path, header: Header, reader: Any) -> None:
        self.path = path
        self.header = header
        self._reader = reader

    def segments(self) -> list[Segment]:
        """The whole file."""
        return [Segment(0, 0, self.path.stat().st_size)]

    def records(self, segment: Segment) -> Iterator[Record]:  # noqa: ARG002 - there is only one
        """All records; they can be read once."""
        samples, count = len(self.header.samples), 0
        while (line := self._next(count)) is not None:
            count += 1
            place = f"{self.path}: record at {line.CHROM}:{line.POS}"
            if len(line.ALT) > MOST_ALLELES:
                raise InvalidVariantFile(f"{place}: {len(line.ALT)} alleles; at most {MOST_ALLELES} in BCF")
            try:
                genotypes = _genotypes(line, samples, len(line.ALT)) if samples else None
            except ValueError as error:
                raise InvalidVariantFile(f"{place}: {error}") from error
            yield Record(line.CHROM, line.POS, line.REF, tuple(line.ALT), line.INFO, genotypes)

    def _next(self, count: int) -> Any:
        try:
            return next(self._reader, None)
        except Exception as error:  # cyvcf2 has no class of its own for a broken record
            raise InvalidVariantFile(f"{self.path}: broken after record {count}: {error}") from error


def _open(path: Path) -> Any:
    from cyvcf2 import VCF

    try:
        return VCF(str(path), gts012=False, strict_gt=True)
    except Exception as error:  # cyvcf2 has no class of its own for a broken header
        raise InvalidVariantFile(f"{path}: not a VCF or BCF file: {error}") from error


def _genotypes(line: Any, samples: int, alternates: int) -> Calls:
    """:raises ValueError: for a genotype that cannot be."""
    calls = np.full((samples, 2), ABSENT, dtype=np.int32)
    if "GT" not in line.FORMAT:
        calls[:, 0] = MISSING
        return calls
    read: NDArray[np.int16] = line.genotype.array()[:, :-1]
    if read.size and int(read.max()) > alternates:
        raise ValueError(f"genotype of allele {int(read.max())}, but ALT has {alternates}")
    if (read[:, 2:] != ABSENT).any():
        raise ValueError(PLOIDY)
    calls[:, : read.shape[1]] = read[:, :2]
    return calls


def _header(reader: Any) -> Header:
    text = str(reader.raw_header)
    contigs: dict[str, int | None] = {}
    info: list[tuple[str, str]] = []
    types: dict[str, str] = {}
    reference = []
    for line in text.splitlines():
        if line.startswith("##contig=<"):
            name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
            if name:
                contigs[name[1]] = int(length[1]) if length else None
        elif line.startswith("##INFO=<"):
            name, about = re.search(r"ID=([^,>]+)", line), re.search(r'Description="(.*)"', line)
            kind = re.search(r"Type=(\w+)", line)
            if name:
                info.append((name[1], about[1] if about else ""))
                types[name[1]] = kind[1] if kind else "String"
        elif line.startswith("##reference="):
            reference.append(line.partition("=")[2])
    return Header(tuple(reader.samples), contigs, " ".join(reference), tuple(info), types, text)


def _check_complete(path: Path) -> None:
    """A file that breaks off between two blocks or lines looks like a shorter one: refuse it before it is read."""
    with path.open("rb") as file:
        start = file.read(4)
        size = file.seek(0, 2)
        file.seek(max(0, size - len(BGZF_END)))
        end = file.read()
    if start == BGZF_MAGIC and end != BGZF_END:
        raise InvalidVariantFile(f"{path}: cut off: the end-of-file block is missing")
    if not start:
        raise InvalidVariantFile(f"{path}: empty file")
    if start[:2] == b"##" and not end.endswith(b"\n"):
        raise InvalidVariantFile(f"{path}: cut off: the last line does not end")
