"""Objects with planted identifiers, and the key of what must become of them, in the categories of the MIDI-B challenge.

Every attribute of table E.1-1 that a dictionary knows is planted in turn, with a value of its kind: a value that must
go, one that must stay, a date, a UID, or free text that holds both. Patients have Latin or Chinese names; the objects
are of thirteen modalities, made here or packaged with pydicom, in six transfer syntaxes and three character sets.
"""

from __future__ import annotations

import random
import warnings
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, JPEG2000Lossless, RLELossless

from adapters.deid.rules import load
from bench.burned_in import FONTS, GROUNDS, Burned, burned
from tests.prove.key import (
    CHINESE,
    FAMILY,
    GIVEN,
    HOSPITALS,
    KEPT,
    KEPT_CHINESE,
    NUMERIC_PRIVATE,
    SAFE_PRIVATE,
    STREETS,
    Check,
    Path_,
    Patient,
    Planted,
)

SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
BURNED_IN_ONE_OF = 20  # objects
STORAGE = "1.2.840.10008.5.1.4.1.1."
MADE = {
    "CT": "2",
    "MR": "4",
    "PT": "128",
    "NM": "20",
    "CR": "1",
    "DX": "1.1",
    "US": "6.1",
    "MG": "1.2",
    "SC": "7",
    "XA": "12.1",
}
PACKAGED = ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "rtdose_1frame.dcm", "waveform_ecg.dcm", "liver_1frame.dcm"]
PACKAGED += ["JPEG2000.dcm", "MR_small_RLE.dcm", "examples_ybr_color.dcm", "SC_rgb_jpeg_dcmtk.dcm"]


class Planter:
    """Plants ``instances`` objects below ``folder``; the same for the same seed.

    :param burned: whether one object in :data:`BURNED_IN_ONE_OF` has text burned into its pixels.
    """

    def __init__(self, folder: Path, instances: int, seed: int, *, burned: bool = False) -> None:
        self._chance = np.random.default_rng(seed) if burned else None
        self._shown: Burned | None = None  # what is burned into the object at hand
        self._count = 0
        self._folder = folder
        self._instances = instances
        self._random = random.Random(seed)
        self._serial = 0
        self._rows = [(tag, dict(row)) for tag, row in sorted(load().table.items()) if _is_plantable(tag)]
        self._next = 0
        self.patients: list[Patient] = []

    def plant(self) -> list[Planted]:
        """Write every object."""
        made: list[Planted] = []
        while len(made) < self._instances:
            patient = self._patient()
            self.patients.append(patient)
            for _ in range(2):
                study, day = self._uid(), date(2004, 1, 1) + timedelta(self._random.randrange(6000))
                series = self._uid()
                numbers = range(min(10, self._instances - len(made)))
                made.extend(self._object(patient, study, series, day, number) for number in numbers)
        return made

    def _patient(self) -> Patient:
        pick = self._random.choice
        chinese = self._random.random() < 0.45
        serial = self._identifier()
        phone = (
            f"+86 1{pick('3578')}{self._digits(9)}"
            if chinese
            else f"({self._digits(3, 2)}) {self._digits(3, 2)}-{self._digits(4)}"
        )
        doctor = pick([f for f in FAMILY if f not in {"Li", "White"}])
        if chinese:
            family, latin, given, latin_given = pick(CHINESE)
            name = f"{latin}^{latin_given}={family}^{given}"
            words = [f"{family}{given}", latin_given, given]
            charset = pick(["ISO_IR 192", "GB18030"])
        else:
            last, first = pick([f for f in FAMILY if f != doctor]), pick(GIVEN)
            name, words, charset = f"{last}^{first}", [first], pick(["ISO_IR 100", "ISO_IR 192"])
            words += [last] if last not in {"White", "Li"} else [f"{first} {last}"]
        born = date(1930, 1, 1) + timedelta(self._random.randrange(25000))
        street = pick(STREETS)
        return Patient(serial, name, words, charset, chinese, born, phone, street, doctor)

    def _object(self, patient: Patient, study: str, series: str, day: date, number: int) -> Planted:
        self._count += 1
        self._shown = None
        data = self._with_text() if self._chance and self._count % BURNED_IN_ONE_OF == 0 else self._base()
        planted = Planted(
            self._folder / f"{len(list(self.patients)):04d}" / f"{self._identifier()}.dcm", patient.id, study
        )
        self._identify(data, planted, patient, study, series, day, number)
        for _ in range(45):
            tag, row = self._rows[self._next % len(self._rows)]
            self._next += 1
            self._plant(data, (tag,), row, planted, patient, day)
        self._nested(data, planted, patient, day)
        self._private(data, planted, patient, day)
        self._pixels(data, planted)
        planted.file.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pydicom.dcmwrite(planted.file, data, enforce_file_format=True)
        return planted

    def _base(self) -> Dataset:
        if self._random.random() < 0.35:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                name = str(get_testdata_file(self._random.choice(PACKAGED)))
                data = pydicom.dcmread(name)
                for element in data.iterall():
                    assert element.VR
            syntax = str(data.file_meta.TransferSyntaxUID)
        else:
            data, syntax = self._made(), self._random.choice(SYNTAXES)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = UID(syntax)
        data.file_meta = meta
        return data

    def _with_text(self) -> Dataset:
        """An ultrasound image or secondary capture with a name, number or date burned in."""
        assert self._chance is not None
        chance, pick = self._chance, self._random.choice
        self._shown = burned(chance, pick(list(FONTS)), pick(GROUNDS), pick([14, 18, 24, 32]), pick([120, 160, 230]))
        data = self._made(pick(["US", "SC"]))
        data.Rows, data.Columns = self._shown.image.shape
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit = 7
        raw, syntax = self._shown.image.tobytes(), pick([*SYNTAXES[:3], RLELossless, JPEG2000Lossless])
        if syntax == JPEG2000Lossless:
            stream = BytesIO()
            Image.fromarray(self._shown.image).save(stream, "JPEG2000", no_jp2=True, irreversible=False)
            raw = encapsulate([stream.getvalue()])
        data.add_new(0x7FE00010, "OB", raw)
        data["PixelData"].is_undefined_length = syntax == JPEG2000Lossless
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = UID(SYNTAXES[0] if syntax == RLELossless else syntax)
        if syntax == RLELossless:
            data.SOPInstanceUID = self._uid()
            data.compress(RLELossless, generate_instance_uid=False)
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = RLELossless
        return data

    def _made(self, modality: str = "") -> Dataset:
        modality = modality or self._random.choice(sorted(MADE))
        data = Dataset()
        data.Modality, data.SOPClassUID = modality, STORAGE + MADE[modality]
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows = data.Columns = 16
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
        data.add_new(0x7FE00010, "OW", self._random.randbytes(512))
        return data

    def _identify(
        self, data: Dataset, planted: Planted, patient: Patient, study: str, series: str, day: date, number: int
    ) -> None:
        data.SpecificCharacterSet = patient.charset
        data.PatientName, data.PatientID = patient.name, patient.id
        data.PatientBirthDate, data.PatientSex, data.PatientAge = f"{patient.born:%Y%m%d}", "F", "061Y"
        data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = self._uid(), study, series
        data.StudyDate = data.SeriesDate = f"{day:%Y%m%d}"
        data.StudyTime, data.InstanceNumber, data.SeriesNumber = "101112.5", str(number + 1), "3"
        kept = self._random.choice(KEPT_CHINESE if patient.chinese else KEPT)
        data.StudyDescription, data.SeriesDescription = kept, self._sentence(planted, patient, day, (0x0008103E,))
        data.ReferringPhysicianName = f"{patient.doctor}^Ignatius"
        planted.checks += [Check("text_removed", (0x00100010,), word) for word in patient.words]
        planted.checks += [
            Check("text_removed", (0x00100020,), patient.id),
            Check("text_removed", (0x00100030,), f"{patient.born:%Y%m%d}"),
            Check("text_removed", (0x00080090,), patient.doctor),
            Check("text_retained", (0x00081030,), kept),
            Check("text_retained", (0x00100040,), "F"),
            Check("text_retained", (0x00101010,), "061Y"),
            Check("tag_retained", (0x00080060,)),
            Check("tag_retained", (0x00080016,)),
            Check("text_notnull", (0x00100020,)),
            Check("text_notnull", (0x00200013,)),
            Check("text_retained", (0x00080030,), "101112.5"),
            Check("date_shifted", (0x00080020,), f"{day:%Y%m%d}"),
            Check("date_shifted", (0x00080021,), f"{day:%Y%m%d}"),
            Check("patid_consistent", (0x00100020,), patient.id),
        ]
        for tag, uid in ((0x00080018, data.SOPInstanceUID), (0x0020000D, study), (0x0020000E, series)):
            planted.checks += [Check("uid_changed", (tag,), str(uid)), Check("uid_consistent", (tag,), str(uid))]

    def _plant(
        self, data: Dataset, path: Path_, row: dict[str, str], planted: Planted, patient: Patient, day: date
    ) -> None:
        """One attribute of table E.1-1, by what the options of the archive ask for it."""
        tag, vr = path[-1], dictionary_VR(path[-1])[:2]
        if tag in data:
            return
        if row["113107"] == "C" and vr in {"DA", "DT", "TM"}:
            self._date(data, path, vr, planted, day)
        elif row["113105"] == "C" and vr in {"LO", "LT", "SH", "ST", "UC", "UT"}:
            data.add_new(tag, vr, self._sentence(planted, patient, day, path, short=vr == "SH"))
        elif "K" in {row["113108"], row["113109"]} and vr in {"LO", "SH", "ST", "UC", "AS", "CS", "DS"}:
            value = {"AS": "061Y", "CS": "ALTERED", "DS": "61.5"}.get(vr, f"{self._random.choice('ABC')}-4{vr}X")
            data.add_new(tag, vr, value)
            planted.checks.append(Check("text_retained", path, value))
        elif vr == "UI":
            self._reference(data, path, row, planted)
        elif vr == "SQ":
            self._sequence(data, tag, row, planted)
        else:
            self._secret(data, path, row, planted, vr)

    def _secret(self, data: Dataset, path: Path_, row: dict[str, str], planted: Planted, vr: str) -> None:
        secret = self._identifier()
        if any(row[option] for option in ("113105", "113108", "113109", "113107")):
            return
        if vr in {"LO", "SH", "ST", "LT", "UT", "UC", "PN"}:
            data.add_new(path[-1], vr, f"{secret}^Q" if vr == "PN" else secret)
        elif vr == "UR":
            data.add_new(path[-1], vr, f"http://pacs.example/{secret}")
        elif vr in {"OB", "UN"}:
            data.add_new(path[-1], vr, secret.encode() + b"\0" * (len(secret) % 2))
        elif vr in {"DA", "DT"}:
            secret = f"19{self._digits(2)}0{self._digits(1, 1)}1{self._digits(1)}"
            data.add_new(path[-1], vr, secret)
        else:
            return
        planted.checks.append(Check("text_removed", path, secret))

    def _date(self, data: Dataset, path: Path_, vr: str, planted: Planted, day: date) -> None:
        other = day - timedelta(self._random.randrange(90))
        value = {"DA": f"{other:%Y%m%d}", "DT": f"{other:%Y%m%d}093015.25", "TM": "093015.25"}[vr]
        data.add_new(path[-1], vr, value)
        if vr == "TM":
            planted.checks.append(Check("text_retained", path, value))
        else:
            planted.checks.append(Check("date_shifted", path, f"{other:%Y%m%d}"))

    def _reference(self, data: Dataset, path: Path_, row: dict[str, str], planted: Planted) -> None:
        uid = self._uid()
        data.add_new(path[-1], "UI", uid)
        if row["basic"] == "U" and not row["113109"]:
            planted.checks += [Check("uid_changed", path, uid), Check("uid_consistent", path, uid)]

    def _sequence(self, data: Dataset, tag: int, row: dict[str, str], planted: Planted) -> None:
        if tag in {0x0040A730}:
            return
        code = Dataset()
        if row["113105"] == "C" or "K" in {row["113108"], row["113109"]}:
            code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "49049000", "SCT", "Parkinson's disease"
            data.add_new(tag, "SQ", Sequence([code]))
            if row["113105"] != "C" or tag != 0x30100081:
                planted.checks.append(Check("text_retained", (tag, 0, 0x00080100), "49049000"))
                planted.checks.append(Check("text_retained", (tag, 0, 0x00080104), "Parkinson's disease"))
        elif row["basic"] != "X/Z/U*" and tag != 0x00081111:
            secret = self._identifier()
            code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = secret[:16], "99LOCAL", secret
            data.add_new(tag, "SQ", Sequence([code]))
            planted.checks.append(Check("text_removed", (tag,), secret))

    def _nested(self, data: Dataset, planted: Planted, patient: Patient, day: date) -> None:
        """The same kinds of values, three sequences deep, in sequences that stay."""
        inner, middle, outer = Dataset(), Dataset(), Dataset()
        rows = dict(self._rows)
        at = (0x00081115, 0, 0x00081199, 0, 0x00400275, 0)
        before = len(planted.checks)
        for tag in (0x00400007, 0x00401001, 0x00400009, 0x00321060, 0x00080050, 0x00080014, 0x00400244, 0x00080090):
            self._plant(inner, (tag,), rows[tag], planted, patient, day)
        planted.checks[before:] = [Check(c.category, at + c.path, c.text) for c in planted.checks[before:]]
        uid = str(data.SOPInstanceUID)
        middle.add_new(0x00081150, "UI", str(data.SOPClassUID))
        middle.add_new(0x00081155, "UI", uid)
        middle.add_new(0x00400275, "SQ", Sequence([inner]))
        outer.add_new(0x00081199, "SQ", Sequence([middle]))
        data.add_new(0x00081115, "SQ", Sequence([outer]))
        planted.checks.append(Check("uid_consistent", (*at[:4], 0x00081155), uid))

    def _private(self, data: Dataset, planted: Planted, patient: Patient, day: date) -> None:
        for creator, group, number, vr, value in SAFE_PRIVATE + NUMERIC_PRIVATE:
            block = data.private_block(group, creator, create=True)
            block.add_new(number, vr, value)
            if (
                creator,
                group,
                number,
                vr,
                value,
            ) in SAFE_PRIVATE or not data.file_meta.TransferSyntaxUID.is_implicit_VR:
                planted.checks.append(Check("tag_retained", (int(block.get_tag(number)),)))
        block = data.private_block(0x29, "ACME SCANNER 2.1", create=True)
        word = patient.words[0] if patient.charset != "ISO_IR 100" or patient.words[0].isascii() else "Ludmila"
        block.add_new(0x20, "LO", word)
        block.add_new(0x21, "UN", f"name={patient.words[-1]};".encode())
        block.add_new(0x22, "UL", int(f"{day:%Y%m%d}"))
        block.add_new(0x23, "DS", patient.id.lstrip("ABCDEFGHJKLMNPQRSTUVWXYZ") or "1")
        block.add_new(0x24, "SQ", Sequence([_item(0x00100020, "LO", patient.id)]))
        for number in (0x22, 0x23):
            planted.checks.append(Check("number_removed", (int(block.get_tag(number)),), str(block[number].value)))

    def _pixels(self, data: Dataset, planted: Planted) -> None:
        if self._shown:
            around = tuple(self._shown.around)
            planted.checks += [Check("pixels_hidden", around), Check("pixels_retained", around)]
        elif "PixelData" in data:
            planted.checks.append(Check("pixels_retained", (0x7FE00010,), data.PixelData.hex()))

    def _sentence(self, planted: Planted, patient: Patient, day: date, path: Path_, *, short: bool = False) -> str:
        """Free text: something to keep, something to take out, and the checks of both."""
        kept = self._random.choice(KEPT_CHINESE if patient.chinese else KEPT)
        if short:
            planted.checks += [Check("text_retained", path, kept[:10].strip()), Check("text_notnull", path)]
            return kept[:10].strip()
        secret, sentence = self._random.choice(self._secrets(patient, day))
        planted.checks += [Check("text_retained", path, kept), Check("text_removed", path, secret)]
        return sentence.format(kept)[:64] if len(sentence.format(kept)) <= 64 else f"{kept} {secret}"

    def _secrets(self, patient: Patient, day: date) -> list[tuple[str, str]]:
        word, pick = patient.words[0], self._random.choice
        months = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
        found = [
            (word, f"{{}} {word}"),
            (patient.id, f"{{}} MRN: {patient.id}"),
            (patient.id, f"{patient.id}_{{}}"),
            (patient.phone, f"{{}} tel {patient.phone}"),
            (f"{day:%Y-%m-%d}", f"{{}} {day:%Y-%m-%d}"),
            (f"{day:%d/%m/%Y}", f"{{}}, compared with {day:%d/%m/%Y}"),
            (patient.doctor, f"{{}} per Dr. {patient.doctor}"),
            (patient.street, f"{{}} {patient.street}"),
            ("nurse@riverbend.example", "{} nurse@riverbend.example"),
        ]
        hospital = pick(HOSPITALS)
        found.append((hospital, f"{{}} {hospital}"))
        if patient.chinese:
            found += [
                (word, f"患者:{word} {{}}"),
                (f"{day.year}年{day.month}月{day.day}日", f"{{}} {day.year}年{day.month}月{day.day}日"),
            ]
            found += [("和平医院", "{} 北京和平医院"), ("李主任", "{} 李主任")]
        else:
            found.append(
                (
                    f"{months[day.month - 1]} {day.day}, {day.year}",
                    f"{{}} {months[day.month - 1]} {day.day}, {day.year}",
                )
            )
        return found

    def _identifier(self) -> str:
        self._serial += 1
        letters = "".join(self._random.choices("BCDFGHJKLMNPQRSTVWXZ", k=3))
        return f"{letters}{self._serial:05d}{self._digits(3)}"

    def _digits(self, count: int, least: int = 0) -> str:
        return "".join(str(self._random.randint(least, 9)) for _ in range(count))

    def _uid(self) -> str:
        self._serial += 1
        return f"1.2.826.0.1.3680043.9.{self._serial}.{self._digits(8, 1)}"


def _item(tag: int, vr: str, value: Any) -> Dataset:
    item = Dataset()
    item.add(DataElement(tag, vr, value))
    return item


def _is_plantable(tag: int) -> bool:
    try:
        dictionary_VR(tag)
    except KeyError:
        return False
    return tag >> 16 not in {0, 2, 4, 0xFFFC, 0xFFFA} and tag not in NOT_PLANTED


# What the objects are identified by is planted by name; the character of overlays and pixels is not a value.
NOT_PLANTED = {0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00080018, 0x0020000D, 0x0020000E} | {
    0x00120062,
    0x00120063,
}
