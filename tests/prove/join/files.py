"""What the files of a demo family say, read with plain Python: Beacon lists, phenopackets, VCF and DICOM.

Of the node it knows only what a submitter wrote (mappings, manifests) and what ``family.json`` tells a tester: which
data sets are released and who withdrew.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

HUMAN, IMAGES = "gsa-human", "obia"
SEX_OF_PACKETS = {"MALE": "NCIT:C20197", "FEMALE": "NCIT:C16576"}
TAGS = ["PatientID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined",
        "Manufacturer", "PatientAge"]  # fmt: skip


@dataclass(frozen=True)
class Person:
    """An individual of GSA-Human in one data set."""

    accession: str
    dataset: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Series:
    """A series of OBIA; ``person`` is whom its patient is linked with. ``age`` in months."""

    dataset: str
    individual: str
    person: str | None
    uid: str
    modality: str
    body_part: str
    manufacturer: str
    age: int | None


@dataclass(frozen=True)
class Allele:
    """One alternate allele of a line, without the bases that both sides share; ``start`` is 0-based."""

    assembly: str
    contig: str
    start: int
    ref: str
    alt: str


class Files:
    """The family in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._family = json.loads((folder / "family.json").read_bytes())
        self._source = Path(self._family["source"]) if Path(self._family["source"]).is_dir() else None
        gone = self._family["withdrawn_individuals"]
        self._gone = {member: {one["accession"] for one in people} for member, people in gone.items()}
        self.tiers = {
            member: {d["accession"]: d["tier"] for d in self._family["datasets"] if self._shown(d, member)}
            for member in (HUMAN, IMAGES)
        }

    def _shown(self, dataset: dict[str, Any], member: str) -> bool:
        return bool(dataset["member"] == member and dataset["state"] == "released")

    def _documents(self, member: str, dataset: str) -> Path:
        return self._folder / "submissions" / member / dataset

    def _mapping(self, member: str, dataset: str) -> dict[str, tuple[str, str | None]]:
        with (self._documents(member, dataset) / "mapping.tsv").open() as table:
            rows = list(csv.DictReader(table, delimiter="\t"))
        return {row["identifier"]: (row["accession"], row["link"] or None) for row in rows}

    @cached_property
    def people(self) -> list[Person]:
        """Everyone of GSA-Human who may be found."""
        return [
            Person(accession, dataset, record)
            for dataset in self.tiers[HUMAN]
            for accession, record in self._records(dataset)
            if accession not in self._gone.get(HUMAN, ())
        ]

    def _records(self, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
        names = self._mapping(HUMAN, dataset)
        folder = self._documents(HUMAN, dataset)
        lists = [folder / "individuals.json", folder / "others" / "individuals.json"]
        found = [record for path in lists if path.exists() for record in json.loads(path.read_bytes())]
        if self._source is not None and (folder / "others").exists():
            packed = self._source / "beacon/cineca_uk1/individuals.json.gz"
            found += json.loads(gzip.decompress(packed.read_bytes()))
        elif self._source is not None and not found:
            packets = sorted((self._source / "beacon/phenopackets").rglob("*.json"))
            found = [_of_packet(json.loads(path.read_bytes())) for path in packets]
        return ((names[record["id"]][0], record) for record in found)

    @cached_property
    def series(self) -> list[Series]:
        """Every series of OBIA that may be found."""
        found: dict[str, Series] = {}
        for dataset in self.tiers[IMAGES]:
            names = self._mapping(IMAGES, dataset)
            ages: dict[str, int | None] = {}
            seen: set[str] = set()
            for tags in self._images(dataset):
                if tags.SOPInstanceUID in seen:
                    continue
                seen.add(tags.SOPInstanceUID)
                patient = str(tags.get("PatientID") or "").strip() or f"study {tags.StudyInstanceUID}"
                individual, person = names[patient]
                age = ages.setdefault(str(tags.StudyInstanceUID), _months(str(tags.get("PatientAge") or "")))
                modality, body_part, maker = (
                    str(tags.get(name) or "").strip() for name in ("Modality", "BodyPartExamined", "Manufacturer")
                )
                uid = str(tags.SeriesInstanceUID)
                found.setdefault(uid, Series(dataset, individual, person, uid, modality, body_part, maker, age))
        return list(found.values())

    def _images(self, dataset: str) -> Iterator[pydicom.Dataset]:
        made = self._folder / "archive" / IMAGES / dataset
        root = made if made.exists() else self._source and self._source / "imaging"
        for path in sorted(path for path in Path(root or made).rglob("*") if path.is_file()):
            try:
                tags = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
            except (InvalidDicomError, EOFError):
                continue
            if all(tags.get(name) for name in TAGS[1:4]):
                yield tags

    @cached_property
    def carriers(self) -> dict[Allele, set[tuple[str, str]]]:
        """By allele, who carries it: (person, data set)."""
        found: dict[Allele, set[tuple[str, str]]] = {}
        for dataset in self.tiers[HUMAN]:
            manifest = self._documents(HUMAN, dataset) / "manifest.tsv"
            names = self._mapping(HUMAN, dataset)
            if not manifest.exists():
                continue
            with manifest.open() as table:
                rows = [row for row in csv.DictReader(table, delimiter="\t") if row.get("individuals") == "header"]
            for row in rows:
                root = self._source or self._folder / "archive" / HUMAN
                for allele, samples in _alleles(root / row["path"], row["assembly"]):
                    people = {names[sample][0] for sample in samples} - self._gone.get(HUMAN, set())
                    found.setdefault(allele, set()).update((person, dataset) for person in people)
        return found

    @cached_property
    def above(self) -> dict[str, set[str]]:
        """By term of an ontology, itself and everything above it."""
        parents = dict(_obo(Path(__file__).parents[3] / "config/demo/terms.obo"))
        if self._source is not None:
            parents |= _obographs(self._source / "ontologies/hp.v2024-08-13.json.gz")
        closed: dict[str, set[str]] = {}

        def close(term: str) -> set[str]:
            if term not in closed:
                closed[term] = {term}.union(*(close(parent) for parent in parents.get(term, ())))
            return closed[term]

        for term in parents:
            close(term)
        return closed


def _of_packet(packet: dict[str, Any]) -> dict[str, Any]:
    """A phenopacket as far as questions here are about it."""
    features = [f for f in packet.get("phenotypicFeatures", ()) if not f.get("excluded")]
    diseases = [d["term"] for d in packet.get("diseases", ()) if not d.get("excluded")]
    sex = SEX_OF_PACKETS.get(packet.get("subject", {}).get("sex", ""))
    return {
        "id": packet["id"],
        "phenotypicFeatures": [{"featureType": f["type"]} for f in features],
        "diseases": [{"diseaseCode": term} for term in diseases],
        **({"sex": {"id": sex}} if sex else {}),
    }


def _months(age: str) -> int | None:
    """A DICOM age, in months, as devices write it (``75Y`` too); days and weeks are not asked for here."""
    match = re.fullmatch(r"(\d{1,3})([YM])", age)
    return None if match is None else int(match[1]) * (12 if match[2] == "Y" else 1)


def _alleles(path: Path, assembly: str) -> Iterator[tuple[Allele, list[str]]]:
    samples: list[str] = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith("##"):
                continue
            contig, position, _, ref, alts, _, _, _, _, *calls = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                samples = calls
                continue
            called = [set(re.split(r"[|/]", call.partition(":")[0])) for call in calls]
            for number, alt in enumerate(alts.split(","), start=1):
                if not re.fullmatch("[ACGTN]+", alt):
                    continue
                allele = _trimmed(assembly, contig.removeprefix("chr"), int(position) - 1, ref, alt)
                own = str(number)
                yield allele, [name for name, call in zip(samples, called, strict=True) if own in call]


def _trimmed(assembly: str, contig: str, start: int, ref: str, alt: str) -> Allele:
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    return Allele(assembly, contig, start, ref, alt)


def _obo(path: Path) -> Iterator[tuple[str, list[str]]]:
    for stanza in path.read_text().split("[Term]")[1:]:
        id = re.search(r"^id: (\S+)", stanza, re.M)
        if id:
            yield id[1], re.findall(r"^is_a: (\S+)", stanza, re.M)


def _obographs(path: Path) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for graph in json.loads(gzip.decompress(path.read_bytes()))["graphs"]:
        for edge in graph["edges"]:
            if edge["pred"] == "is_a":
                child, parent = (_curie(edge[end]) for end in ("sub", "obj"))
                parents.setdefault(parent, [])
                parents.setdefault(child, []).append(parent)
    return parents


def _curie(uri: str) -> str:
    return uri.rpartition("/")[2].replace("_", ":")
