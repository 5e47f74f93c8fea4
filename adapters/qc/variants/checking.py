"""VCF and BCF files, with their indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import BinaryIO, Final

import yaml

from adapters.qc import htslib
from adapters.qc.alignments.bam import end_marker
from adapters.qc.detection import Container
from adapters.qc.errors import CannotCheck
from adapters.qc.findings import Finding, Place
from adapters.qc.indexed import beside, damaged, disagreement, read_index
from adapters.qc.reference import ReferenceGenome
from adapters.qc.report import FileReport
from adapters.qc.source import Source, blocks
from adapters.qc.variants.header import Header
from adapters.qc.variants.lines import Lines
from adapters.qc.wording import compression
from adapters.reads.errors import DamagedIndex

Told = Callable[[int], None]
"""Hears how many bytes of the stored file are behind."""
NO_MARK: Final = "EOF marker"
"""Of what htslib says, what :func:`end_marker` tells better."""
INDEXES: Final = (".tbi", ".csi")
LONGEST_LINE: Final = 1 << 28


def check_vcf(
    file: BinaryIO,
    container: Container,
    report: FileReport,
    genome: ReferenceGenome | None,
    told: Callable[[int], None],
) -> None:
    """Check an open VCF file; what is found goes to ``report``.

    :raises CannotCheck: if a line is longer than :data:`LONGEST_LINE`.
    """
    source = Source(file, container)
    lines = _read(source, genome, told)
    _fill(report, lines)
    report.findings += compression(source.fault)
    if source.fault is None:
        report.findings += end_marker(file, report.size) if container == "bgzf" else []
        report.findings += _index(report, lines)


def check_bcf(
    file: BinaryIO,
    container: Container,
    report: FileReport,
    genome: ReferenceGenome | None,
    told: Callable[[int], None],
) -> None:
    """Check an open BCF file; what is found goes to ``report``.

    :raises CannotCheck: if a line is longer than :data:`LONGEST_LINE`.
    """
    source = Source(file, container)
    for block in blocks(source):
        told(block.stored)
    with htslib.output("bcftools.view", "-Ov", "--no-version", str(report.path)) as (decoded, ended):
        lines = _read(Source(decoded, "plain"), genome, lambda _: None)
    _fill(report, lines)
    report.findings += compression(source.fault)
    if source.fault is None and container == "bgzf":
        report.findings += end_marker(file, report.size)
    if ended.reason and source.fault is None and NO_MARK not in ended.reason:
        place = Place(record=lines.records + 1, detail=ended.reason)
        report.findings.append(
            Finding("decoding", 1, "places", "records cannot be decoded from this place on", (place,))
        )
    elif source.fault is None:
        report.findings += _index(report, lines)


def _read(source: Source, genome: ReferenceGenome | None, told: Told) -> Lines:
    allowed = yaml.safe_load((files("config") / "qc" / "variants.yaml").read_text())
    lines = Lines(Header(), genome, frozenset(allowed["mixed_ploidy"]))
    for line in _lines(source, told):
        lines.take(line)
    if not lines.header.columns:
        lines.header.faults.append((lines.number, "the file ends within the header"))
    return lines


def _lines(source: Source, told: Told) -> Iterator[bytes]:
    """Lines without their ends. The last one, if the compressed data end within it, is left out."""
    rest: list[bytes] = []
    held = 0
    for block in blocks(source):
        text = block.text[block.start : block.end].tobytes()
        told(block.stored)
        first, *following = text.split(b"\n")
        rest.append(first)
        held += len(first)
        if held > LONGEST_LINE:
            raise CannotCheck(f"{source.file.name}: a line is longer than {LONGEST_LINE:,} bytes; this is no VCF")
        if following:
            yield b"".join(rest)
            yield from following[:-1]
            rest, held = [following[-1]], len(following[-1])
    if (last := b"".join(rest)) and source.fault is None:
        yield last


def _fill(report: FileReport, lines: Lines) -> None:
    report.facts = {
        "records": lines.records,
        "samples": len(lines.header.samples),
        "contigs": len(lines.by_contig),
    }
    report.findings += lines.findings()


def _index(report: FileReport, lines: Lines) -> list[Finding]:
    index = beside(report.path, INDEXES)
    if index is None:
        return []
    try:
        held = read_index(index)
    except DamagedIndex as error:
        return [damaged(index, error)]
    names = list(lines.header.contigs or lines.by_contig)
    return disagreement(index, held, names, [(lines.by_contig.get(name, 0), 0) for name in names])
