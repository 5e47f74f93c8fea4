"""Real reads: those of other organisms in GSA, those of one person in GSA-Human."""

from __future__ import annotations

from node.demo.made.archive import md5
from node.demo.real.documents import PROJECT, Desk, descriptor, write_lists
from node.demo.submission import Document, Submission, write_mapping, write_table
from node.demo.workbook import ReadFile, WorkbookRun, write_workbook

READ_RUNS = (
    ("reads/htsnexus_test_NA12878", "GRCh37", ("bam", "bam.bai", "cram", "cram.crai")),
    ("reads/NA12878_chrM_GRCh38", "GRCh38", ("bam", "bam.bai", "cram", "cram.crai")),
    ("reads/NA12878_chrM", "", ("_1.fastq.gz", "_2.fastq.gz")),
)
CORONA, WORM = "Severe acute respiratory syndrome coronavirus 2", "Caenorhabditis elegans"
GSA_RUNS = (
    ("MS2", CORONA, "fastq", ("sarscov2_MS2_1.fastq.gz", "sarscov2_MS2_2.fastq.gz")),
    ("barcode07", CORONA, "fastq", ("sarscov2_nanopore_barcode07.fastq.gz",)),
    ("MS2-cram", CORONA, "cram", ("sarscov2_MS2_unaligned.cram",)),
    ("ce-level1", WORM, "cram", ("ce_level-1_cram30.cram",)),
    ("ce-level4", WORM, "cram", ("ce_level-4_cram31.cram",)),
)


def organisms(desk: Desk) -> Submission:
    """Reads of a virus and a worm, by the archive's workbook."""
    folder = desk.drawer("gsa", "CRA900011")
    runs = [
        WorkbookRun(
            number=10 + number,
            name=name,
            organism=organism,
            title=f"Reads of {organism}",
            kind=kind,
            reads=tuple(_read_file(desk, f"reads/{file}") for file in files),
            reference=_read_file(desk, "reads/ce.fa") if name == "ce-level1" else None,
        )
        for number, (name, organism, kind, files) in enumerate(GSA_RUNS, start=1)
    ]
    write_workbook(folder / "submission.xlsx", PROJECT, runs)
    document = Document("workbook", folder / "submission.xlsx", layout="reads/{file}")
    return Submission("gsa", "CRA900011", descriptor("CRA900011", "Viral and worm reads"), (document,))


def volunteer(desk: Desk) -> Submission:
    """Reads of NA12878, as BAM, CRAM and FASTQ."""
    accession, person = "HRA900011", "NA12878"
    folder = desk.drawer("gsa-human", accession)
    runs = [f"HRR{900_011 + number}" for number in range(len(READ_RUNS))]
    write_lists(
        folder,
        individuals=[{"id": person, "sex": {"id": "NCIT:C16576", "label": "female"}}],
        biosamples=[{"id": person, "individualId": person}],
        runs=[{"id": run, "biosampleId": person, "individualId": person} for run in runs],
    )
    rows = []
    for run, (stem, assembly, endings) in zip(runs, READ_RUNS, strict=True):
        for ending in endings:
            path = f"{stem}{ending}" if ending.startswith("_") else f"{stem}.{ending}"
            rows.append(desk.row(path, title=f"{person} {ending}", run=run, assembly=assembly))
    rows.append(desk.row("reads/GRCh38_chrM.fasta", title="Reference of chrM", run=runs[1]))
    documents = (
        Document("beacon", folder, write_mapping(folder, [(person, "HRI900011", "")])),
        Document("manifest", write_table(folder / "manifest.tsv", rows)),
    )
    return Submission("gsa-human", accession, descriptor(accession, "Reads of NA12878"), documents)


def _read_file(desk: Desk, path: str) -> ReadFile:
    found = desk.pack.root / path
    return ReadFile(found.name, md5(found), found.stat().st_size)
