"""The holdings of the made family: its archives, and what its submitters hand in about them.

Each data set becomes a folder of documents in the forms that registration reads, so that the demo goes the way that
real data goes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from node.demo.configuration import MEMBERS
from node.demo.directory import atomic_write
from node.demo.made.archive import Archived, MadeArchive, md5
from node.demo.made.people import RARE, TERMS, Person
from node.demo.made.plan import DATASETS, SAMPLED, SEQUENCED, PlannedDataset
from node.demo.submission import Document, Holdings, Submission, Variants, write_mapping, write_table
from node.demo.workbook import ReadFile, WorkbookRun, write_workbook

CHEST_CT = {"entryType": "imagingSeries", "filters": [{"id": "DCM:CT"}, {"id": "UBERON:0001443"}]}
TOUR = {
    "filter": "HP:0001626",
    "open_file": {"member": "omix", "dataset": "OMIX900001", "name": "expression_counts.csv"},
    "reads": {
        "member": "gsa-human",
        "dataset": "HRA900001",
        "name": "HRR900006.bam",
        "reference": "chr19",
        "start": 44_900_000,
        "end": 44_902_000,
    },
    "controlled": {"member": "gsa-human", "dataset": "HRA900002", "name": "HRR900009.bam"},
    "imaging": {"member": "obia", "dataset": "OBIA900002"},
    "join": [{"entryType": "individual", "filters": [{"id": "HP:0001626"}]}, CHEST_CT],
    "rare_join": [{"entryType": "individual", "filters": [{"id": RARE}]}, CHEST_CT],
}


class MadeFamily:
    """The made holdings below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def roots(self) -> dict[str, dict[str, Path]]:
        """By member, its stores: the folder behind each store's name."""
        return {member: {"archive": self._folder / "archive" / member} for member in MEMBERS}

    def holdings(self, told: Callable[[str], None]) -> Holdings:
        """Write the archives and documents."""
        archive = MadeArchive(self._folder / "archive")
        archive.write(told)
        documents = self._folder / "submissions"
        submissions = [
            _submission(planned, archive, documents / planned.member / planned.accession) for planned in DATASETS
        ]
        return Holdings(tuple(submissions), dict.fromkeys(("gsa-human", "obia"), (TERMS,)), TOUR)


def _submission(planned: PlannedDataset, archive: MadeArchive, folder: Path) -> Submission:
    files = [file for file in archive.files if file.dataset == planned.accession]
    root = archive.root / planned.member
    cohort = archive.of(planned.accession)
    return Submission(
        member=planned.member,
        accession=planned.accession,
        descriptor=planned.descriptor,
        documents=tuple(_documents(planned, files, root, cohort, archive.everyone, folder)),
        variants=tuple(Variants(root / file.path, f"{file.run}-01", "GRCh38") for file in files if file.kind == "vcf"),
        withdrawn=planned.withdrawn,
        withdrawn_people=tuple(person.accession for person in cohort if person.withdrawn),
    )


def _documents(
    planned: PlannedDataset,
    files: Sequence[Archived],
    root: Path,
    cohort: Sequence[Person],
    everyone: Sequence[Person],
    folder: Path,
) -> Iterable[Document]:
    if planned.member == "gsa":
        write_workbook(folder / "submission.xlsx", planned.project, _workbook_runs(files, root))
        yield Document("workbook", folder / "submission.xlsx")
    elif planned.member == "gsa-human":
        write_beacon_lists(folder, planned, cohort, files)
        yield Document("beacon", folder, write_mapping(folder, ((p.name, p.accession, "") for p in cohort)))
        yield Document("manifest", write_manifest(folder, files, root))
    elif planned.member == "omix":
        yield Document("manifest", write_manifest(folder, files, root))
    else:
        patients = [*_imaged(planned, everyone), *_strangers(files)]
        yield Document("dicom", Path(planned.accession), write_mapping(folder, patients))


def _workbook_runs(files: Sequence[Archived], root: Path) -> list[WorkbookRun]:
    runs = []
    for accession in dict.fromkeys(file.run for file in files):
        of = [file for file in files if file.run == accession]
        reads = [file for file in of if file.kind in ("fastq", "cram")]
        by_kind = {file.kind: _read_file(file, root) for file in of}
        runs.append(
            WorkbookRun(
                number=int(accession[3:]) - 900_000,
                name=reads[0].title.split()[0],
                organism=reads[0].organism,
                title=f"Whole genome of {reads[0].organism}",
                kind=reads[0].kind,
                reads=tuple(_read_file(file, root) for file in reads),
                index=by_kind.get("crai"),
                reference=by_kind.get("fasta"),
            )
        )
    return runs


def _read_file(file: Archived, root: Path) -> ReadFile:
    path = root / file.path
    return ReadFile(path.name, md5(path), path.stat().st_size)


def write_beacon_lists(
    folder: Path, planned: PlannedDataset, cohort: Sequence[Person], files: Sequence[Archived]
) -> None:
    """Write ``individuals.json`` and the lists of what belongs to them; a pooled file is of no run of one person."""
    single = {file.run: file for file in files if len(file.about) == 1 and file.run}
    named = {"id": planned.accession.lower(), "name": planned.title, "cohortType": "study-defined"}
    lists: dict[str, list[dict[str, Any]]] = {
        "individuals": [{"id": person.name, **person.record} for person in cohort],
        "biosamples": [_biosample(person) for person in cohort],
        "runs": [_run(run, file.about[0]) for run, file in single.items()],
        "analyses": [_analysis(file.run) for file in files if file.kind in ("bam", "cram") and file.run in single],
        "cohorts": [named],
    }
    for name, records in lists.items():
        atomic_write(folder / f"{name}.json", json.dumps(records, ensure_ascii=False, indent=1).encode())


def _biosample(person: Person) -> dict[str, Any]:
    return {
        "id": person.name,
        "individualId": person.name,
        "sampleOriginType": {"id": "UBERON:0000178", "label": "blood"},
        "biosampleStatus": {"id": "EFO:0009654", "label": "reference sample"},
        "collectionDate": SAMPLED.isoformat(),
        "collectionMoment": f"P{person.age}Y",
    }


def _run(run: str, person: Person) -> dict[str, Any]:
    return {
        "id": run,
        "biosampleId": person.name,
        "individualId": person.name,
        "runDate": SEQUENCED.isoformat(),
        "platform": "Illumina",
        "platformModel": {"id": "OBI:0002630", "label": "Illumina NovaSeq 6000"},
        "libraryStrategy": "WGS",
        "librarySource": {"id": "GENEPIO:0001966", "label": "genomic source"},
        "librarySelection": "RANDOM",
        "libraryLayout": "PAIRED",
    }


def _analysis(run: str) -> dict[str, Any]:
    about = {"pipelineName": "alignment to GRCh38", "aligner": "made by construction"}
    return {"id": f"{run}-alignment", "runId": run, "analysisDate": SEQUENCED.isoformat(), **about}


def write_manifest(folder: Path, files: Sequence[Archived], root: Path) -> Path:
    """Write ``manifest.tsv``: what is in the archive, with checksums and who is in each file."""
    numbers: dict[str, int] = {}
    rows = []
    for file in files:
        numbers[file.run] = numbers.get(file.run, 0) + 1
        pooled = len(file.about) > 1
        people = ("header" if file.kind == "vcf" else ",".join(p.accession for p in file.about)) if pooled else ""
        rows.append(
            {
                "path": file.path,
                "md5": md5(root / file.path),
                "title": file.title,
                "type": file.kind.upper(),
                "id": f"{file.run}-{numbers[file.run]:02d}" if file.run else "",
                "run": "" if pooled else file.run,
                "individuals": people,
                "index_of": file.index_of,
                "assembly": "GRCh38" if file.kind in ("vcf", "bam") else "",
                "organism": "" if file.run else file.organism,
            }
        )
    return write_table(folder / "manifest.tsv", rows)


def _imaged(planned: PlannedDataset, everyone: Sequence[Person]) -> Iterable[tuple[str, str, str]]:
    """The people whose images are in a collection; its number of an OBIA individual is that of the GSA-Human one."""
    for person in everyone:
        if person.scanned == planned.accession:
            yield person.name, f"OBII{person.accession[3:]}", person.accession


def _strangers(files: Sequence[Archived]) -> Iterable[tuple[str, str, str]]:
    """The patients of images that show nobody of the family."""
    patients = dict.fromkeys(file.patient for file in files if file.patient)
    for number, patient in enumerate(patients, start=1):
        yield patient, f"OBII{910_000 + number}", ""
