"""The sequences of a file, for a sketch of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from adapters.qc import htslib
from adapters.qc.detection import Container
from adapters.qc.source import Source, blocks

LINES: Final = 4
SEQUENCE: Final = 1


class NoBases(Exception):
    """Not all reads of a file have bases that can be had; the message says why."""


def of_fastq(file: BinaryIO, container: Container) -> Iterator[str]:
    """Sequences of an open FASTQ file in which every record is four lines."""
    file.seek(0)
    for number, line in enumerate(_lines(Source(file, container))):
        if number % LINES == SEQUENCE:
            yield line.rstrip(b"\r").decode("ascii", "replace")


def of_alignments(path: Path, genome: Path | None) -> Iterator[str]:
    """Sequences of the reads in a BAM or CRAM file, each read once. ``genome`` is what a CRAM file may need.

    :raises NoBases: after the last that could be had, if the file is damaged.
    """
    reference = ["--reference", str(genome)] if genome else []
    with htslib.output("fasta", *reference, str(path)) as (file, ended):
        for line in _lines(Source(file, "plain")):
            if not line.startswith(b">"):
                yield line.decode("ascii", "replace")
    if ended.reason:
        raise NoBases(ended.reason)


def _lines(source: Source) -> Iterator[bytes]:
    rest = b""
    for block in blocks(source):
        *lines, rest = (rest + block.text[block.start : block.end].tobytes()).split(b"\n")
        yield from lines
    if rest:
        yield rest
