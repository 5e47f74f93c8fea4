"""Writes a GSA workbook (xlsx) as a submitter would, with the columns of the archive's own export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook

SAMPLE = ("ID", "Sample name", "Accession", "Public description", "Project accession", "Sample title", "Organism")
EXPERIMENT = (
    "ID", "Accession", "Experiment title", "BioProject accession", "BioSample name", "BioSample accession", "Platform",
    "Library Construction / Experimental Design", "Library name", "Strategy", "Source", "Selection", "Layout",
    "Read length for mate1(bp)", "Read length for mate 2(bp)", "Insert size (bp)",
)  # fmt: skip
RUN = (
    "ID", "Accession", "Run title", "BioProject accession", "Experiment accession", "Run data file type",
    "Read filename 1", "Read file1 MD5", "DownLoad Read file1", "Read filename 2", "Read file2 MD5",
    "DownLoad  Read file2", "Index filename 1", "Index file1 MD5", "DownLoad Index file1",
    "Reference file name", "MD5 for reference file",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as a run names it; ``md5`` is lower-case hex, ``size`` in bytes."""

    name: str
    md5: str
    size: int

    @property
    def shown(self) -> str:
        """The file name the way the workbook writes it."""
        return f"{self.name} ({self.size} bytes)"


@dataclass(frozen=True, slots=True)
class WorkbookRun:
    """A sample with its one experiment and its one run."""

    number: int
    name: str
    organism: str
    title: str
    kind: str
    reads: tuple[ReadFile, ...]
    index: ReadFile | None = None
    reference: ReadFile | None = None
    platform: str = "Illumina NovaSeq 6000"

    def accession(self, prefix: str) -> str:
        """The accession of this run, its experiment (CRX) or its sample (SAMC)."""
        return f"{prefix}{900000 + self.number}"


def write_workbook(path: Path, project: str, runs: Sequence[WorkbookRun]) -> None:
    """Write the sheets Sample, Experiment and Run."""
    book = Workbook(write_only=True)
    for title, columns, row in (
        ("Sample", SAMPLE, _sample),
        ("Experiment", EXPERIMENT, _experiment),
        ("Run", RUN, _run),
    ):
        sheet = book.create_sheet(title)
        sheet.append(list(columns))
        for order, run in enumerate(runs, start=1):
            sheet.append([order, *row(run, project)])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _sample(run: WorkbookRun, project: str) -> list[object]:
    return [run.name, run.accession("SAMC"), run.title, project, run.title, run.organism]


def _experiment(run: WorkbookRun, project: str) -> list[object]:
    paired = len(run.reads) == 2
    of = [run.accession("CRX"), run.title, project, run.name, run.accession("SAMC")]
    library = [run.platform, "Fragmented and ligated", f"lib-{run.name}", "WGS", "GENOMIC", "RANDOM"]
    return [*of, *library, "PAIRED" if paired else "SINGLE", 100, 100 if paired else None, 300]


def _run(run: WorkbookRun, project: str) -> list[object]:
    cells: list[object] = [run.accession("CRR"), run.title, project, run.accession("CRX"), run.kind]
    for file in (run.reads[0], run.reads[1] if len(run.reads) == 2 else None, run.index):
        cells += [file.shown, file.md5, None] if file else [None, None, None]
    return [*cells, *((run.reference.shown, run.reference.md5) if run.reference else (None, None))]
