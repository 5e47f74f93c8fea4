"""The real files of the data pack load, and answer as their own text says."""

from __future__ import annotations

import datetime as dt
import gzip
import random
from pathlib import Path

import pytest
from pyroaring import BitMap
from sqlalchemy import Engine, insert

from adapters.catalog import models
from adapters.variants import tables
from adapters.variants.ingest import load
from adapters.variants.query import VariantQuery
from adapters.variants.variants import Variants
from tests.adapters.variants import oracle
from tests.adapters.variants.test_oracle import key
from tests.support import shared

SET = "HRA000007"
NOW = dt.datetime(2026, 1, 1)


def member_with(engine: Engine, names: list[str]) -> dict[str, int]:
    """A data set of people who go by the sample names of a file."""
    models.Base.metadata.create_all(engine)
    tables.Base.metadata.create_all(engine)
    row = {"accession": SET, "title": "x", "tier": "open", "release_date": dt.date(2020, 1, 1)}
    people = [{"accession": f"HRI{i:06}", "ordinal": i, "name": name} for i, name in enumerate(names)]
    with engine.begin() as connection:
        connection.execute(insert(models.Dataset), [row | {"created_at": NOW, "updated_at": NOW}])
        connection.execute(insert(models.Individual), people)
        connection.execute(insert(models.Membership), [{"dataset": SET, "individual": p["accession"]} for p in people])
    return {name: i for i, name in enumerate(names)}


def text_of(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read()


def samples_of(text: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith("#CHROM")).split("\t")[9:]


@pytest.mark.parametrize(
    ("name", "assembly", "lines"),
    [("1000G_2504_clinvar_pathogenic_chr22_GRCh37.vcf.gz", None, 14), ("1000G_835_APOL1_GRCh37.vcf.gz", None, 60)],
)
def test_1000_genomes_equals_its_own_text(sqlite_engine: Engine, name: str, assembly: str | None, lines: int) -> None:
    path = shared(f"data/variants/{name}")
    text = text_of(path)
    people = member_with(sqlite_engine, samples_of(text))
    loaded = load(sqlite_engine, path, SET, assembly=assembly)
    assert loaded.assembly == "GRCh37"
    assert loaded.people == len(people)
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    kept = random.Random(3).sample(rows, min(lines, len(rows)))
    header = [line for line in text.splitlines() if line.startswith("#CHROM")]
    expected = oracle.read("\n".join([*header, *kept]), SET, "GRCh37", people)
    variants, everyone = Variants(sqlite_engine), BitMap(range(len(people)))
    for line in expected:
        at = VariantQuery("hg19", f"chr{line.contig}", (line.start, line.start + 1), (line.end, line.end + 1))
        page = variants.matches(at, [SET], everyone, limit=100)
        (found,) = [v for v in page.variants if key(v) == line.key]
        carriers = {who for who, copies in line.copies.items() if copies}
        assert set(found.occurrences[0].carriers or ()) == carriers
        assert found.occurrences[0].allele_count == sum(line.copies.values())
        assert found.occurrences[0].allele_number == sum(line.called.values())
        assert variants.variant(found.id, [SET], everyone) == found


def test_the_frequency_that_1000_genomes_states_is_the_one_counted(sqlite_engine: Engine) -> None:
    path = shared("data/variants/1000G_2504_chr1_GRCh37.vcf.gz")
    people = member_with(sqlite_engine, samples_of(text_of(path)))
    assert load(sqlite_engine, path, SET).variants == 1043
    query = VariantQuery(reference_name="NC_000001.10", start=(10176,), reference_bases="A", alternate_bases="AC")
    (variant,) = Variants(sqlite_engine).matches(query, [SET], BitMap(range(len(people)))).variants
    assert variant.id == "GRCh37:1:10177::C"
    assert (variant.occurrences[0].allele_count, variant.occurrences[0].allele_number) == (2130, 5008)


def test_sites_of_gnomad_have_counts_and_no_carriers(sqlite_engine: Engine) -> None:
    member_with(sqlite_engine, ["nobody"])
    loaded = load(sqlite_engine, shared("data/variants/gnomad_exomes_r2.1.1_chr1_sites.vcf.gz"), SET)
    assert (loaded.assembly, loaded.people) == ("GRCh37", 0)
    variants = Variants(sqlite_engine)
    page = variants.matches(VariantQuery(), [SET], BitMap(), limit=1000)
    assert page.total == loaded.variants > 50
    assert all(v.occurrences[0].carriers is None and v.occurrences[0].allele_count for v in page.variants)
    assert variants.carriers(VariantQuery(), [SET], BitMap([0])) == {}
    assert variants.matches(VariantQuery(), [SET], BitMap([0]), sites=False).total == 0


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("SV_manta_trio_chr22.vcf.gz", {"DUP", "BND", "DEL", "INV", "INS"}),
        ("SV_truvari_multi.vcf.gz", {"DEL", "INS"}),
        ("HG002_GIAB.filtered.vcf.gz", {"SNP", "DEL", "INS"}),
    ],
)
def test_structural_and_single_sample_files(sqlite_engine: Engine, name: str, kinds: set[str]) -> None:
    path = shared(f"data/variants/{name}")
    people = member_with(sqlite_engine, samples_of(text_of(path)))
    load(sqlite_engine, path, SET)
    variants, everyone = Variants(sqlite_engine), BitMap(range(len(people)))
    found = {v.type for v in variants.matches(VariantQuery(), [SET], everyone, limit=20_000).variants}
    assert kinds <= found


def test_genes_that_snpeff_found(sqlite_engine: Engine) -> None:
    path = shared("data/variants/1000G_2504_clinvar_pathogenic_chr22_GRCh37.vcf.gz")
    people = member_with(sqlite_engine, samples_of(text_of(path)))
    load(sqlite_engine, path, SET)
    variants, everyone = Variants(sqlite_engine), BitMap(range(len(people)))
    page = variants.matches(VariantQuery(gene="ADA2", aminoacid_change="G358R"), [SET], everyone)
    assert [v.id for v in page.variants] == ["GRCh37:22:17669237:C:T"]
    assert variants.matches(VariantQuery(aminoacid_change="G117R"), [SET], everyone).variants == page.variants
    assert variants.matches(VariantQuery(gene="APOL1", aminoacid_change="G358R"), [SET], everyone).total == 0
