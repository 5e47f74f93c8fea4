"""VCF and BCF files as a stream of records, read with cyvcf2 (htslib).

What ingest needs of a file is :class:`VariantFile`; another parser only has to offer the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

MISSING, ABSENT = -1, -2  # of a genotype's allele: a dot, and no second allele (haploid)
BGZF_MAGIC = b"\x1f\x8b\x08\x04"
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class InvalidVariantFile(ValueError):
    """The file cannot be loaded; the message names the file, the place and what is wrong."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself: sample names, contig lengths in bases (None if undeclared), reference text."""

    samples: tuple[str, ...]
    contigs: Mapping[str, int | None]
    reference: str
    info: tuple[tuple[str, str], ...]
    text: str


@dataclass(slots=True)
class Record:
    """One line. ``position`` is 1-based as in the file; ``genotypes`` has a row per sample and a column per copy.

    The genotype's values are allele numbers, :data:`MISSING` or :data:`ABSENT`; None in a file without samples.
    """

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    info: Mapping[str, Any]
    genotypes: NDArray[np.int16] | None = field(default=None)


class VariantFile(Protocol):
    """A variant file being read."""

    path: Path
    header: Header

    def __iter__(self) -> Iterator[Record]:
        """The records in file order. Raises :class:`InvalidVariantFile` where the file breaks off."""
        ...


class HtslibFile:
    """A VCF, VCF.gz or BCF file read by htslib."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_complete(path)
        self._reader = _open(path)
        self.header = _header(self._reader)

    def __iter__(self) -> Iterator[Record]:
        samples, count = len(self.header.samples), 0
        while (line := self._next(count)) is not None:
            count += 1
            genotypes = _genotypes(line, samples) if samples else None
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


def _genotypes(line: Any, samples: int) -> NDArray[np.int16]:
    if "GT" not in line.FORMAT:
        return np.full((samples, 1), MISSING, dtype=np.int16)
    calls: NDArray[np.int16] = line.genotype.array()[:, :-1]
    return calls


def _header(reader: Any) -> Header:
    text = str(reader.raw_header)
    contigs: dict[str, int | None] = {}
    info: list[tuple[str, str]] = []
    reference = []
    for line in text.splitlines():
        if line.startswith("##contig=<"):
            name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
            if name:
                contigs[name[1]] = int(length[1]) if length else None
        elif line.startswith("##INFO=<"):
            name, about = re.search(r"ID=([^,>]+)", line), re.search(r'Description="(.*)"', line)
            if name:
                info.append((name[1], about[1] if about else ""))
        elif line.startswith("##reference="):
            reference.append(line.partition("=")[2])
    return Header(tuple(reader.samples), contigs, " ".join(reference), tuple(info), text)


def _check_complete(path: Path) -> None:
    """htslib only warns of a file that breaks off between two blocks or lines: refuse it before anything is read."""
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
