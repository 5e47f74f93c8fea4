"""The holdings of a family on real data: files stay where they are, only their documents are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from node.demo.configuration import MEMBERS
from node.demo.made.family import CHEST_CT
from node.demo.made.people import TERMS
from node.demo.real import cohort, images, reads
from node.demo.real.cohort import SCANNED_FOR, CohortPerson
from node.demo.real.documents import Desk
from node.demo.real.pack import DataPack
from node.demo.real.tables import tables
from node.demo.submission import Holdings

HPO = "ontologies/hp.v2024-08-13.json.gz"
READS = {"reference": "11", "start": 5_000_000, "end": 5_005_000}


class RealFamily:
    """The data pack as the holdings of a family; documents go below ``folder``.

    :raises DemoError: if the data pack is not one.
    """

    def __init__(self, data: Path, folder: Path) -> None:
        self._desk = Desk(DataPack(data), folder)

    def roots(self) -> dict[str, dict[str, Path]]:
        """By member, its stores: the folder behind each store's name."""
        shared = {member: {"archive": self._desk.pack.root} for member in MEMBERS}
        made = self._desk.folder / "archive" / "obia"
        made.mkdir(parents=True, exist_ok=True)
        shared["obia"]["made"] = made
        return shared

    def holdings(self, told: Callable[[str], None]) -> Holdings:
        """Write the documents, and the phantoms of those who have no real images."""
        told("who is in the data")
        desk = self._desk
        people = cohort.people(desk.pack)
        scanned, shown = cohort.scanned(people), desk.pack.images()
        real, others = scanned[: len(shown.patients)], scanned[len(shown.patients) :]
        told("images")
        submissions = (
            reads.organisms(desk),
            reads.volunteer(desk),
            cohort.submission(desk, people),
            cohort.phenopackets(desk),
            *tables(desk),
            images.images(desk, list(zip(shown.patients, real, strict=True)), shown.left_out),
            images.phantoms(desk, others),
        )
        ontologies = {"gsa-human": (TERMS, desk.pack.root / HPO), "obia": (TERMS,)}
        left_out = ", ".join(shown.left_out)
        note = f"Left out of imaging/ (no DICOM instance, or one that is there already): {left_out}"
        return Holdings(submissions, ontologies, _tour(others), (note,) if left_out else ())


def _tour(phantoms: Sequence[CohortPerson]) -> dict[str, Any]:
    counts = Counter(code for person in phantoms for code in person.diseases - {SCANNED_FOR})
    rare = min(sorted(counts), key=lambda code: counts[code])
    return {
        "filter": SCANNED_FOR,
        "open_file": {"member": "gsa", "dataset": "CRA900011", "name": "sarscov2_MS2_1.fastq.gz"},
        "reads": {"member": "gsa-human", "dataset": "HRA900011", "name": "htsnexus_test_NA12878.bam", **READS},
        "controlled": {"member": "gsa-human", "dataset": "HRA900012", "name": "1000G_300_chr20_GRCh37.vcf.gz"},
        "imaging": {"member": "obia", "dataset": "OBIA900012"},
        "join": [{"entryType": "individual", "filters": [{"id": SCANNED_FOR}]}, CHEST_CT],
        "rare_join": [{"entryType": "individual", "filters": [{"id": rare}]}, CHEST_CT],
    }
