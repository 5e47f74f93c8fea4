"""Made images: CT and MR phantoms, and the test files that the pydicom package carries.

A phantom is an ellipse of tissue with organs in it, drawn for each slice; nothing in it comes from a person. Its
patient id is the submitter's identifier of an OBIA individual, its name is empty, its UIDs follow from the seed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from node.demo.made.plan import SEED

SIZE = 64
SLICES = 3
PACKAGE_FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "JPEG2000.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "waveform_ecg.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "693_J2KI.dcm",
    "SC_rgb_rle.dcm",
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one series of phantoms looks like: ``organs`` are (centre row, centre column, radius, value) in pixels."""

    modality: str
    body_part: str
    description: str
    organs: tuple[tuple[float, float, float, int], ...]

    @property
    def storage(self) -> UID:
        """SOP class."""
        return CTImageStorage if self.modality == "CT" else MRImageStorage


CHEST = Scan("CT", "CHEST", "Chest without contrast", ((32, 20, 10, -800), (32, 44, 10, -800), (38, 34, 6, 60)))
ABDOMEN = Scan("CT", "ABDOMEN", "Abdomen", ((28, 22, 11, 70), (36, 44, 7, 50), (44, 32, 4, 400)))
BRAIN = Scan("MR", "BRAIN", "Brain T1", ((30, 24, 7, 300), (30, 40, 7, 300), (42, 32, 5, 500)))
SCANS = (CHEST, BRAIN, ABDOMEN)


def uid(*parts: str | int) -> UID:
    """A UID below 2.25 (UUID-derived, PS3.5 B.2) that follows from ``parts``."""
    digest = hashlib.sha256("/".join(map(str, (SEED, *parts))).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:15], 'big')}")


def write_series(folder: Path, patient: str, sex: str, age: int, scan: Scan, day: dt.date) -> list[Path]:
    """Write one study with one series of ``SLICES`` images below ``folder``; answers their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng([SEED, 7, *patient.encode()])
    shift = chance.normal(0, 1.5, (len(scan.organs), 2))
    written = []
    for number in range(1, SLICES + 1):
        image = _image(patient, sex, age, scan, day, number)
        image.PixelData = _phantom(scan, shift, number, chance).tobytes()
        path = folder / f"{scan.modality}{number:03d}.dcm"
        image.save_as(path, enforce_file_format=True)
        written.append(path)
    return written


def copy_package_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Copy ``PACKAGE_FILES`` out of the installed pydicom package into ``folder``; answers path and patient id."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGE_FILES:
        found = get_testdata_file(name, download=False)
        if found is None:
            raise FileNotFoundError(f"the installed pydicom package has no test file {name}")
        path = Path(shutil.copyfile(str(found), folder / name))
        yield path, str(pydicom.dcmread(path, specific_tags=["PatientID"]).PatientID)


def _image(patient: str, sex: str, age: int, scan: Scan, day: dt.date, number: int) -> pydicom.Dataset:
    image = pydicom.Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = scan.storage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = uid(patient, scan.body_part, number)
    image.StudyInstanceUID = uid(patient, scan.body_part, "study")
    image.SeriesInstanceUID = uid(patient, scan.body_part, "series")
    image.FrameOfReferenceUID = uid(patient, scan.body_part, "frame")
    image.PatientID, image.PatientName, image.PatientSex = patient, "", sex
    image.PatientAge, image.PatientBirthDate = f"{age:03d}Y", ""
    image.PatientIdentityRemoved, image.DeidentificationMethod = "YES", "Made by code"
    image.BurnedInAnnotation = "NO"
    image.StudyDate = image.SeriesDate = image.ContentDate = day.strftime("%Y%m%d")
    image.StudyTime, image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "080000", "1", "", ""
    image.StudyDescription = image.SeriesDescription = scan.description
    image.Modality, image.BodyPartExamined = scan.modality, scan.body_part
    image.Manufacturer, image.ManufacturerModelName = "Phantom", f"Phantom {scan.modality}"
    image.SeriesNumber, image.InstanceNumber = 1, number
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if scan.modality == "CT" else "OTHER"]
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 5 * number], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [5, 5], 5
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = SIZE
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    if scan.modality == "CT":
        image.RescaleIntercept, image.RescaleSlope, image.KVP = 0, 1, 120
    else:
        image.ScanningSequence, image.SequenceVariant, image.MRAcquisitionType = "SE", "NONE", "2D"
        image.EchoTime, image.RepetitionTime = 12, 600
    return image


def _phantom(scan: Scan, shift: np.ndarray, number: int, chance: np.random.Generator) -> np.ndarray:
    rows, columns = _grid()
    air, tissue = (-1000, 40) if scan.modality == "CT" else (0, 150)
    body = ((rows - 32) / 26) ** 2 + ((columns - 32) / 29) ** 2 <= 1
    pixels = np.where(body, tissue, air).astype(np.int16)
    for (row, column, radius, value), (down, right) in zip(scan.organs, shift.tolist(), strict=True):
        grown = radius * (0.85 + 0.1 * number)
        pixels[(rows - row - down) ** 2 + (columns - column - right) ** 2 <= grown**2] = value
    noise = chance.normal(0, 8, pixels.shape).astype(np.int16)
    return (pixels + noise).astype("<i2")


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    return rows, columns
