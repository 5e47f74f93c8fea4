"""Made tables of OMIX: counts, intensities and clinical values as csv and tsv."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from node.demo.made.people import Person
from node.demo.made.plan import SEED

GENES = ("Actc1", "Atp2a2", "Mb", "Myh6", "Myh7", "Myl2", "Nppa", "Nppb", "Pln", "Ryr2", "Tnni3", "Tnnt2", "Ttn")
PROTEINS = ("ALB", "APOA1", "APOB", "APOE", "CRP", "FGA", "HP", "IL6", "NPPB", "SERPINA1", "TF", "TNNT2")
METABOLITES = ("alanine", "carnitine", "citrate", "creatinine", "glucose", "lactate", "taurine", "urate")


def write_expression(path: Path, samples: int = 12) -> None:
    """Counts per gene (rows) and sample (columns) of mouse hearts, comma separated."""
    chance = _chance(1)
    genes = [*GENES, *(f"Gm{number}" for number in range(10_001, 10_488))]
    counts = chance.negative_binomial(3, 0.004, (len(genes), samples))
    header = ["gene", *(f"heart_{n:02d}" for n in range(1, samples + 1))]
    _write(path, header, ([gene, *map(int, row)] for gene, row in zip(genes, counts, strict=True)))


def write_mouse_samples(path: Path, samples: int = 12) -> None:
    """How each mouse sample was made, tab separated."""
    rows = (
        [f"heart_{n:02d}", "Mus musculus", "sham" if n % 2 else "pressure overload", 8 + n % 3]
        for n in range(1, samples + 1)
    )
    _write(path, ["sample", "organism", "treatment", "age_weeks"], rows)


def write_proteins(path: Path, people: Sequence[Person]) -> None:
    """Plasma protein intensities per person, tab separated; the rows carry GSA-Human accessions."""
    values = _chance(2).lognormal(12, 0.8, (len(people), len(PROTEINS)))
    rows = (
        [one.accession, *(f"{value:.1f}" for value in row)] for one, row in zip(people, values.tolist(), strict=True)
    )
    _write(path, ["individual", *PROTEINS], rows)


def write_clinical(path: Path, people: Sequence[Person]) -> None:
    """Clinical values per person, comma separated; the rows carry GSA-Human accessions."""
    chance = _chance(3)
    rows = (
        [
            one.accession,
            one.sex,
            one.age,
            int(chance.normal(128, 15)),
            int(chance.normal(80, 10)),
            f"{chance.normal(5.4, 1):.1f}",
        ]
        for one in people
    )
    _write(path, ["individual", "sex", "age", "systolic_mmHg", "diastolic_mmHg", "glucose_mmol_per_l"], rows)


def write_metabolites(path: Path, samples: int = 20) -> None:
    """Metabolite intensities per sample, comma separated."""
    values = _chance(4).lognormal(8, 0.5, (samples, len(METABOLITES)))
    rows = ([f"s{number:02d}", *(f"{v:.2f}" for v in row)] for number, row in enumerate(values.tolist(), start=1))
    _write(path, ["sample", *METABOLITES], rows)


def write_array(path: Path, probes: int = 400) -> None:
    """Array intensities per probe, tab separated."""
    values = _chance(5).normal(8, 2, (probes, 6))
    rows = ([f"probe_{number:05d}", *(f"{v:.3f}" for v in row)] for number, row in enumerate(values.tolist(), start=1))
    _write(path, ["probe", *(f"array_{n}" for n in range(1, 7))], rows)


def _chance(stream: int) -> np.random.Generator:
    return np.random.default_rng([SEED, 8, stream])


def _write(path: Path, header: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
