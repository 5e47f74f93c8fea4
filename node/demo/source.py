"""The holdings of a family on real data: files stay where they are, only their documents are written."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.demo import images
from node.demo.archive import md5
from node.demo.directory import atomic_write
from node.demo.pack import COHORT, PACKETS, DataPack
from node.demo.people import TERMS
from node.demo.plan import RELEASED
from node.demo.submission import Document, Holdings, Submission, Variants, write_mapping, write_table
from node.demo.workbook import ReadFile, WorkbookRun, write_workbook

LINKED_PEOPLE = 150
SCANNED_FOR = "ICD10:I42"  # half of the people with images have it
GATHERED = RELEASED
PROJECT = "PRJCA900011"
ANNOTATED = "variants/1000G_2548_chr22_GRCh38.snpeff.vcf.gz"
VARIANTS = (
    ("variants/1000G_2504_chr1_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_2504_clinvar_pathogenic_chr22_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_300_chr20_GRCh37.vcf.gz", "GRCh37"),
    ("variants/1000G_835_APOL1_GRCh37.vcf.gz", "GRCh37"),
    (ANNOTATED, "GRCh38"),
)
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
READS_TOUR = {"reference": "11", "start": 5_000_000, "end": 5_005_000}
CHEST_CT = {"entryType": "imagingSeries", "filters": [{"id": "DCM:CT"}, {"id": "UBERON:0001443"}]}


@dataclass(frozen=True, slots=True)
class CohortPerson:
    """An individual of the cohort with the accession given here; ``scanned`` ones are linked with OBIA."""

    name: str
    accession: str
    sex: str
    diseases: frozenset[str]


class RealFamily:
    """The data pack as the holdings of a family; documents go below ``folder``.

    :raises DemoError: if the data pack is not one.
    """

    def __init__(self, data: Path, folder: Path) -> None:
        self._pack = DataPack(data)
        self._folder = folder

    def roots(self) -> dict[str, dict[str, Path]]:
        """By member, its stores: the folder behind each store's name."""
        shared = {member: {"archive": self._pack.root} for member in ("gsa", "gsa-human", "omix", "obia")}
        made = self._folder / "archive" / "obia"
        made.mkdir(parents=True, exist_ok=True)
        shared["obia"]["made"] = made
        return shared

    def holdings(self, told: Callable[[str], None]) -> Holdings:
        """Write the documents, and the phantoms of those who have no real images."""
        told("who is in the data")
        cohort = self._cohort()
        scanned = _scanned(cohort)
        shown = self._pack.images()
        real = scanned[: len(shown.patients)]
        told("images")
        submissions = (
            self._gsa(),
            self._reads(),
            self._cohort_submission(cohort),
            self._phenopackets(),
            *self._omix(),
            self._real_images(list(zip(shown.patients, real, strict=True)), shown.left_out),
            self._phantoms(scanned[len(real) :]),
        )
        ontologies = (TERMS, self._pack.root / "ontologies/hp.v2024-08-13.json.gz")
        left_out = ", ".join(shown.left_out)
        notes = (
            (f"Left out of imaging/ (no DICOM instance, or one that is there already): {left_out}",) if left_out else ()
        )
        tour = _tour(scanned[len(real) :])
        return Holdings(submissions, {"gsa-human": ontologies, "obia": (TERMS,)}, tour, notes)

    def _cohort(self) -> list[CohortPerson]:
        return [
            CohortPerson(
                person["id"],
                f"HRI{number:06d}",
                "F" if person["sex"]["id"] == "NCIT:C16576" else "M",
                frozenset(self._pack.diseases(person)),
            )
            for number, person in enumerate(self._pack.cohort, start=1)
        ]

    def _documents(self, member: str, accession: str) -> Path:
        folder = self._folder / "submissions" / member / accession
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _gsa(self) -> Submission:
        folder = self._documents("gsa", "CRA900011")
        runs = [
            WorkbookRun(
                number=10 + number,
                name=name,
                organism=organism,
                title=f"Reads of {organism}",
                kind=kind,
                reads=tuple(self._read_file(f"reads/{file}") for file in files),
                reference=self._read_file("reads/ce.fa") if name == "ce-level1" else None,
            )
            for number, (name, organism, kind, files) in enumerate(GSA_RUNS, start=1)
        ]
        write_workbook(folder / "submission.xlsx", PROJECT, runs)
        document = Document("workbook", folder / "submission.xlsx", layout="reads/{file}")
        return Submission("gsa", "CRA900011", _descriptor("CRA900011", "Viral and worm reads"), (document,))

    def _read_file(self, path: str) -> ReadFile:
        found = self._pack.root / path
        return ReadFile(found.name, md5(found), found.stat().st_size)

    def _reads(self) -> Submission:
        accession, person = "HRA900011", "NA12878"
        folder = self._documents("gsa-human", accession)
        runs = [f"HRR{900_011 + number}" for number in range(len(READ_RUNS))]
        _write_lists(
            folder,
            individuals=[{"id": person, "sex": {"id": "NCIT:C16576", "label": "female"}}],
            biosamples=[{"id": person, "individualId": person}],
            runs=[{"id": run, "biosampleId": person, "individualId": person} for run in runs],
        )
        rows = []
        for run, (stem, assembly, endings) in zip(runs, READ_RUNS, strict=True):
            for ending in endings:
                path = f"{stem}{ending}" if ending.startswith("_") else f"{stem}.{ending}"
                rows.append(self._row(path, title=f"{person} {ending}", run=run, assembly=assembly))
        rows.append(self._row("reads/GRCh38_chrM.fasta", title="Reference of chrM", run=runs[1]))
        documents = (
            Document("beacon", folder, write_mapping(folder, [(person, "HRI900011", "")])),
            Document("manifest", write_table(folder / "manifest.tsv", rows)),
        )
        return Submission("gsa-human", accession, _descriptor(accession, "Reads of NA12878"), documents)

    def _row(self, path: str, **given: str) -> dict[str, str]:
        columns = ("title", "type", "id", "run", "individuals", "assembly", "organism")
        return {"path": path, "md5": md5(self._pack.root / path), **{key: given.get(key, "") for key in columns}}

    def _cohort_submission(self, cohort: Sequence[CohortPerson]) -> Submission:
        """The cohort with its variants; people whom only a variant file knows become individuals of their own."""
        accession = "HRA900012"
        folder = self._documents("gsa-human", accession)
        known = {person.name for person in cohort}
        others = [name for name in self._pack.samples(ANNOTATED) if name not in known]
        mapping = [(person.name, person.accession, "") for person in cohort]
        mapping += [(name, f"HRI{len(cohort) + number:06d}", "") for number, name in enumerate(others, start=1)]
        _write_lists(
            folder / "others",
            individuals=[{"id": name} for name in others],
            biosamples=[{"id": name, "individualId": name} for name in others],
        )
        path = write_mapping(folder, mapping)
        ids = {path: f"HRR{900_101 + number}-01" for number, (path, _) in enumerate(VARIANTS)}
        rows = [
            self._row(file, title=Path(file).stem, id=ids[file], individuals="header", assembly=assembly)
            for file, assembly in VARIANTS
        ]
        rows += [
            self._row(f"{file}.tbi", title=f"Index of {Path(file).name}", id=ids[file].replace("-01", "-02"))
            for file, _ in VARIANTS
        ]
        documents = (
            Document("beacon", self._pack.root / COHORT, path),
            Document("beacon", folder / "others", path),
            Document("manifest", write_table(folder / "manifest.tsv", rows)),
        )
        loaded = tuple(Variants(self._pack.root / file, ids[file], assembly) for file, assembly in VARIANTS)
        descriptor = _descriptor(accession, "CINECA UK1 cohort with 1000 Genomes variants", dac="HDAC900001")
        return Submission("gsa-human", accession, descriptor, documents, loaded)

    def _phenopackets(self) -> Submission:
        accession = "HRA900013"
        folder = self._documents("gsa-human", accession)
        people = [(packet, f"HRI{910_000 + number}", "") for number, packet in enumerate(self._pack.packets(), start=1)]
        document = Document("phenopackets", self._pack.root / PACKETS, write_mapping(folder, people))
        return Submission("gsa-human", accession, _descriptor(accession, "Published cases"), (document,))

    def _omix(self) -> Iterator[Submission]:
        tables = ["variants/integrated_call_samples_v3.20130502.ALL.panel", "gsa/iseq_table_s1_files.tsv"]
        tables += sorted(p.relative_to(self._pack.root).as_posix() for p in (self._pack.root / "insdc").glob("*.csv"))
        for accession, title, paths, dac in (
            ("OMIX900011", "Populations, benchmark files and run tables", tables, ""),
            ("OMIX900012", "Clinical table of the CINECA UK1 cohort", [f"{COHORT}/uk1.tsv.gz"], "ODAC900001"),
        ):
            folder = self._documents("omix", accession)
            rows = [
                self._row(
                    path, title=Path(path).name, organism="Homo sapiens", type="CSV" if path.endswith("csv") else "TSV"
                )
                for path in paths
                if (self._pack.root / path).exists()
            ]
            document = Document("manifest", write_table(folder / "manifest.tsv", rows))
            yield Submission("omix", accession, _descriptor(accession, title, dac=dac), (document,))

    def _real_images(self, pairs: Sequence[tuple[str, CohortPerson]], left_out: tuple[str, ...]) -> Submission:
        accession = "OBIA900011"
        mapping = write_mapping(self._documents("obia", accession), _linked((p, person) for p, person in pairs))
        document = Document("dicom", Path("imaging"), mapping, exclude=left_out)
        return Submission("obia", accession, _descriptor(accession, "Public test images"), (document,))

    def _phantoms(self, people: Sequence[CohortPerson]) -> Submission:
        accession = "OBIA900012"
        root = self._folder / "archive" / "obia" / accession
        for number, person in enumerate(people):
            day, age = dt.date(2023, 1, 1) + dt.timedelta(days=5 * number), 30 + number % 50
            for scan in (images.CHEST, images.BRAIN) if number % 4 == 0 else (images.CHEST,):
                folder = root / person.name / scan.body_part.lower()
                images.write_series(folder, person.name, person.sex, age, scan, day)
        mapping = write_mapping(self._documents("obia", accession), _linked((p.name, p) for p in people))
        document = Document("dicom", Path(accession), mapping, store="made")
        descriptor = _descriptor(accession, "Phantoms of the CINECA UK1 cohort", dac="IDAC900001")
        return Submission("obia", accession, descriptor, (document,))


def _descriptor(accession: str, title: str, *, dac: str = "") -> dict[str, Any]:
    descriptor: dict[str, Any] = {
        "accession": accession,
        "title": title,
        "tier": "controlled" if dac else "open",
        "bioproject": PROJECT,
        "release_date": GATHERED,
    }
    return descriptor | ({"dac": dac} if dac else {})


def _write_lists(folder: Path, **lists: list[dict[str, Any]]) -> None:
    for name, records in lists.items():
        atomic_write(folder / f"{name}.json", json.dumps(records).encode())


def _linked(pairs: Iterable[tuple[str, CohortPerson]]) -> Iterator[tuple[str, str, str]]:
    return ((patient, f"OBII{person.accession[3:]}", person.accession) for patient, person in pairs)


def _scanned(cohort: Sequence[CohortPerson]) -> list[CohortPerson]:
    """The people with images: in turn one who has :data:`SCANNED_FOR` and one who has not."""
    having = [person for person in cohort if SCANNED_FOR in person.diseases]
    others = [person for person in cohort if SCANNED_FOR not in person.diseases]
    turns = zip(having, others, strict=False)
    return [person for turn in turns for person in turn][:LINKED_PEOPLE]


def _tour(phantoms: Sequence[CohortPerson]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for person in phantoms:
        for code in person.diseases - {SCANNED_FOR}:
            counts[code] = counts.get(code, 0) + 1
    rare = min(sorted(counts), key=lambda code: counts[code])
    return {
        "filter": SCANNED_FOR,
        "open_file": {"member": "gsa", "dataset": "CRA900011", "name": "sarscov2_MS2_1.fastq.gz"},
        "reads": {"member": "gsa-human", "dataset": "HRA900011", "name": "htsnexus_test_NA12878.bam", **READS_TOUR},
        "controlled": {"member": "gsa-human", "dataset": "HRA900012", "name": "1000G_300_chr20_GRCh37.vcf.gz"},
        "imaging": {"member": "obia", "dataset": "OBIA900012"},
        "join": [{"entryType": "individual", "filters": [{"id": SCANNED_FOR}]}, CHEST_CT],
        "rare_join": [{"entryType": "individual", "filters": [{"id": rare}]}, CHEST_CT],
    }
