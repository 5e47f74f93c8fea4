"""BAM and CRAM files, with their indexes and references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from adapters.qc import htslib
from adapters.qc.alignments import counted as c_
from adapters.qc.alignments.bam import Stream, end_marker, read_stream
from adapters.qc.alignments.cram import NO_SEQUENCE, walk
from adapters.qc.alignments.header import Reference
from adapters.qc.alignments.references import compare
from adapters.qc.detection import Container
from adapters.qc.findings import Finding, Place
from adapters.qc.indexed import beside, check_crai, damaged, disagreement, read_index
from adapters.qc.reference import ReferenceGenome
from adapters.qc.report import FileReport
from adapters.qc.wording import compression
from adapters.reads.errors import DamagedIndex

Told = Callable[[int], None]
"""Hears how many bytes of the stored file are behind."""
BAM_INDEXES: Final = (".bai", ".csi")


def check_bam(
    file: BinaryIO,
    container: Container,
    report: FileReport,
    genome: ReferenceGenome | None,
    told: Callable[[int], None],
) -> None:
    """Check an open BAM file; what is found goes to ``report``.

    :raises adapters.qc.errors.CannotCheck: if that is not possible.
    """
    stream = read_stream(file, container, told)
    _fill(report, stream)
    report.findings += compression(stream.fault)
    if container == "bgzf" and stream.fault is None:
        report.findings += end_marker(file, report.size)
    elif container != "bgzf":
        said = "the file is not in blocks (BGZF), so that nothing in it can be found without reading all of it"
        report.findings.append(Finding("container", 1, "files", said))
    if genome:
        report.findings += compare(stream.header.sequences, genome)
    if stream.whole and (index := beside(report.path, BAM_INDEXES)):
        report.findings += _index(index, stream)


def check_cram(file: BinaryIO, report: FileReport, genome: ReferenceGenome | None, told: Told) -> None:
    """Check an open CRAM file; what is found goes to ``report``. Bases are decoded only with the right reference.

    :raises adapters.qc.errors.CannotCheck: if that is not possible.
    """
    containers = walk(file, told)
    report.findings += containers.findings
    # For a sequence that the reference does not have, htslib opens whatever file the header names.
    foreign = compare(_sequences(report.path), genome) if genome else []
    arguments = ["-T", str(genome.path)] if genome and not foreign else ["--input-fmt-option", NO_SEQUENCE]
    with htslib.output("view", "-u", *arguments, str(report.path)) as (decoded, ended):
        stream = read_stream(decoded, "bgzf", lambda _: None)
    if stream.headed:
        _fill(report, stream)
    if ended.reason and not containers.findings:
        place = Place(record=stream.records + 1, detail=ended.reason)
        said = "records cannot be decoded from this place on"
        report.findings.append(Finding("decoding", 1, "places", said, (place,)))
    report.findings += foreign
    if not containers.findings and (index := beside(report.path, (".crai",))):
        report.findings += check_crai(index, containers.begins, report.size)


def _sequences(path: Path) -> list[Reference]:
    """References of the header; none if it cannot be read."""
    with htslib.output("view", "-u", "-H", str(path)) as (decoded, _):
        return list(read_stream(decoded, "bgzf", lambda _: None).header.sequences)


def _fill(report: FileReport, stream: Stream) -> None:
    report.reads = int(stream.counted.state[c_.PRIMARY])
    report.bases = int(stream.counted.state[c_.BASES])
    report.facts = stream.facts()
    report.findings += stream.findings()


def _index(index: Path, stream: Stream) -> list[Finding]:
    try:
        held = read_index(index)
    except DamagedIndex as error:
        return [damaged(index, error)]
    names = [one.name for one in stream.header.sequences]
    placed = [(int(mapped), int(unmapped)) for mapped, unmapped in stream.counted.placed.tolist()]
    return disagreement(index, held, names, placed)
