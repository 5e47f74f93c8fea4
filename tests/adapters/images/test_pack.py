"""Every image of the real data pack comes in: nothing identifying is left, nothing needed is lost, the rest is refused.

What identifies and what is needed is read from the originals by pydicom alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import re
import shutil
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters.catalog.models import Location
from tests.adapters.images.made import COLLECTION, Archive, opened
from tests.support import shared

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # pydicom on values that break their VR: the pack has some
SHORT = 5  # characters below which a value is in any file by chance
IDS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "InstitutionName", "InstitutionAddress", "PatientAddress")
PLACES = ("InstitutionName", "InstitutionalDepartmentName", "StationName")
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "PatientBirthDate", "InstanceCreationDate")
OF_STANDARD = "1.2.840.10008."
DEVICE = (0x0018, 0x1002)  # UID of the device: it stays, with the device's identity
NEEDED = (
    "SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored",
    "PixelRepresentation", "PhotometricInterpretation", "PixelSpacing", "ImagePositionPatient",
    "ImageOrientationPatient", "SliceThickness", "SpacingBetweenSlices", "InstanceNumber", "KVP", "EchoTime",
    "RepetitionTime", "FlipAngle", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth",
    "PatientSex", "PatientAge", "PatientSize", "PatientWeight", "Manufacturer", "ManufacturerModelName",
    "BodyPartExamined", "ConvolutionKernel", "MagneticFieldStrength",
)  # fmt: skip
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
REFUSED = {
    "sr/sr_tid1500.dcm": "object-class",  # structured content, which no option of the profile cleans
    "pydicom_data/HTJ2K_08_RGB.dcm": "incomplete",  # no study
    "pydicom_data/emri_small_jpeg_ls_lossless.dcm": "incomplete",  # no patient
    "pydicom/ExplVR_BigEnd.dcm": "incomplete",
    "pydicom/image_dfl.dcm": "incomplete",
    "pydicom/nested_priv_SQ.dcm": "incomplete",  # no SOP class
    "dicomdir/DICOMDIR": "incomplete",
}
Pair = tuple[str, Dataset, Dataset, bytes]


@pytest.fixture(scope="module", params=[None, "fast"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Any]]:
    """The archive after the load, without and with a program that looks for text in pixels; and what was told."""
    folder = shared("data/imaging")
    if request.param and importlib.util.find_spec("rapidocr_onnxruntime") is None:
        pytest.skip("text detection is not installed (extra 'pixels')")
    made = tmp_path_factory.mktemp("pack")
    with opened(made / "m", **({"pixels": request.param} if request.param else {})) as archive:
        shutil.copytree(folder, archive.incoming, dirs_exist_ok=True)
        _, outcome = archive.load()
        yield archive, outcome


def pairs(archive: Archive) -> list[Pair]:
    """Path, original, what was archived of it, and the archived bytes without the pixel data."""
    originals = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path for path in archive.incoming.rglob("*") if path.is_file()
    }
    found: list[Pair] = []
    with Session(archive.engine) as session:
        keys = {row.file: row.key for row in session.execute(select(Location.file, Location.key))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for arrival in archive.arrivals():
            if arrival.file is None:
                continue
            path, copy = originals[arrival.key.rpartition("/")[2]], archive.store / keys[arrival.file]
            was, now = pydicom.dcmread(path), pydicom.dcmread(copy)
            bare = copy.read_bytes().replace(now.get("PixelData", b"\0" * SHORT), b"")
            found.append((path.relative_to(archive.incoming).as_posix(), was, now, bare))
    return found


def identifying(data: Dataset) -> set[str]:
    """Values of an original that may be nowhere in what is archived of it."""
    found: set[str] = set()
    for element in data.iterall():
        if element.VR == "PN":
            for name in values(element.value):
                found |= {part for part in str(name).replace("=", "^").replace(" ", "^").split("^") if part}
        elif element.VR == "UI" and element.tag != DEVICE and not element.keyword.endswith("SOPClassUID"):
            found |= {str(uid) for uid in values(element.value) if not str(uid).startswith(OF_STANDARD)}
        elif element.keyword in IDS or element.keyword in DATES:
            found |= {str(value).strip() for value in values(element.value)}
    return {value for value in found if len(value) >= SHORT}


def values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, MultiValue) else [] if value in (None, "") else [value]


def test_nothing_identifying_is_left(loaded: tuple[Archive, Any]) -> None:
    archive, _ = loaded
    found = pairs(archive)
    left = {}
    for path, was, now, bare in found:
        encodings = {"utf-8", "gb18030", "iso2022_jp", "iso8859-5", "latin-1"}
        for value in identifying(was):
            forms = {encoded(value, name) for name in encodings} - {b""}
            of_method = value.lower() in words(
                str(now.DeidentificationMethodCodeSequence)
            )  # "Patient" is in an option's name
            if any(form in bare for form in forms) and not of_method:
                left[path, value] = [element.keyword for element in now.iterall() if value in str(element.value)]
    assert left == {}
    assert sum(len(identifying(was)) for _, was, _, _ in found) > 1_000


def words(*texts: Any) -> set[str]:
    return {word for text in texts for one in values(text) for word in re.split(r"[\W_]+", str(one).lower()) if word}


def encoded(value: str, charset: str) -> bytes:
    return value.encode(charset, "ignore") if len(value.encode(charset, "ignore")) >= SHORT else b""


def test_nothing_needed_is_lost(loaded: tuple[Archive, Any]) -> None:
    archive, _ = loaded
    lost = {}
    for path, was, now, _ in pairs(archive):
        identity = words(*(was.get(name) for name in (*IDS, *PLACES)))
        for name in NEEDED:
            before, after = was.get(name), now.get(name)
            if before == after or not values(before):
                continue
            if name == "PatientAge" and str(after) == str(before).zfill(4):  # as its VR has it
                continue
            if words(after) < words(before) and words(before) - words(after) <= identity:
                continue  # words that also name the institution
            lost[path, name] = (before, after)
        blanked = now.get("BurnedInAnnotation") == "NO" and was.get("PixelData") != now.get("PixelData")
        if was.get("PixelData") != now.get("PixelData") and not blanked:
            lost[path, "PixelData"] = (None, None)
    assert lost == {}


@pytest.mark.parametrize("name", UIDS)
def test_uids_are_one_to_one(loaded: tuple[Archive, Any], name: str) -> None:
    archive, _ = loaded
    forth, back = defaultdict(set), defaultdict(set)
    for _, was, now, _ in pairs(archive):
        if was.get(name):
            forth[was[name].value].add(now[name].value)
            back[now[name].value].add(was[name].value)
    assert {len(one) for one in forth.values()} == {len(one) for one in back.values()} == {1}
    assert not set(forth) & set(back)


def test_intervals_between_dates_stay(loaded: tuple[Archive, Any]) -> None:
    archive, _ = loaded
    shifts: dict[str, set[int]] = defaultdict(set)
    for _, was, now, _ in pairs(archive):
        for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            if (before := day(was.get(name))) and (after := day(now.get(name))):
                shifts[now.PatientID].add((after - before).days)
    assert len(shifts) > 5
    assert {person: found for person, found in shifts.items() if len(found) > 1 or 0 in found} == {}


def day(value: Any) -> dt.date | None:
    try:
        return dt.datetime.strptime(str(value), "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None


def test_what_does_not_come_in_is_told_with_its_reason(
    loaded: tuple[Archive, Any], request: pytest.FixtureRequest
) -> None:
    archive, outcome = loaded
    refused = {one["path"]: one["reason"].partition(":")[0] for one in outcome["refused"]}
    twins = {path for path, reason in refused.items() if reason == "duplicate-uid"}
    assert {path: reason for path, reason in refused.items() if path not in twins} == REFUSED
    assert len(twins) == 2  # two pairs of files bear one SOP Instance UID each
    files = sum(1 for path in archive.incoming.rglob("*") if path.is_file())
    assert sum(outcome["states"].values()) + len(refused) == files
    waiting = {reason.partition(":")[0] for reason in outcome["reasons"]}
    assert waiting <= {"pixels-not-looked-at"} if "None" in request.node.name else waiting <= {"text-in-pixels"}


def test_the_same_files_by_folder_and_by_zip_are_the_same_objects(loaded: tuple[Archive, Any], tmp_path: Path) -> None:
    archive, _ = loaded
    packed = shutil.make_archive(str(archive.incoming / "again"), "zip", shared("data/imaging"))
    try:
        _, outcome = archive.load(Path(packed), collection=COLLECTION)
    finally:
        Path(packed).unlink()
    assert outcome["received"] == 0
    assert outcome["received_before"] == sum(1 for _ in archive.arrivals())
