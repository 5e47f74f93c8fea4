"""Real tables of OMIX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.demo.real.documents import Desk, descriptor
from node.demo.real.pack import COHORT
from node.demo.submission import Document, Submission, write_table


def tables(desk: Desk) -> Iterator[Submission]:
    """An open set of tables about samples and runs, and the controlled clinical table of the cohort."""
    about_runs = ["variants/integrated_call_samples_v3.20130502.ALL.panel", "gsa/iseq_table_s1_files.tsv"]
    about_runs += sorted(p.relative_to(desk.pack.root).as_posix() for p in (desk.pack.root / "insdc").glob("*.csv"))
    for accession, title, paths, dac in (
        ("OMIX900011", "Populations, benchmark files and run tables", about_runs, ""),
        ("OMIX900012", "Clinical table of the CINECA UK1 cohort", [f"{COHORT}/uk1.tsv.gz"], "ODAC900001"),
    ):
        folder = desk.drawer("omix", accession)
        rows = [
            desk.row(
                path, title=Path(path).name, organism="Homo sapiens", type="CSV" if path.endswith("csv") else "TSV"
            )
            for path in paths
            if (desk.pack.root / path).exists()
        ]
        document = Document("manifest", write_table(folder / "manifest.tsv", rows))
        yield Submission("omix", accession, descriptor(accession, title, dac=dac), (document,))
