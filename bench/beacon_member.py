"""A GSA-Human member with a cohort and its variants, made for benchmarks."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert, text

from adapters.catalog.engine import connect, writing
from adapters.catalog.models import Dataset, Individual, Membership
from adapters.terms import loading
from adapters.terms.indexing import index_individuals
from adapters.variants import releases
from adapters.variants.assemblies import assembly
from adapters.variants.carriers import encode
from adapters.variants.people import Cohort
from adapters.variants.rows import RecordRows
from adapters.variants.vcf import Header, Record, TextFile
from bench import cohort
from migrations.schema import upgrade

DATASET, DAC = "HRA000001", "HDAC000001"
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
TERMS = 400  # of the made ontology, each below the one of half its number
BATCH = 5000


def make(folder: Path, variants: int, seed: int, url: str | None = None) -> Engine:
    """The member's database with ``variants`` alleles, made unless it is there."""
    done = folder / "made"
    url = url or f"sqlite:///{folder / 'catalog.sqlite'}"
    if done.exists() and done.read_text() == f"{variants} {seed}":
        return connect(url)
    shutil.rmtree(folder, ignore_errors=True)
    engine = without_variants(folder, seed, url)
    write(engine, variants, seed)
    done.write_text(f"{variants} {seed}")
    return engine


def without_variants(folder: Path, seed: int, url: str | None = None) -> Engine:
    """A new member with the cohort's people."""
    (folder / "archive").mkdir(parents=True)
    engine = connect(url or f"sqlite:///{folder / 'catalog.sqlite'}")
    upgrade(engine, "member")
    _people(engine, folder, seed)
    return engine


def term(number: int) -> str:
    """Id of a term of the made ontology, from 1; number 1 is above all."""
    return f"HP:{number:07}"


def person(number: int) -> str:
    """Accession of a person, from 0."""
    return f"HRI{number:06}"


def _people(engine: Engine, folder: Path, seed: int) -> None:
    dice = np.random.default_rng(seed)
    lines = ["format-version: 1.2", "ontology: hp", ""]
    for number in range(1, TERMS + 1):
        lines += ["[Term]", f"id: {term(number)}", f"name: finding {number}"]
        lines += [f"is_a: {term(number // 2)}"] if number > 1 else []
        lines.append("")
    (folder / "hp.obo").write_text("\n".join(lines))
    loading.load(engine, folder / "hp.obo")
    row = {"accession": DATASET, "title": "Cohort", "tier": "controlled", "dac": DAC, "created_at": MOMENT}
    people = [_person(number, name, dice) for number, name in enumerate(cohort.names())]
    members = [{"dataset": DATASET, "individual": one["accession"]} for one in people]
    with writing(engine).begin() as connection:
        connection.execute(insert(Dataset), row | {"updated_at": MOMENT, "release_date": dt.date(2026, 1, 2)})
        connection.execute(insert(Individual), people)
        connection.execute(insert(Membership), members)
        index_individuals(connection, [one["accession"] for one in people])


def _person(number: int, name: str, dice: np.random.Generator) -> dict[str, Any]:
    found = sorted(dice.choice(np.arange(2, TERMS + 1), 3, replace=False).tolist())
    features = [{"featureType": {"id": term(one), "label": f"finding {one}"}} for one in found]
    sex = {"id": f"NCIT:{dice.choice(['C16576', 'C20197'])}"}
    return {
        "accession": person(number),
        "ordinal": number,
        "name": name,
        "sex": sex["id"],
        "record": {"sex": sex, "phenotypicFeatures": features},
    }


def write(engine: Engine, variants: int, seed: int) -> None:
    """The cohort's variants as a live release, through the index writer and not through text."""
    people = Cohort(range(cohort.PEOPLE))
    header = Header(tuple(cohort.names()), {}, "", (), {}, "")
    source = releases.Source(DATASET, "cohort.vcf.gz", "GRCh38", f"made {variants} {seed}", encode(people.people))
    release = releases.begin(engine, source, 1).release
    rows = RecordRows(release, TextFile(Path(source.file), header), assembly("GRCh38"), people)
    calls = np.zeros((cohort.PEOPLE, 2), dtype=np.int32)
    batch, before = releases.Batch(), 0
    for site in cohort.sites(variants, seed):
        cohort.genotypes(site, calls)
        rows.add(Record(cohort.CONTIG, site.position, site.ref, (site.alt,), {}, calls), batch)
        batch.records += 1
        if batch.records == BATCH:
            releases.append(engine, release, 0, before, batch, last=False)
            batch, before = releases.Batch(), before + BATCH
    releases.append(engine, release, 0, before, batch, last=True)
    releases.publish(engine, release, source)


def index_bytes(engine: Engine) -> int:
    """Bytes of the table of variants and its indexes."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            return int(connection.scalar(text("SELECT pg_total_relation_size('variant')")) or 0)
        wanted = text("SELECT sum(pgsize) FROM dbstat WHERE name IN ('variant', 'variant_long')")
        return int(connection.scalar(wanted) or 0)


@dataclass(frozen=True, slots=True)
class Known:
    """An allele of the cohort: 0-based start, bases, and how many of the 5,008 chromosomes have it."""

    start: int
    ref: str
    alt: str
    count: int


def some(variants: int, seed: int, number: int) -> list[Known]:
    """``number`` alleles drawn from the first hundred thousand of the cohort."""
    first = min(variants, 100_000)
    wanted = set(random.Random(seed).sample(range(first), min(number, first)))
    drawn = (site for index, site in enumerate(cohort.sites(first, seed)) if index in wanted)
    return [Known(site.position - 1, site.ref, site.alt, len(site.chromosomes)) for site in drawn]


def settle(engine: Engine, tier: str) -> None:
    """Give the data set a tier, and everyone their whole budget back."""
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE dataset SET tier = :tier"), {"tier": tier})
        for table in ("auth_budget_spent", "auth_question_charged"):
            connection.execute(text(f"DELETE FROM {table}"))
