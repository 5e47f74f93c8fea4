"""``gsanode qc``: check sequence files, whole and exactly."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from node.commands.failure import fail

if TYPE_CHECKING:
    from adapters.qc.checking import Options
    from adapters.qc.outcome import Limits
    from adapters.qc.report import FileReport, Report

app = typer.Typer(add_completion=False)

Paths = Annotated[
    list[Path], typer.Argument(help="FASTQ, BAM, CRAM, VCF or BCF; mates and 10x sets are found by their names")
]
LayoutOption = Annotated[
    str, typer.Option("--layout", help="auto, single, paired (one after the other) or interleaved")
]
JsonOption = Annotated[bool, typer.Option("--json", help="write the report as JSON to standard output")]
TmpOption = Annotated[Path | None, typer.Option("--tmp", help="folder for names kept on disk", file_okay=False)]
ThreadsOption = Annotated[
    int, typer.Option("--threads", help="that decompress; 1 uses one processor in all", min=1, max=64)
]
MemoryOption = Annotated[int, typer.Option("--memory", help="MB that the check of names may take", min=16)]

EngineOption = Annotated[
    str, typer.Option("--engine", help="kernel; plain-set, pybloom-live, dnaio+rbloom: references")
]

XmlOption = Annotated[
    Path | None, typer.Option("--xml", help="write the archive's XML report to this file", dir_okay=False)
]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="write a page with plots to this file", dir_okay=False)]
ReferenceOption = Annotated[
    Path | None, typer.Option("--reference", help="FASTA that records are to agree with", dir_okay=False)
]
TaxonomyOption = Annotated[
    Path | None, typer.Option("--taxonomy", help="folder of reference sets (gsanode taxonomy add)", file_okay=False)
]
OrganismOption = Annotated[str, typer.Option("--organism", help="organism that the reads are declared to be of")]
LanguageOption = Annotated[Literal["en", "zh"], typer.Option("--language", help="of the page")]


@app.command()
def qc(
    paths: Paths,
    layout: LayoutOption = "auto",
    as_json: JsonOption = False,
    tmp: TmpOption = None,
    memory: MemoryOption = 256,
    threads: ThreadsOption = 2,
    engine: EngineOption = "kernel",
    xml: XmlOption = None,
    html: HtmlOption = None,
    language: LanguageOption = "en",
    reference: ReferenceOption = None,
    taxonomy: TaxonomyOption = None,
    organism: OrganismOption = "",
) -> None:
    """Check sequence files. Exit code: 0 clean, 1 findings, 2 something could not be checked."""
    from adapters.qc import engines
    from adapters.qc.documents import document
    from adapters.qc.errors import EngineAbsent
    from adapters.qc.layout import InvalidLayout
    from adapters.qc.outcome import Limits
    from adapters.qc.reference import BadReference

    if layout not in ("auto", "single", "paired", "interleaved"):
        fail(f"--layout {layout}: allowed are auto, single, paired and interleaved")
    if organism and not taxonomy:
        fail("--organism is compared with a profile: give --taxonomy too")
    try:
        limits = Limits(tmp, memory << 20, threads)
        report = run(paths, replace(_options(layout, engine, limits, reference), sets=taxonomy, organism=organism))
    except (InvalidLayout, engines.UnknownEngine, EngineAbsent, BadReference) as error:
        fail(str(error))
    write(report, xml, html, language)
    if as_json:
        typer.echo(json.dumps(document(report), indent=1))
    else:
        show(report)
    gc.freeze()  # or the interpreter looks through all that the compiler loaded before it ends: a third of its start
    raise typer.Exit(report.exit_code)


def _options(layout: str, engine: str, limits: Limits, reference: Path | None) -> Options:
    from adapters.qc import engines
    from adapters.qc.checking import Options
    from adapters.qc.reference import ReferenceGenome

    genome = ReferenceGenome(reference) if reference else None
    return Options(layout=layout, engine=engines.engine(engine), limits=limits, genome=genome)  # type: ignore[arg-type]


def run(paths: list[Path], options: Options) -> Report:
    """Check with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from adapters.qc.checking import check

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {path: progress.add_task(path.name, total=_size(path)) for path in paths}
        return check(paths, options, lambda path, read: progress.update(tasks[path], advance=read))


def write(report: Report, xml: Path | None, html: Path | None, language: Literal["en", "zh"]) -> None:
    """Write the reports that are asked for, each at once or not at all."""
    if xml:
        from adapters.qc.xml import xml as as_xml

        _write(xml, as_xml(report))
    if html:
        from adapters.qc.page import page  # here: it loads a template engine

        _write(html, page(report, language))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def show(report: Report) -> None:
    """Findings as a person reads them."""
    for one in report.sets:
        for file in one.files:
            said = file.reason or ", ".join(_counted(file))
            typer.echo(f"{file.path}: {file.status}: {said}")
            _findings(file.findings)
        if one.findings:
            typer.echo(f"{' + '.join(file.path.name for file in one.files)} ({one.layout}): findings")
            _findings(one.findings)


def _counted(file: FileReport) -> list[str]:
    reads = [f"{file.reads:,} reads", f"{file.bases:,} bases"] if file.reads or not file.facts else []
    return reads + [f"{name.replace('_', ' ')} {_number(value)}" for name, value in file.facts.items()]


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _findings(findings: object) -> None:
    from adapters.qc.findings import Finding

    for finding in findings if isinstance(findings, list) else []:
        assert isinstance(finding, Finding)
        typer.echo(f"  {finding.kind}: {finding.count:,} {finding.unit}: {finding.message}")
        for place in finding.places:
            where = [f"read {place.record:,}" if place.record else "", f"line {place.line:,}" if place.line else ""]
            where += [f"byte {place.byte:,}" if place.byte is not None else "", place.detail]
            typer.echo(f"      {', '.join(part for part in where if part)}")
