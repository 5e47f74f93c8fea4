"""The real cohort: its people, its variants, and published cases beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.demo.real.documents import Desk, descriptor, write_lists
from node.demo.real.pack import COHORT, PACKETS, DataPack
from node.demo.submission import Document, Submission, Variants, write_mapping, write_table

LINKED_PEOPLE = 150
SCANNED_FOR = "ICD10:I42"  # half of the people with images have it
ANNOTATED = "variants/1000G_2548_chr22_GRCh38.snpeff.vcf.gz"
VARIANTS = (
    ("variants/1000G_2504_chr1_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_2504_clinvar_pathogenic_chr22_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_300_chr20_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_835_APOL1_GRCh37.vcf.gz", "GRCh37"),
    (ANNOTATED, "GRCh38"),
)


@dataclass(frozen=True, slots=True)
class CohortPerson:
    """An individual of the cohort with the accession given here; ``sex`` is ``M`` or ``F``, as DICOM writes it."""

    name: str
    accession: str
    sex: str
    diseases: frozenset[str]


def people(pack: DataPack) -> list[CohortPerson]:
    """Everyone of the cohort, numbered in the order of its file."""
    return [
        CohortPerson(
            person["id"],
            f"HRI{number:06d}",
            "F" if person["sex"]["id"] == "NCIT:C16576" else "M",
            frozenset(pack.diseases(person)),
        )
        for number, person in enumerate(pack.cohort, start=1)
    ]


def scanned(cohort: Sequence[CohortPerson]) -> list[CohortPerson]:
    """The people with images: in turn one who has :data:`SCANNED_FOR` and one who has not."""
    having = [person for person in cohort if SCANNED_FOR in person.diseases]
    others = [person for person in cohort if SCANNED_FOR not in person.diseases]
    turns = zip(having, others, strict=False)
    return [person for turn in turns for person in turn][:LINKED_PEOPLE]


def submission(desk: Desk, cohort: Sequence[CohortPerson]) -> Submission:
    """The cohort with its variants; people whom only a variant file knows become individuals of their own."""
    accession = "HRA900012"
    folder = desk.drawer("gsa-human", accession)
    known = {person.name for person in cohort}
    others = [name for name in desk.pack.samples(ANNOTATED) if name not in known]
    mapping = [(person.name, person.accession, "") for person in cohort]
    mapping += [(name, f"HRI{len(cohort) + number:06d}", "") for number, name in enumerate(others, start=1)]
    write_lists(
        folder / "others",
        individuals=[{"id": name} for name in others],
        biosamples=[{"id": name, "individualId": name} for name in others],
    )
    accessions = write_mapping(folder, mapping)
    ids = {file: f"HRR{900_101 + number}-01" for number, (file, _) in enumerate(VARIANTS)}
    rows = [
        desk.row(file, title=Path(file).stem, id=ids[file], individuals="header", assembly=assembly)
        for file, assembly in VARIANTS
    ]
    rows += [
        desk.row(f"{file}.tbi", title=f"Index of {Path(file).name}", id=ids[file].replace("-01", "-02"))
        for file, _ in VARIANTS
    ]
    documents = (
        Document("beacon", desk.pack.root / COHORT, accessions),
        Document("beacon", folder / "others", accessions),
        Document("manifest", write_table(folder / "manifest.tsv", rows)),
    )
    loaded = tuple(Variants(desk.pack.root / file, ids[file], assembly) for file, assembly in VARIANTS)
    described = descriptor(accession, "CINECA UK1 cohort with 1000 Genomes variants", dac="HDAC900001")
    return Submission("gsa-human", accession, described, documents, loaded)


def phenopackets(desk: Desk) -> Submission:
    """Published cases, one phenopacket each."""
    accession = "HRA900013"
    folder = desk.drawer("gsa-human", accession)
    people = [(packet, f"HRI{910_000 + number}", "") for number, packet in enumerate(desk.pack.packets(), start=1)]
    document = Document("phenopackets", desk.pack.root / PACKETS, write_mapping(folder, people))
    return Submission("gsa-human", accession, descriptor(accession, "Published cases"), (document,))
