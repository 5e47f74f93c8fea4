"""A member's holdings as files, the only thing that the Beacon and its oracle have in common.

A folder per data set: ``dataset.json``, Beacon-friendly lists, ``images.json`` and VCF files; beside them the ontology
``tree.obo`` and ``withdrawn.json``, the people who took their consent back.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.adapters.variants.cohort_text import Writer

TODAY = dt.date(2026, 6, 1)
PEOPLE = 320
PARENTS = {
    "HP:0001626": ["HP:0000118"],
    "HP:0001627": ["HP:0001626"],
    "HP:0001638": ["HP:0001627"],
    "HP:0001639": ["HP:0001638"],
    "HP:0001644": ["HP:0001638"],
    "HP:0000707": ["HP:0000118"],
    "HP:0001250": ["HP:0000707"],
    "UBERON:0000955": ["UBERON:0000062"],
    "UBERON:0000948": ["UBERON:0000062"],
    "UBERON:0000178": ["UBERON:0000479"],
    "MONDO:0005148": ["MONDO:0005015"],
    "MONDO:0005147": ["MONDO:0005015"],
    "NCIT:C17998": [],
    "EFO:0009655": [],
    "DUO:0000042": ["DUO:0000001"],
}
LABELS = {"NCIT:C16576": "female", "NCIT:C20197": "male", "NCIT:C17998": "unknown"}
SEXES = tuple(LABELS)
PHENOTYPES = ("HP:0001626", "HP:0001638", "HP:0001639", "HP:0001644", "HP:0001250", "HP:0000707")
DISEASES = ("MONDO:0005148", "MONDO:0005147", "ICD10:J40")
RARE = "ORPHA:98"  # of few people, in no ontology
BMI, ALCOHOL = "LOINC:35925-4", "LOINC:74013-4"
SITES = ("UBERON:0000178", "UBERON:0000948", "UBERON:0001982")  # the last is in no ontology
STATUS = ("EFO:0009654", "EFO:0009655")
PLATFORMS = ("Illumina", "DNBSEQ", "PacBio")
SETS: dict[str, dict[str, Any]] = {
    "HRA000001": {"tier": "open", "duo": {"duoDataUse": [{"id": "DUO:0000042", "label": "general research use"}]}},
    "HRA000002": {"tier": "controlled", "dac": "HDAC000001"},
    "HRA000003": {"tier": "controlled", "dac": "HDAC000001"},
    "HRA000004": {"tier": "open", "release_date": "2026-06-02"},
    "HRA000005": {"tier": "open", "withdrawn": True},
}


@dataclass(frozen=True)
class Calls:
    """A VCF to write, of so many samples; without any it lists sites.

    :param few: few alleles, none of them long, and most of them common.
    :param sites: the alleles of such a file with genotypes are listed without any.
    """

    name: str
    assembly: str
    samples: int
    prefix: str = ""
    records: int = 60
    few: bool = False
    sites: bool = False


COMMON = Calls("f", "GRCh38", 110, records=16, few=True)
MANY = Calls("a", "GRCh37", 60, records=240)  # more than anonymous callers can be told of
FILES = {
    "HRA000001": (MANY, Calls("b", "GRCh37", 9, "chr"), replace(COMMON, sites=True)),
    "HRA000002": (MANY, Calls("d", "GRCh38", 12, "chr")),
    "HRA000003": (Calls("e", "GRCh37", 0), COMMON),
    "HRA000004": (Calls("g", "GRCh37", 9),),
    "HRA000005": (Calls("h", "GRCh37", 9),),
}


def write(root: Path, seed: int) -> None:
    """Write everything below ``root``."""
    dice = random.Random(seed)
    everyone = [_person(dice, number) for number in range(PEOPLE)]
    members: dict[str, list[dict[str, Any]]] = {dataset: [] for dataset in SETS}
    for person in everyone:
        for dataset in dice.sample(list(SETS), dice.choice([1, 1, 2, 3])):
            members[dataset].append(person)
    for number, (dataset, people) in enumerate(members.items()):
        folder = root / dataset
        folder.mkdir(parents=True)
        samples = _lists(dice, folder, number, people)
        _json(folder / "dataset.json", {"accession": dataset, "title": f"Set {dataset}", **SETS[dataset]})
        _json(folder / "images.json", [study for person in people for study in _studies(dice, number, person["id"])])
        for calls in FILES[dataset]:
            _calls(dice, folder, samples, calls, seed)
    _json(root / "withdrawn.json", [person["id"] for person in dice.sample(everyone, 5)])
    (root / "tree.obo").write_text(_obo())


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1))


def _obo() -> str:
    terms = sorted({*PARENTS, *(parent for parents in PARENTS.values() for parent in parents)})
    stanzas = ["format-version: 1.4\nontology: test-tree"]
    for term in terms:
        above = "".join(f"is_a: {parent}\n" for parent in PARENTS.get(term, ()))
        stanzas.append(f"[Term]\nid: {term}\nname: name of {term}\n{above}")
    return "\n\n".join(stanzas) + "\n"


def _term(id: str) -> dict[str, str]:
    return {"id": id, "label": LABELS.get(id, f"label of {id}")}


def _age(dice: random.Random) -> str:
    return f"P{dice.randrange(1, 90)}Y" + dice.choice(["", "", "6M"])


def _onset(dice: random.Random) -> dict[str, Any]:
    years = dice.randrange(1, 80)
    forms: list[dict[str, Any]] = [
        {"iso8601duration": _age(dice)},
        {"start": {"iso8601duration": f"P{years}Y"}, "end": {"iso8601duration": f"P{years + 5}Y"}},
        {"id": "HP:0003581", "label": "Adult onset"},
    ]
    return dice.choice(forms)


def _person(dice: random.Random, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {"id": f"HRI{number + 1:06}", "sex": _term(dice.choice(SEXES))}
    record["phenotypicFeatures"] = [
        {"featureType": _term(term)} | ({"excluded": True} if dice.random() < 0.25 else {})
        for term in dice.sample(PHENOTYPES, dice.choice([0, 1, 2]))
    ]
    record["diseases"] = [
        {"diseaseCode": _term(term), "ageOfOnset": _onset(dice)}
        for term in dice.sample(DISEASES, dice.choice([0, 1, 2]))
    ] + ([{"diseaseCode": _term(RARE)}] if dice.random() < 0.06 else [])
    record["interventionsOrProcedures"] = [
        {"procedureCode": _term("NCIT:C15329"), "bodySite": _term(dice.choice(SITES))}
        for _ in range(dice.choice([0, 0, 1]))
    ]
    unit = {"id": "NCIT:C49671", "label": "Kilogram per Square Meter"}
    record["measures"] = [
        {"assayCode": _term(BMI), "measurementValue": {"unit": unit, "value": dice.choice([18.5, 22, 25.0, 31.25])}}
        for _ in range(dice.choice([0, 1, 1]))
    ]
    record["exposures"] = [
        {"exposureCode": _term(ALCOHOL), "value": dice.choice([0, 3, 12.5])} for _ in range(dice.choice([0, 0, 1]))
    ]
    return {name: value for name, value in record.items() if value}


def _lists(dice: random.Random, folder: Path, number: int, people: list[dict[str, Any]]) -> list[str]:
    """Write the Beacon-friendly lists of a data set; the samples that are columns of its VCF files."""
    samples: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    analyses: list[dict[str, Any]] = []
    for person in people:
        for _ in range(dice.choice([1, 1, 2])):
            sample = {"id": f"HRS{number}{len(samples):05}", "individualId": person["id"]} | _sample(dice)
            samples.append(sample)
            for _ in range(dice.choice([0, 1, 1, 2])):
                run = {"id": f"HRR{number}{len(runs):05}", "biosampleId": sample["id"], "individualId": person["id"]}
                runs.append(run | _run(dice))
                if dice.random() < 0.7:
                    about = {"id": f"HRZ{number}{len(analyses):05}", "runId": run["id"]}
                    analyses.append(about | _analysis(dice))
    half = [person["id"] for person in people[::2]]
    cohorts = [
        {"id": f"all-{number}", "name": "Everyone", "cohortType": "study-defined"},
        {"id": f"half-{number}", "name": "Half", "cohortType": "user-defined", "ids": {"individualIds": half}},
        {"id": f"few-{number}", "name": "Few", "cohortType": "user-defined", "ids": {"individualIds": half[:3]}},
    ]
    lists = {"individuals": people, "biosamples": samples, "runs": runs, "analyses": analyses, "cohorts": cohorts}
    for name, records in lists.items():
        _json(folder / f"{name}.json", records)
    return [sample["id"] for sample in samples]


def _sample(dice: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {
        "sampleOriginType": _term(dice.choice(SITES)) if dice.random() < 0.8 else None,
        "biosampleStatus": _term(dice.choice(STATUS)) if dice.random() < 0.8 else None,
        "histologicalDiagnosis": _term("NCIT:C2926") if dice.random() < 0.2 else None,
        "collectionMoment": _age(dice) if dice.random() < 0.7 else None,
    }
    return {name: value for name, value in given.items() if value}


def _run(dice: random.Random) -> dict[str, Any]:
    return {
        "runDate": "2021-02-03",
        "platform": dice.choice(PLATFORMS),
        "libraryStrategy": dice.choice(["WGS", "RNA-Seq", "WXS"]),
        "librarySelection": "RANDOM",
        "libraryLayout": dice.choice(["PAIRED", "SINGLE"]),
        "librarySource": _term(dice.choice(["GENEPIO:0001966", "GENEPIO:0001965"])),
    }


def _analysis(dice: random.Random) -> dict[str, Any]:
    return {
        "analysisDate": "2022-03-04",
        "pipelineName": dice.choice(["best practices", "deep calls 1.5"]),
        "aligner": dice.choice(["bwa", "minimap2"]),
        "variantCaller": dice.choice(["gatk", "deepvariant"]),
    }


def _studies(dice: random.Random, number: int, person: str) -> list[dict[str, Any]]:
    studies = []
    for index in range(dice.choice([0, 0, 1, 2])):
        uid = f"1.2.{number}.{int(person[3:])}.{index}"
        series = [
            {
                "uid": f"{uid}.{one}",
                "modality": dice.choice(["CT", "MR", "US"]),
                "bodyPart": dice.choice(["BRAIN", "HEART", "CHEST", ""]),
                "manufacturer": dice.choice(["GE MEDICAL SYSTEMS", "SIEMENS", "UIH", ""]),
            }
            for one in range(dice.choice([1, 2, 3]))
        ]
        age = _age(dice) if dice.random() < 0.8 else None
        studies.append({"uid": uid, "individualId": person, "age": age, "series": series})
    return studies


def _calls(dice: random.Random, folder: Path, samples: list[str], calls: Calls, seed: int) -> None:
    """Files of one name, assembly and length have the same records, with other people's genotypes."""
    columns = sorted(dice.sample(samples, calls.samples))
    writer = Writer(
        seed * 100 + ord(calls.name),
        columns,
        assembly=calls.assembly,
        records=calls.records,
        genotypes=calls.samples > 0,
        prefix=calls.prefix,
        short=calls.few,
        common=8 if calls.few else 1,
    )
    text = writer.text()
    (folder / f"{calls.name}.{calls.assembly}.vcf").write_text(_sites(dice, text) if calls.sites else text)


def _sites(dice: random.Random, text: str) -> str:
    """The same records with published numbers in place of genotypes."""
    lines = []
    for line in text.splitlines():
        cells = line.split("\t")[:8]
        if not line.startswith("#"):
            counts = ",".join(str(dice.choice([0, 1, 40, 300, 1500])) for _ in cells[4].split(","))
            cells[7] = f"{cells[7]};AC={counts};AN=5008".removeprefix(".;")
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
