"""HGVS short forms find what the same allele in Beacon's other terms finds (BEA-50)."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from adapters.variants.ingest import load
from adapters.variants.query import VariantQuery
from adapters.variants.variants import Variants
from tests.adapters.variants.conftest import FIRST, Catalog

ROWS = """21 100 A T
21 200 TAC T
21 300 G GCC
21 400 ACG TT
21 500 A <DUP> END=520
21 600 A <DEL> END=602
21 600 AGG A
21 700 A <INV> END=703
21 800 C CAG
21 900 AC GT
"""
HEADER = """##fileformat=VCFv4.3
##contig=<ID=21,length=46709983>
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S000
"""


def text(rows: str) -> str:
    lines = HEADER.replace(" S000", "\tS000").splitlines()
    lines[-1] = "\t".join(lines[-1].split())
    for row in rows.splitlines():
        contig, position, ref, alt, *info = row.split()
        lines.append("\t".join([contig, position, ".", ref, alt, ".", ".", info[0] if info else ".", "GT", "0/1"]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("short", "found"),
    [
        ("g.100A>T", ["GRCh38:21:99:A:T"]),
        ("g.100A>C", []),
        ("g.101A>T", []),
        ("g.201_202del", ["GRCh38:21:200:AC:"]),
        ("g.201_202delAC", ["GRCh38:21:200:AC:"]),
        ("g.201_202delGG", []),
        ("g.200_202del", []),
        ("g.300_301insCC", ["GRCh38:21:300::CC"]),
        ("g.300_301insC", []),
        ("g.400_402delinsTT", ["GRCh38:21:399:ACG:TT"]),
        ("g.501_520dup", ["GRCh38:21:500:520:DUP.20"]),
        ("g.601_602del", ["GRCh38:21:600:602:DEL.2", "GRCh38:21:600:GG:"]),
        ("g.601_602delGG", ["GRCh38:21:600:GG:"]),
        ("g.701_703inv", ["GRCh38:21:700:703:INV.3"]),
        ("g.801_802dupAG", ["GRCh38:21:800::AG"]),
        ("g.799_800dupAG", ["GRCh38:21:800::AG"]),
        ("g.900_901delinsGT", ["GRCh38:21:899:AC:GT"]),
        ("g.900_901AC>GT", ["GRCh38:21:899:AC:GT"]),
    ],
)
def test_BEA_50_short_forms(sqlite_catalog: Catalog, short: str, found: list[str]) -> None:
    load(sqlite_catalog.engine, sqlite_catalog.write("h.vcf", text(ROWS)), "HRA000001")
    variants = Variants(sqlite_catalog.engine)
    page = variants.matches(VariantQuery(genomic_allele=f"NC_000021.9:{short}"), ["HRA000001"], BitMap([FIRST]))
    assert sorted(v.id for v in page.variants) == found
    named = VariantQuery(assembly="hg38", genomic_allele=f"chr21:{short}")
    assert variants.matches(named, ["HRA000001"], BitMap([FIRST])) == page
    other = VariantQuery(assembly="GRCh37", genomic_allele=f"chr21:{short}")
    assert variants.matches(other, ["HRA000001"], BitMap([FIRST])).total == 0
