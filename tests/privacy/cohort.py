"""A generated cohort with a realistic spectrum, kept as matrices for attackers, and written to a member's database.

Half of the people drawn are in the data set, the others are of the same population: an attack must tell them apart.
Alleles come in haplotypes of neighbours in linkage disequilibrium; each neighbour is carried by most of those who carry
the one before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap
from sqlalchemy import Engine, insert

from adapters.catalog import models
from adapters.catalog.engine import writing
from adapters.terms.indexing import index_individuals
from adapters.variants import releases
from adapters.variants.carriers import encode
from adapters.variants.releases import Batch, Source
from migrations.schema import upgrade

DATASET, REFERENCE = "HRA000001", "HRA000009"
CONTIG = "1"
SPACING = 20_000  # bases between haplotypes, so that each is in a block of its own
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
DAY = dt.date(2026, 1, 2)
TERMS = tuple(f"HP:00{number:05}" for number in range(1, 9))
USUAL = "HP:0000099"  # nearly everybody has it
BMI = "LOINC:39156-5"
EMPTY = (
    "anchor", "reach", "genes", "aminoacids", "allele_count", "allele_number", "carrier_count", "carriers",
    "homozygotes", "single", "uncalled",
)  # fmt: skip
Matrix = NDArray[np.int8]


@dataclass(frozen=True)
class Cohort:
    """Genotypes (people by alleles, copies 0 to 2) of the people in the data set and of others.

    :param frequencies: true frequency of each allele in the population.
    :param starts: 0-based positions.
    """

    members: Matrix
    others: Matrix
    frequencies: NDArray[np.float64]
    starts: NDArray[np.int64]

    @property
    def alleles(self) -> int:
        return len(self.frequencies)

    @property
    def people(self) -> int:
        return len(self.members)

    def question(self, allele: int) -> dict[str, Any]:
        """The request parameters that ask for an allele."""
        return {
            "assemblyId": "GRCh38",
            "referenceName": CONTIG,
            "start": [int(self.starts[allele])],
            "referenceBases": "A",
            "alternateBases": "C",
        }


def generate(
    seed: int, people: int, haplotypes: int, neighbours: int = 1, fidelity: float = 0.9, most: float = 0.95
) -> Cohort:
    """A cohort of ``people`` in the data set and as many others.

    :param neighbours: alleles of a haplotype; each is carried by the share ``fidelity`` of the carriers of the one
        before.
    :param most: the highest frequency; with a lower one these are the rare alleles of a larger cohort.
    """
    dice = np.random.default_rng(seed)
    first = neutral(dice, haplotypes, 4 * people, most)
    both = np.zeros((2, 2 * people, haplotypes * neighbours), dtype=np.int8)
    frequencies = np.zeros(haplotypes * neighbours)
    carried = dice.random((2, 2 * people, haplotypes)) < first
    for neighbour in range(neighbours):
        both[:, :, neighbour::neighbours] = carried
        frequencies[neighbour::neighbours] = first * fidelity**neighbour
        carried &= dice.random(carried.shape) < fidelity
    genotypes = both[0] + both[1]
    offsets = np.arange(haplotypes * neighbours) % neighbours * 10
    starts = (np.arange(haplotypes * neighbours) // neighbours + 1) * SPACING + offsets
    return Cohort(genotypes[:people], genotypes[people:], frequencies, starts)


def neutral(dice: np.random.Generator, number: int, chromosomes: int, most: float) -> NDArray[np.float64]:
    """Frequencies with the neutral spectrum: density 1/x from one copy in ``chromosomes`` to ``most``."""
    return np.exp(dice.uniform(np.log(1 / chromosomes), np.log(most), number))


def write(engine: Engine, cohort: Cohort, *, tier: str = "controlled") -> None:
    """Make a member's database with the cohort's data set, and another with the published frequencies."""
    upgrade(engine, "member")
    with writing(engine).begin() as connection:
        for accession, its_tier in ((DATASET, tier), (REFERENCE, "open")):
            row = {"accession": accession, "title": accession, "tier": its_tier, "dac": "HDAC000001"}
            row |= {"release_date": DAY, "created_at": NOW, "updated_at": NOW}
            connection.execute(insert(models.Dataset), row)
        accessions = [f"HRI{number:06}" for number in range(cohort.people)]
        connection.execute(
            insert(models.Individual),
            [
                {"accession": a, "ordinal": n, "sex": "NCIT:C17998", "record": record(n)}
                for n, a in enumerate(accessions)
            ],
        )
        connection.execute(insert(models.Membership), [{"dataset": DATASET, "individual": a} for a in accessions])
        index_individuals(connection, accessions)
    _load(engine, Source(DATASET, "people.vcf", "GRCh38", "1", encode(BitMap(range(cohort.people)))), _called(cohort))
    _load(engine, Source(REFERENCE, "sites.vcf", "GRCh38", "1", None), _listed(cohort))


def record(number: int) -> dict[str, Any]:
    """What is known of a person: an age to the day, sex, a measure, and terms."""
    dice = np.random.default_rng(number)
    years, months, day, bmi = dice.integers(20, 80), dice.integers(12), dice.integers(30), dice.uniform(17, 38)
    terms = [term for term in TERMS if dice.random() < 0.4] + [USUAL] * (dice.random() < 0.98)
    disease = {"diseaseCode": {"id": "MONDO:0005148"}, "ageOfOnset": {"iso8601duration": f"P{years}Y{months}M{day}D"}}
    measure = {"value": round(float(bmi), 2), "unit": {"id": "UCUM:kg/m2"}}
    return {
        "sex": {"id": ("NCIT:C16576", "NCIT:C20197")[number % 2]},
        "diseases": [disease],
        "phenotypicFeatures": [{"featureType": {"id": term}} for term in terms],
        "measures": [{"assayCode": {"id": BMI}, "measurementValue": measure}],
    }


def _row(cohort: Cohort, allele: int) -> dict[str, Any]:
    fixed = {"contig": CONTIG, "span": 1, "ref": "A", "alt": "C", "type": "SNP", "length": 1, "number": allele}
    return {**dict.fromkeys(EMPTY), **fixed, "start": int(cohort.starts[allele])}


def _called(cohort: Cohort) -> Iterator[dict[str, Any]]:
    for allele in range(cohort.alleles):
        copies = cohort.members[:, allele]
        carriers = np.flatnonzero(copies).tolist()
        if carriers:
            homozygotes = np.flatnonzero(copies == 2).tolist()
            yield _row(cohort, allele) | {
                "carriers": encode(BitMap(carriers)),
                "carrier_count": len(carriers),
                "homozygotes": encode(BitMap(homozygotes)) if homozygotes else None,
                "allele_count": int(copies.sum()),
                "allele_number": 2 * cohort.people,
            }


def _listed(cohort: Cohort) -> Iterator[dict[str, Any]]:
    for allele, frequency in enumerate(cohort.frequencies):
        yield _row(cohort, allele) | {"allele_count": round(frequency * 10**7), "allele_number": 10**7}


def _load(engine: Engine, source: Source, rows: Iterator[dict[str, Any]]) -> None:
    release = releases.begin(engine, source, 1).release
    variants = [{"release": release, **row} for row in rows]
    releases.append(engine, release, 0, 0, Batch(len(variants), variants, []), last=True)
    releases.publish(engine, release, source)
