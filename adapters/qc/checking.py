"""``check(paths)``: detect, check and compare; what cannot be checked is said and does not stop the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from adapters.qc import pairs
from adapters.qc.detection import HEAD, Detected, claimed, container, content, open_regular
from adapters.qc.duplicates import new_seed
from adapters.qc.engines import engine
from adapters.qc.errors import CannotCheck, UnsupportedFormat
from adapters.qc.fastq import identity, unchanged
from adapters.qc.findings import Finding, Place
from adapters.qc.layout import Layout, role, sets
from adapters.qc.outcome import Engine, Limits, Outcome
from adapters.qc.profile import ILLUMINA
from adapters.qc.reference import ReferenceGenome
from adapters.qc.report import FileReport, Report, SetReport
from adapters.qc.rules import Rules, rules
from adapters.qc.source import Source
from adapters.qc.tally import Keys
from adapters.qc.taxonomy.reads import NoBases, of_alignments, of_fastq
from adapters.qc.wording import compression

Progress = Callable[[Path, int], None]
"""Told of a file how many of its bytes were read since it was told last."""
READABLE: Final = frozenset({"FASTQ", "BAM", "CRAM", "VCF", "BCF"})
"""Formats that are checked."""
ALIGNED: Final = ("bam", "cram")
CALLED: Final = ("vcf", "bcf")
DISPLACED: Final = frozenset({"broken-record", "blank-line", "partial-record", "compression-corrupt"})
"""Findings after which not every fourth line is a sequence."""
TRUNCATIONS: Final = frozenset({"compression-truncated", "compression-corrupt"})


@dataclass(frozen=True, slots=True)
class Options:
    """How files are checked. ``sets`` is a folder of reference sets for a taxonomic profile, ``organism`` the declared
    one."""

    layout: Layout = "auto"
    engine: Engine = field(default_factory=lambda: engine("kernel"))
    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=rules)
    genome: ReferenceGenome | None = None
    sets: Path | None = None
    organism: str = ""
    seed: Keys = field(default_factory=new_seed)


def check(paths: Sequence[Path], options: Options, progress: Progress) -> Report:
    """Check files.

    :raises adapters.qc.layout.InvalidLayout: if files cannot be laid out as asked.
    """
    return Report([_check_set(one, options, progress) for one in sets(paths, options.layout)])


def _check_set(paths: Sequence[Path], options: Options, progress: Progress) -> SetReport:
    with ExitStack() as stack:
        reports, passed = [], []
        for path in paths:
            report, checked = _guarded(path, options, progress)
            reports.append(report)
            if checked:
                stack.callback(checked.close)
                passed.append((report, checked))
        made = SetReport(reports, "single" if len(paths) == 1 else "paired" if len(paths) == 2 else "set")
        if len(passed) == len(paths):
            _compare(made, passed, options)
    return made


def _guarded(path: Path, options: Options, progress: Progress) -> tuple[FileReport, Outcome | None]:
    report = FileReport(path, engine=options.engine.name)
    began = time.monotonic()
    try:
        with open_regular(path) as file:
            report.size = path.stat().st_size
            return report, _check_file(file, report, options, progress)
    except CannotCheck as error:
        report.error, report.reason = error, str(error)
        return report, None
    except OSError as error:
        report.reason = f"{path} cannot be read: {error.strerror}"
        return report, None
    finally:
        report.seconds = time.monotonic() - began


def detect(file: BinaryIO) -> Detected:
    """What an open file is, compressed or not."""
    stored = container(file.read(HEAD))
    file.seek(0)
    if stored == "zip":
        return Detected(stored, "unknown")
    head = b""
    for piece in Source(file, stored).pieces():
        head += piece
        if len(head) >= HEAD:
            break
    file.seek(0)
    return Detected(stored, content(head))


def _check_file(file: BinaryIO, report: FileReport, options: Options, progress: Progress) -> Outcome | None:
    found = detect(file)
    report.container, report.format = found.container, found.format
    promised = claimed(report.path.name)
    _unsupported(report.path, found, promised[1])
    report.findings += _name_findings(found, promised, report.size)
    if found.format in ALIGNED or found.format in CALLED:
        _records(file, found, report, options, lambda read: progress(report.path, read))
        if options.sets and _has_bases(found, report, options):
            genome = options.genome.path if options.genome else None
            with suppress(NoBases):  # no profile then; what is wrong with the file was found before
                _profile(report, of_alignments(report.path, genome), options, options.sets)
        return None
    if found.format != "fastq":
        return None
    outcome = options.engine.check(
        file, found.container, options.seed, options.limits, lambda read: progress(report.path, read)
    )
    report.reads, report.bases, report.profile = outcome.reads, outcome.bases, outcome.profile
    report.findings += _content_findings(outcome, options.rules)
    if options.sets and not DISPLACED & {finding.kind for finding in report.findings}:
        try:
            _profile(report, of_fastq(file, found.container), options, options.sets)
        except CannotCheck:
            outcome.close()
            raise
    return outcome


def _has_bases(found: Detected, report: FileReport, options: Options) -> bool:
    """Whether bases can be had from the file and a reference given here; one that a CRAM file names is never opened."""
    if found.format != "cram" or not report.facts.get("references"):
        return found.format in ALIGNED
    return options.genome is not None and "reference" not in {finding.kind for finding in report.findings}


def _profile(report: FileReport, sequences: Iterable[str], options: Options, sets: Path) -> None:
    """Add the taxonomic profile of a file."""
    from adapters.qc.taxonomy.checking import Taxonomy, add_profile  # here: it loads sourmash

    add_profile(report, sequences, Taxonomy(sets, options.organism, options.rules.organism_share))


def _records(
    file: BinaryIO, found: Detected, report: FileReport, options: Options, told: Callable[[int], None]
) -> None:
    """Check a file of alignments or variants."""
    from adapters.qc.alignments.checking import check_bam, check_cram  # here: FASTQ needs none of them
    from adapters.qc.variants.checking import check_bcf, check_vcf

    report.engine = ""
    before, behind = identity(file), 0

    def until(stored: int) -> None:
        nonlocal behind
        told(stored - behind)
        behind = stored

    if found.format == "cram":
        check_cram(file, report, options.genome, until)
    else:
        check = {"bam": check_bam, "vcf": check_vcf, "bcf": check_bcf}[found.format]
        check(file, found.container, report, options.genome, until)
    unchanged(file, before)
    until(report.size)


def _unsupported(path: Path, found: Detected, promised: str | None) -> None:
    """Refuse what is not checked, unless it calls itself FASTQ.

    :raises UnsupportedFormat: naming the format.
    """
    if (
        found.format.upper() in READABLE
        or found.format == "empty"
        or (promised == "fastq" and found.container != "zip")
    ):
        return
    what = "not recognised" if found.format == "unknown" else found.format.upper()
    known = ", ".join(sorted(READABLE))
    raise UnsupportedFormat(f"{path}: the content is {what} ({found.container}); checked are {known}")


def _name_findings(found: Detected, promised: tuple[tuple[str, ...], str | None], size: int) -> list[Finding]:
    containers, format_ = promised
    made = []
    if not size:
        return [Finding("empty-file", 1, "files", "the file is empty")]
    if found.container not in containers:
        said = f"the name promises {' or '.join(containers)}, the content is {found.container}"
        made.append(Finding("extension", 1, "files", said, (Place(byte=0),)))
    if found.format == "empty":
        made.append(Finding("empty-file", 1, "files", "the file is empty when decompressed"))
    elif found.format.upper() not in READABLE:
        what = "no known format" if found.format == "unknown" else found.format.upper()
        made.append(Finding("format", 1, "files", f"the content is not FASTQ but {what}", (Place(byte=0),)))
    elif format_ not in (None, found.format):
        said = f"the name promises {str(format_).upper()}, the content is {found.format.upper()}"
        made.append(Finding("extension", 1, "files", said, (Place(byte=0),)))
    return made


def _content_findings(outcome: Outcome, wanted: Rules) -> list[Finding]:
    made = compression(outcome.fault)
    cut = outcome.fault is not None and outcome.fault.kind in TRUNCATIONS
    made += [one for one in outcome.findings if not (cut and one.kind == "partial-record")]
    if outcome.quality_offset == ILLUMINA:
        said = "qualities are encoded with an offset of 64 (Illumina 1.3 to 1.7); 33 is wanted"
        made.append(Finding("quality-encoding", outcome.reads, "reads", said))
    for kind, share in outcome.shares.items():
        least: float = getattr(wanted, kind.replace("-", "_"))
        if share is not None and share < least:
            made.append(Finding(kind, 1, "files", f"{_SHARES[kind]}: {share:.2%}, wanted are {least:.2%}"))
    return made


_SHARES: Final = {
    "acgtu-share": "bases that are A, C, G, T or U",
    "q30-share": "reads with a mean quality of 30 or more",
}


def _compare(made: SetReport, passed: list[tuple[FileReport, Outcome]], options: Options) -> None:
    """Findings of the set."""
    if len(passed) == 1:
        _compare_single(made, *passed[0], options)
        return
    first, one = passed[0]
    made.findings += pairs.count_finding([(report.path.name, report.reads) for report, _ in passed])
    for report, other in passed[1:]:
        found = pairs.compare(one.names, other.names)
        made.findings += pairs.order_finding(found, f"{first.path.name} and {report.path.name}")
    for number, (report, checked) in enumerate(passed, 1):
        expected = number if len(passed) == 2 else {"R1": 1}.get(role(report.path))
        made.findings += pairs.marker_finding(report.path.name, checked.markers, expected)


def _compare_single(made: SetReport, report: FileReport, checked: Outcome, options: Options) -> None:
    spool, markers = checked.names, checked.markers
    if options.layout != "interleaved" and not (options.layout == "auto" and pairs.is_interleaved(spool, markers)):
        made.findings += pairs.marker_finding(report.path.name, markers, None)
        return
    made.layout = "interleaved"
    found, unmarked = pairs.compare_interleaved(spool)
    made.findings += pairs.order_finding(found, "first and second read of a pair")
    if report.reads % 2:
        made.findings.append(Finding("pair-count", 1, "reads", "the last read has no mate"))
    if unmarked:
        made.findings.append(Finding("pair-marker", unmarked, "pairs", "mate markers of a pair are not 1 and 2"))
