"""People made up, what is planted about them, and the lines of the key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

Path_ = tuple[int, ...]  # tag, or tag, item, tag, …
GIVEN = ["Margarethe", "Oluwaseun", "Bartholomew", "Xiomara", "Siobhan", "Thaddeus", "Ludmila", "Casimir", "Renée"]
FAMILY = [
    "Vandersloot",
    "Okonkwo",
    "Featherstone",
    "Quintanilla",
    "O'Halloran",
    "Zielinski",
    "Schönborn",
    "White",
    "Li",
]
CHINESE = [
    ("欧阳", "Ouyang", "明轩", "Mingxuan"),
    ("诸葛", "Zhuge", "丽华", "Lihua"),
    ("慕容", "Murong", "建国", "Jianguo"),
]
CHINESE += [("司马", "Sima", "晓彤", "Xiaotong"), ("钱", "Qian", "志远", "Zhiyuan"), ("蒋", "Jiang", "雨桐", "Yutong")]
HOSPITALS = ["Saint Aldhelm Hospital", "Riverbend Medical Center", "University of Northmoor"]
STREETS = ["4711 Elderberry Lane", "88 Quarrymen Road", "12 Old Foundry Street"]
KEPT = [
    "T2 FLAIR axial 5mm",
    "Parkinson protocol",
    "HEAD W/O CONTRAST",
    "1.5T TR 2000 TE 80",
    "white matter lesion left",
]
KEPT += ["Thorax 120kV 250mAs", "FOV 320x320", "phase 3 of 5", "b1000 ADC map", "4D flow 40 phases"]
KEPT_CHINESE = ["左肺上叶结节", "头颅平扫", "增强扫描", "腹部CT 层厚5mm", "右膝关节 T2加权"]
# Creator, group, element, VR, value; all of table E.3.10-1.
SAFE_PRIVATE = [
    ("SIEMENS MR HEADER", 0x19, 0x0C, "IS", "1000"),
    ("Philips PET Private Group", 0x7053, 0x00, "DS", "1.25"),
]
NUMERIC_PRIVATE = [("ACME SCANNER 2.1", 0x29, 0x10, "FL", 3.5), ("NORTHWIND IMAGING", 0x31, 0x11, "DS", "0.731")]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the key: what must be true of an object afterwards."""

    category: str
    path: Path_ = ()
    text: str = ""  # must be absent (anywhere), or be there (in the attribute); or the original date, UID, digest


@dataclass
class Planted:
    """One object as it was written, and its checks."""

    file: Path
    patient: str
    study: str
    checks: list[Check] = field(default_factory=list)


@dataclass
class Patient:
    """Somebody made up."""

    id: str
    name: str
    words: list[str]  # any of which must never be seen again
    charset: str
    chinese: bool
    born: date
    phone: str
    street: str
    doctor: str
