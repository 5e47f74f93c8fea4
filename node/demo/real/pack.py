"""A folder of real data in the layout of the data pack: what the demo takes from it, and who is in it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom
import pysam
from pydicom.errors import InvalidDicomError

from node.demo.directory import DemoError

COHORT = "beacon/cineca_uk1"
PACKETS = "beacon/phenopackets"
NEEDED = (
    f"{COHORT}/individuals.json.gz",
    f"{COHORT}/uk1.tsv.gz",
    PACKETS,
    "imaging",
    "insdc",
    "ontologies/hp.v2024-08-13.json.gz",
    "reads/htsnexus_test_NA12878.bam",
    "variants/1000G_2548_chr22_GRCh38.snpeff.vcf.gz",
)
DICOM_TAGS = ["PatientID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality"]


@dataclass(frozen=True, slots=True)
class Images:
    """The images below ``imaging``: patients in the order of their files, and the keys that are left out."""

    patients: tuple[str, ...]
    left_out: tuple[str, ...]


class DataPack:
    """The data below ``root``.

    :raises DemoError: if the folder or something that the demo needs of it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.is_dir():
            raise DemoError(f"{root}: there is no such folder (--source)")
        missing = [path for path in NEEDED if not (root / path).exists()]
        if missing:
            raise DemoError(f"{root}: is not laid out as a data pack (--source); missing: {', '.join(missing)}")

    @cached_property
    def cohort(self) -> list[dict[str, Any]]:
        """The individuals of the cohort, whose ids are sample ids of the 1000 Genomes."""
        loaded: list[dict[str, Any]] = json.loads(gzip.decompress((self.root / NEEDED[0]).read_bytes()))
        return loaded

    def diseases(self, person: dict[str, Any]) -> set[str]:
        """Disease codes of an individual of the cohort."""
        return {disease["diseaseCode"]["id"] for disease in person.get("diseases") or []}

    def samples(self, path: str) -> list[str]:
        """Sample names of a variant file."""
        with pysam.VariantFile(str(self.root / path)) as file:
            return list(file.header.samples)

    def packets(self) -> Iterator[str]:
        """Ids of the phenopackets, in the order of their files."""
        for path in sorted((self.root / PACKETS).rglob("*.json")):
            yield str(json.loads(path.read_bytes())["id"])

    def images(self) -> Images:
        """Patients as registration tells them apart. What is no whole DICOM instance, or a second file of one
        instance, is left out."""
        patients: dict[str, None] = {}
        seen: set[str] = set()
        left_out = []
        for path in sorted((self.root / "imaging").rglob("*")):
            if not path.is_file():
                continue
            tags = _tags(path)
            if tags is None or tags.SOPInstanceUID in seen:
                left_out.append(path.relative_to(self.root).as_posix())
                continue
            seen.add(tags.SOPInstanceUID)
            patient = str(tags.get("PatientID") or "").strip() or f"study {tags.StudyInstanceUID}"
            patients.setdefault(patient)
        return Images(tuple(patients), tuple(left_out))


def _tags(path: Path) -> pydicom.Dataset | None:
    """The needed tags, or None if the file is no DICOM instance or lacks one of its identifiers."""
    try:
        tags = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(DICOM_TAGS))
    except InvalidDicomError:
        return None
    return tags if all(tags.get(keyword) for keyword in DICOM_TAGS[1:]) else None
