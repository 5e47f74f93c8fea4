"""The people of the made family: who they are, what they have, and who was scanned.

Everything follows from the seed, so that the same command gives the same family everywhere. Phenotypes are drawn with
the frequencies of ``PHENOTYPES``; one rare phenotype is given to exactly ``RARE_CARRIERS`` people, so that a question
about it stays below the floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from node.demo.made.plan import SEED

Term = dict[str, str]

RARE = "HP:0001644"
RARE_CARRIERS = 4
PHENOTYPES = {
    "HP:0000822": 0.34,
    "HP:0005110": 0.16,
    "HP:0001639": 0.08,
    "HP:0001677": 0.18,
    "HP:0001635": 0.10,
    "HP:0002140": 0.07,
    "HP:0002076": 0.12,
    "HP:0002069": 0.05,
    "HP:0002099": 0.15,
    "HP:0002094": 0.20,
    "HP:0002110": 0.06,
    "HP:0100526": 0.06,
    "HP:0003124": 0.22,
    "HP:0001513": 0.19,
    "HP:0000083": 0.06,
    "HP:0000093": 0.08,
}
DISEASES = {
    "HP:0005978": "NCIT:C26747",
    "HP:0001639": "NCIT:C34830",
    "HP:0001644": "NCIT:C34830",
    "HP:0002099": "NCIT:C28397",
    "HP:0100526": "NCIT:C4878",
}
TERMS = Path(str(files("config").joinpath("demo", "terms.obo")))
SEXES = ("NCIT:C16576", "NCIT:C20197")


@dataclass(frozen=True, slots=True)
class Person:
    """One person of GSA-Human. ``name`` is the submitter's identifier and the column in VCF files.

    ``scanned`` is the OBIA collection that holds images of this person, empty if none does.
    """

    accession: str
    name: str
    dataset: str
    record: dict[str, Any]
    age: int
    scanned: str = ""
    withdrawn: bool = False

    @property
    def sex(self) -> str:
        """``M`` or ``F``, as DICOM and PED write it."""
        return "F" if self.record["sex"]["id"] == SEXES[0] else "M"


@dataclass(frozen=True, slots=True)
class Group:
    """People of one data set; the first ``scanned`` of them were scanned for ``collection``."""

    dataset: str
    prefix: str
    size: int
    collection: str = ""
    scanned: int = 0


GROUPS = (
    Group("HRA900001", "RP", 80, "OBIA900001", 30),
    Group("HRA900002", "CM", 246, "OBIA900002", 150),
    Group("HRA900003", "FU", 12, "OBIA900003", 4),
    Group("HRA900004", "PS", 12, "OBIA900004", 4),
)
WITHDRAWN_PERSON = "CM0246"
BATCHES = {"HRA900002": 240}  # people after this one are in a second pooled file, with the one who withdrew


def labels() -> dict[str, str]:
    """Label of each term of :data:`TERMS`."""
    found: dict[str, str] = {}
    term = ""
    for line in TERMS.read_text("utf-8").splitlines():
        if line.startswith("id: "):
            term = line[4:]
        elif line.startswith("name: ") and term:
            found[term] = line[6:]
    return found


def people() -> list[Person]:
    """Everyone of the made GSA-Human, in the order of their accessions."""
    chance = np.random.default_rng([SEED, 1])
    label = labels()
    made: list[Person] = []
    for group in GROUPS:
        for number in range(1, group.size + 1):
            made.append(_person(group, number, len(made) + 1, chance, label))
    return made


def _person(group: Group, number: int, serial: int, chance: np.random.Generator, label: dict[str, str]) -> Person:
    name = f"{group.prefix}{number:04d}"
    age = int(chance.integers(21, 84))
    phenotypes = [term for term, share in PHENOTYPES.items() if chance.random() < share]
    diabetic = chance.random() < 0.17
    if diabetic:
        phenotypes.append("HP:0005978")
    if group.dataset == "HRA900002" and number <= RARE_CARRIERS:
        phenotypes.append(RARE)
    return Person(
        accession=f"HRI{900000 + serial}",
        name=name,
        dataset=group.dataset,
        record=_record(phenotypes, age, chance, label),
        age=age,
        scanned=group.collection if number <= group.scanned else "",
        withdrawn=name == WITHDRAWN_PERSON,
    )


def _record(phenotypes: list[str], age: int, chance: np.random.Generator, label: dict[str, str]) -> dict[str, Any]:
    """A Beacon 2 individual without its id."""

    def term(identifier: str) -> Term:
        return {"id": identifier, "label": label[identifier]}

    height = round(float(chance.normal(168, 9)), 1)
    weight = round(float(chance.normal(68, 12)), 1)
    record: dict[str, Any] = {
        "sex": term(SEXES[int(chance.random() < 0.5)]),
        "ethnicity": term("HANCESTRO:0027"),
        "geographicOrigin": {"id": "GAZ:00002845", "label": "China"},
        "phenotypicFeatures": [{"featureType": term(t)} for t in phenotypes],
        "measures": [
            _measure("LOINC:3141-9", "Weight", weight, "NCIT:C28252", "Kilogram"),
            _measure("LOINC:8308-9", "Height-standing", height, "NCIT:C49668", "Centimeter"),
        ],
    }
    diseases = [
        {"diseaseCode": term(DISEASES[t]), "ageOfOnset": {"iso8601duration": f"P{int(chance.integers(18, age + 1))}Y"}}
        for t in phenotypes
        if t in DISEASES
    ]
    if diseases:
        record["diseases"] = diseases
    return record


def _measure(code: str, name: str, value: float, unit: str, unit_name: str) -> dict[str, Any]:
    return {
        "assayCode": {"id": code, "label": name},
        "measurementValue": {"unit": {"id": unit, "label": unit_name}, "value": value},
    }
