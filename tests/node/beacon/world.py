"""A generated member with people, phenotypes, variants and images, kept as plain data for a brute-force oracle too."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from adapters.catalog import models
from adapters.catalog.engine import writing
from adapters.terms import loading
from adapters.terms import tables as term_tables
from adapters.terms.indexing import index_individuals
from adapters.variants import ingest
from adapters.variants import tables as variant_tables

TODAY = dt.date(2026, 6, 1)
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
FIRST = 7  # ordinal of the first person
PARENTS = {
    "HP:0001626": ["HP:0000118"],
    "HP:0001638": ["HP:0001627"],
    "HP:0001627": ["HP:0001626"],
    "HP:0001639": ["HP:0001638"],
    "HP:0001644": ["HP:0001638"],
    "HP:0001250": ["HP:0000707"],
    "HP:0000707": ["HP:0000118"],
    "UBERON:0000955": ["UBERON:0000062"],
    "UBERON:0000948": ["UBERON:0000062"],
}
TERMS = sorted({"HP:0000118", "UBERON:0000062", *PARENTS})
DISEASES = ("MONDO:0004975", "MONDO:0005148", "ICD10:J40")
RARE_TISSUE = "BTO:0000001"  # of one sample in HRA000003, whose person is in HRA000001 too
RARE = "ORPHA:98"  # of one person, in no ontology
SEXES = ("NCIT:C16576", "NCIT:C20197", "NCIT:C17998")
BMI = "LOINC:35925-4"
BASES = "ACGT"
TISSUES = ("UBERON:0000955", "UBERON:0000948", "UBERON:0000178")
STATUS = ("EFO:0009654", "EFO:0009655")
SOURCES = ("GENEPIO:0001966", "GENEPIO:0001965")
CONTIG_FROM = 20_000_000
SETS = {
    # accession: (tier, release, withdrawn)
    "HRA000001": ("open", TODAY, False),
    "HRA000002": ("controlled", TODAY, False),
    "HRA000003": ("controlled", TODAY, False),
    "HRA000004": ("open", TODAY + dt.timedelta(days=1), False),
    "HRA000005": ("open", TODAY, True),
}
EXISTING = ("HRA000001", "HRA000002", "HRA000003")


@dataclass
class Person:
    """One person. ``genotypes``: data set → copies of each variant."""

    accession: str
    ordinal: int
    record: dict[str, Any]
    datasets: list[str]
    withdrawn: bool
    link: str | None
    genotypes: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Series:
    """One imaging series with what its study says."""

    uid: str
    study: str
    dataset: str
    person: str
    modality: str
    body_part: str
    manufacturer: str
    age: str | None


@dataclass
class Specimen:
    """One sample with its runs, and the analyses by run. ``record`` is that of the sample, None values left out."""

    accession: str
    dataset: str
    person: str
    record: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    analyses: dict[str, tuple[str, dict[str, Any]]]


@dataclass
class World:
    """Everything that was generated. ``variants``: (0-based start, ref, alt); ``cohorts``: id → (data set, people)."""

    people: list[Person]
    series: list[Series]
    variants: list[tuple[int, str, str]]
    specimens: list[Specimen] = field(default_factory=list)
    cohorts: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


def generate(seed: int, people: int = 90) -> World:
    """A world of ``people`` persons."""
    dice = random.Random(seed)
    variants = []
    for index in range(30):
        ref = dice.choice(BASES)
        alt = dice.choice([base for base in BASES if base != ref])
        variants.append((CONTIG_FROM + index * 100, ref, alt))
    rates = [dice.choice([0.02, 0.1, 0.3, 0.6]) for _ in variants]
    world = World([_person(dice, i) for i in range(people)], [], variants)
    world.people[0].record["diseases"] = [{"diseaseCode": {"id": RARE}}]
    world.people[0].datasets, world.people[0].withdrawn = ["HRA000003"], False
    for person in world.people:
        for dataset in person.datasets:
            calls = [(dice.random() < rate) + (dice.random() < rate) for rate in rates]
            person.genotypes[dataset] = calls
            for number in range(dice.choice([0, 0, 1, 2])):
                _study(dice, world, person, dataset, number)
            for number in range(dice.choice([1, 1, 2])):
                _specimen(dice, world, person, dataset, number)
    both = {p.accession for p in world.people if {"HRA000001", "HRA000003"} <= {*p.datasets} and not p.withdrawn}
    rare = next(s for s in world.specimens if s.person in both and s.dataset == "HRA000003")
    rare.record["sampleOriginType"] = {"id": RARE_TISSUE}
    for dataset in SETS:
        of = [person.accession for person in world.people if dataset in person.datasets]
        world.cohorts[f"half-of-{dataset}"] = (dataset, of[::2])
        world.cohorts[f"two-of-{dataset}"] = (dataset, of[:2])
    return world


def _specimen(dice: random.Random, world: World, person: Person, dataset: str, number: int) -> None:
    """One sample; half of the samples have one run, some two, and most runs have an analysis."""
    end = f"{person.ordinal:03}{dataset[-1]}{number}"
    record = {
        "sampleOriginType": {"id": dice.choice(TISSUES), "label": "Some tissue"},
        "biosampleStatus": {"id": dice.choice(STATUS), "label": "some status"} if dice.random() < 0.7 else None,
        "collectionMoment": dice.choice([None, "P30Y", "P45Y6M", "P60Y", "P12M"]),
        "collectionDate": dice.choice([None, "2020-09-11", "2020-09", "not collected"]),
    }
    specimen = Specimen(f"HRS{end}", dataset, person.accession, {k: v for k, v in record.items() if v}, {}, {})
    for index in range(dice.choice([0, 1, 1, 2])):
        run = f"HRR{end}{index}"
        specimen.runs[run] = {
            "platform": dice.choice(["Illumina", "BGI", ""]),
            "libraryStrategy": dice.choice(["WGS", "RNA-Seq"]),
            "libraryLayout": dice.choice(["PAIRED", "SINGLE", "unknown"]),
            "librarySource": {"id": dice.choice(SOURCES), "label": "Some source"},
            "runDate": dice.choice([None, "2021-02-03"]),
        }
        if dice.random() < 0.7:
            about = {"pipelineName": dice.choice(["gatk-best", "deepvariant 1.5", ""]), "aligner": "bwa"}
            about |= {"analysisDate": dice.choice([None, "2022-03-04"])}
            specimen.analyses[f"HRZ{end}{index}"] = (run, about)
    world.specimens.append(specimen)


def _person(dice: random.Random, index: int) -> Person:
    record: dict[str, Any] = {"sex": {"id": dice.choice(SEXES)}}
    if dice.random() < 0.7:
        record["phenotypicFeatures"] = [
            {"featureType": {"id": term, "label": f"label of {term}"}, "excluded": dice.random() < 0.25}
            for term in dice.sample([t for t in TERMS if t.startswith("HP")], 2)
        ]
    if dice.random() < 0.6:
        record["diseases"] = [
            {"diseaseCode": {"id": dice.choice(DISEASES), "label": "Some disease"}, "ageOfOnset": _age(dice)}
            for _ in range(dice.choice([1, 2]))
        ]
    if dice.random() < 0.8:
        value = {"unit": {"id": "NCIT:C49671"}, "value": dice.choice([18.5, 22.0, 25.0, 31.2])}
        record["measures"] = [{"assayCode": {"id": BMI, "label": "BMI"}, "measurementValue": value}]
    sets = dice.sample(list(SETS), dice.choice([1, 1, 2, 3]))
    link = f"HRI{index + 900:06}" if dice.random() < 0.3 else None
    return Person(f"HRI{index:06}", FIRST + index, record, sorted(sets), dice.random() < 0.1, link)


def _age(dice: random.Random) -> dict[str, Any]:
    years = dice.randrange(1, 90)
    forms: list[dict[str, Any]] = [
        {"iso8601duration": f"P{years}Y"},
        {"iso8601duration": f"P{years}Y6M"},
        {"start": {"iso8601duration": f"P{years}Y"}, "end": {"iso8601duration": f"P{years + 5}Y"}},
    ]
    return dice.choice(forms)


def _study(dice: random.Random, world: World, person: Person, dataset: str, number: int) -> None:
    study = f"1.2.{person.ordinal}.{dataset[-1]}.{number}"
    age = dice.choice([None, "P60Y", "P12M", "P70Y3M", "P8Y", "P1Y"])
    for index in range(dice.choice([1, 2, 3])):
        modality = dice.choice(["CT", "MR", "US"])
        body_part = dice.choice(["BRAIN", "HEART", "CHEST", ""])
        manufacturer = dice.choice(["GE MEDICAL SYSTEMS", "SIEMENS", ""])
        uid = f"{study}.{index}"
        world.series.append(Series(uid, study, dataset, person.accession, modality, body_part, manufacturer, age))


def write(engine: Engine, world: World, folder: Path) -> None:
    """Put the world into an empty database through the same doors as real data."""
    for base in (models.Base, term_tables.Base, variant_tables.Base):
        base.metadata.create_all(engine)
    _catalog(engine, world)
    ontology = folder / "tree.obo"
    ontology.write_text(obo())
    loading.load(engine, ontology)
    with writing(engine).begin() as connection:
        index_individuals(connection, [person.accession for person in world.people])
    for dataset in SETS:
        path = folder / f"{dataset}.vcf"
        path.write_text(vcf(world, dataset))
        ingest.load(engine, path, dataset, assembly="GRCh38")


def obo() -> str:
    """The tree of :data:`PARENTS` as an OBO file."""
    stanzas = ["format-version: 1.4\nontology: test-tree\ndata-version: 1"]
    for term in TERMS:
        above = "".join(f"is_a: {parent} ! its parent\n" for parent in PARENTS.get(term, ()))
        stanzas.append(f"[Term]\nid: {term}\nname: label of {term}\n{above}")
    return "\n\n".join(stanzas) + "\n"


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _catalog(engine: Engine, world: World) -> None:
    ordinals = {person.accession: person.ordinal for person in world.people}
    rows: dict[Any, list[dict[str, Any]]] = {
        models.Dataset: [
            {"accession": accession, "title": f"Set {accession}", "tier": tier, "release_date": release}
            | {"withdrawn_at": NOW if withdrawn else None, "created_at": NOW, "updated_at": NOW, "dac": "HDAC000001"}
            | {
                "duo": {"duoDataUse": [{"id": "DUO:0000042", "label": "general research use"}]}
                if tier == "open"
                else {}
            }
            for accession, (tier, release, withdrawn) in SETS.items()
        ],
        models.Individual: [
            {"accession": p.accession, "ordinal": p.ordinal, "sex": p.record["sex"]["id"], "record": p.record}
            | {"link": p.link, "withdrawn_at": NOW if p.withdrawn else None, "name": f"secret {p.accession}"}
            for p in world.people
        ],
        models.Membership: [
            {"dataset": dataset, "individual": p.accession} for p in world.people for dataset in p.datasets
        ],
        models.Sample: [
            {"accession": s.accession, "dataset": s.dataset, "individual": s.person, "attributes": s.record}
            | {"name": f"S{ordinals[s.person]}"}
            for s in world.specimens
        ],
        models.Experiment: [
            {
                "accession": f"HRX{run[3:]}",
                "dataset": s.dataset,
                "sample": s.accession,
                "strategy": r["libraryStrategy"],
            }
            | {"platform": r["platform"], "layout": r["libraryLayout"]}
            for s in world.specimens
            for run, r in s.runs.items()
        ],
        models.Run: [
            {"accession": run, "dataset": s.dataset, "experiment": f"HRX{run[3:]}", "run_date": _day(r["runDate"])}
            | {"attributes": {"librarySource": r["librarySource"]}}
            for s in world.specimens
            for run, r in s.runs.items()
        ],
        models.Analysis: [
            {"accession": id, "dataset": s.dataset, "run": run, "pipeline": a["pipelineName"], "aligner": a["aligner"]}
            | {"analysis_date": _day(a["analysisDate"])}
            for s in world.specimens
            for id, (run, a) in s.analyses.items()
        ],
        models.Cohort: [
            {"id": id, "dataset": dataset, "name": f"Cohort {id}", "type": "study-defined"}
            | {"record": {"cohortSize": 12345, "collectionEvents": [{"eventSize": 12345}]}}
            for id, (dataset, _) in world.cohorts.items()
        ],
        models.CohortMember: [
            {"cohort": id, "individual": person} for id, (_, people) in world.cohorts.items() for person in people
        ],
    }
    studies = {s.study: s for s in world.series}
    rows[models.ImagingStudy] = [
        {"uid": s.study, "dataset": s.dataset, "individual": s.person, "age": s.age} for s in studies.values()
    ]
    rows[models.ImagingSeries] = [
        {"uid": s.uid, "study": s.study, "modality": s.modality, "body_part": s.body_part}
        | {"manufacturer": s.manufacturer, "number": 1}
        for s in world.series
    ]
    with writing(engine).begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
        for values in _files(world):
            person = values.pop("person", None)
            connection.execute(insert(models.File).values(created_at=NOW, size=1, **values))
            if person:
                connection.execute(insert(models.FilePerson).values(file=values["id"], individual=person))


def _files(world: World) -> Iterator[dict[str, Any]]:
    """A BAM with its index for each run, a VCF for each data set, an image of each series; VCFs have no index."""
    for specimen in world.specimens:
        for run in specimen.runs:
            about = {"dataset": specimen.dataset, "run": run, "person": specimen.person}
            yield {"id": f"{run}-01", "name": f"{run}.bam", "format": "BAM", **about}
            yield {"id": f"{run}-02", "name": f"{run}.bai", "format": "BAI", "index_of": f"{run}-01", **about}
    for dataset in SETS:
        yield {"id": f"{dataset}-vcf", "name": f"{dataset}.vcf", "format": "VCF", "dataset": dataset}
    for series in world.series:
        image = {"id": f"image-{series.uid}", "name": "1.dcm", "format": "DICOM", "dataset": series.dataset}
        yield image | {"series": series.uid, "person": series.person}


def vcf(world: World, dataset: str) -> str:
    """The genotypes of a data set's people as VCF text."""
    people = [person for person in world.people if dataset in person.datasets]
    lines = [
        "##fileformat=VCFv4.3",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "##contig=<ID=chr22,length=50818468>",
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"])
        + "".join(f"\tS{person.ordinal}" for person in people),
    ]
    for index, (start, ref, alt) in enumerate(world.variants):
        calls = [("0/0", "0/1", "1/1")[person.genotypes[dataset][index]] for person in people]
        lines.append("\t".join(["chr22", str(start + 1), ".", ref, alt, ".", "PASS", ".", "GT", *calls]))
    return "\n".join(lines) + "\n"
