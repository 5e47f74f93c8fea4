"""The variant box: what people paste, and what is wrong with what cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.variants.query import validate
from federation.pages import variants
from node.beacon.parameters import variant_query
from web.pages import create_pages

APP: Flask = create_pages("tests", public_url="http://x.test", title="T", words={})


@pytest.fixture(autouse=True)
def speaking() -> Iterator[None]:
    with APP.test_request_context("/"):
        yield


def allele(position: int, reference: str, alternate: str, name: str = "1", assembly: str = "GRCh38") -> dict[str, Any]:
    return {
        "assemblyId": assembly,
        "referenceName": name,
        "start": [position - 1],
        "referenceBases": reference,
        "alternateBases": alternate,
    }


@pytest.mark.parametrize(
    "typed",
    [
        "1-55051215-G-GA", "chr1-55051215-G-GA", "chr1:55051215 G>GA", "chr1:55051215G>GA", "1:55051215:G:GA",
        "1:55,051,215 G > GA", "chr1 55051215 G GA", "chr1\t55051215\t.\tG\tGA\t50\tPASS\tAC=1",
        "1\t55051215\trs527413419\tG\tGA", "NC_000001.11:g.55051215G>GA", "NC_000001.11:55051214:G:GA",
        "rs527413419 (1:55051215 G>GA)", "chromosome 1:55051215 g>ga", "1–55051215–G–GA", "chr1_55051215_G_GA",
        "1/55051215/G/GA", "  1-55051215-G-GA  ", "chr1:g.55051215G→GA",
    ],
)  # fmt: skip
def test_one_allele_in_every_way_that_it_is_written(typed: str) -> None:
    read = variants.read(typed, "GRCh38")
    assert read.asked == allele(55_051_215, "G", "GA")
    assert read.label == "1-55051215-G-GA"
    assert read.understood == "G → GA at chromosome 1, 55,051,215 (GRCh38)"


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("chr1:55,039,447-55,064,852", {"referenceName": "1", "start": [55_039_446], "end": [55_064_852]}),
        ("X:100..200", {"referenceName": "X", "start": [99], "end": [200]}),
        ("chrM 5 5", {"referenceName": "MT", "start": [4], "end": [5]}),
        ("rs11591147 chr1:55039974", {"referenceName": "1", "start": [55_039_973], "end": [55_039_974]}),
        ("pcsk9", {"geneId": "PCSK9"}),
        ("PCSK9:p.Arg46Leu", {"geneId": "PCSK9", "aminoacidChange": "R46L"}),
        ("BRAF V600E", {"geneId": "BRAF", "aminoacidChange": "V600E"}),
        ("TP53:p.(Arg213Ter)", {"geneId": "TP53", "aminoacidChange": "R213*"}),
        ("chr7:g.10_12del", {"genomicAlleleShortForm": "NC_000007.14:g.10_12del"}),
        ("7:g.10_11insac", {"genomicAlleleShortForm": "NC_000007.14:g.10_11insAC"}),
        ("NC_012920.1:m.100A>G", {k: v for k, v in allele(100, "A", "G", "MT").items() if k != "assemblyId"}),
    ],
)  # fmt: skip
def test_places_genes_and_changes(typed: str, asked: dict[str, Any]) -> None:
    assert variants.read(typed, "GRCh38").asked == {"assemblyId": "GRCh38", **asked}


def test_an_accession_says_its_own_assembly() -> None:
    read = variants.read("NC_000001.10:g.55516888G>GA", "GRCh38")
    assert read.asked == allele(55_516_888, "G", "GA", assembly="GRCh37")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("rs11591147", "is a name in dbSNP"),
        ("99-1-A-C", "There is no chromosome “99”"),
        ("1-999999999-A-C", "has positions 1 to 248,956,422; 999,999,999 is not one of them"),
        ("1-0-A-C", "0 is not one of them"),
        ("1-5-A-A", "Both alleles are A"),
        ("chr1:5 A>C,G", "has several alternate alleles"),
        ("NM_174936.4:c.137G>T", "counts along a transcript"),
        ("chr1:200-100", "Position 100 lies before position 200"),
        ("chr1:g.10insA", "needs two neighbouring positions"),
        ("chr1:g.10_12delAC", "AC has 2 bases, 10 to 12 are 3"),
        ("chr1:g.10_12delins", "A delins needs its bases"),
        ("chr1:g.foo", "“g.foo” is not a change that HGVS knows"),
        ("NC_000099.1:g.5A>C", "is no chromosome of GRCh38 or GRCh37"),
        ("NC_000001.11:5::", "Neither bases before nor after"),
        ("TP53:p.Xyz12Leu", "names an amino acid that does not exist"),
        ("HP:0001250", "is not understood"),
        ("chr7", "is not understood"),
        ("<script>", "“<script>” is not understood"),
    ],
)
def test_what_is_wrong_is_said_exactly(typed: str, says: str) -> None:
    with pytest.raises(variants.NotAVariant) as refused:
        variants.read(typed, "GRCh38")
    assert says in str(refused.value)


NAMES = st.sampled_from([*map(str, range(1, 23)), "X", "Y"])
BASES = st.text("ACGT", min_size=1, max_size=6)
STYLES = st.sampled_from(["{c}-{p}-{r}-{a}", "chr{c}:{p} {r}>{a}", "{c}:{p}:{r}:{a}", "chr{c}\t{p}\t.\t{r}\t{a}"])


@given(NAMES, st.integers(1, 46_000_000), BASES, BASES, STYLES)
def test_what_is_understood_is_a_question_that_a_member_takes(c: str, p: int, r: str, a: str, style: str) -> None:
    if r == a:
        return
    with APP.test_request_context("/"):
        read = variants.read(style.format(c=c, p=p, r=r, a=a), "GRCh38")
        assert variants.read(read.label, "GRCh38") == read, "the label can be typed again"
    query = variant_query(read.asked)
    assert query is not None
    assert validate(query).starts == (p - 1,)


@given(st.text(max_size=60))
@example("1-5-A-C\x00")
@example("chr1:" + "9" * 300)
def test_anything_typed_is_read_or_refused_in_words(typed: str) -> None:
    with APP.test_request_context("/"):
        try:
            read = variants.read(typed, "GRCh38")
        except variants.NotAVariant:
            return
    query = variant_query(read.asked)
    assert query is not None
    validate(query)
