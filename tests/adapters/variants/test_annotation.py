"""Genes and amino-acid changes from SnpEff and VEP (BEA-48, BEA-49)."""

from __future__ import annotations

import pytest

from adapters.variants.annotation import gene_changes, layouts, one_letter, written

ANN, CSQ = layouts(
    [("AC", "x"), ("ANN", "whatever"), ("CSQ", 'From VEP. Format: Allele|Consequence|SYMBOL|Gene|HGVSp"'), ("CSQ", "x")]
)


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("p.Val600Glu", "V600E"),
        ("ENSP00000288602.7:p.Val600Glu", "V600E"),
        ("p.Trp26*", "W26*"),
        ("p.Ter100LeuextTer?", "*100Lext*?"),
        ("p.Gly12_Val14del", "G12_V14del"),
        ("NP_1.1:p.Leu8%3D", "L8="),
        ("p.(Arg175His)", "R175H"),
        ("", ""),
    ],
)
def test_BEA_49_one_letter_form(long: str, short: str) -> None:
    assert one_letter(long) == short


def test_BEA_48_a_gene_is_one_that_the_allele_lies_in() -> None:
    entries = [
        "T|missense_variant|M|BRAF|E1|transcript|NM|pc|1/2|c.1A>T|p.Val600Glu|1/2",
        "T|upstream_gene_variant|M|NEAR|E1|transcript|NM|pc||c.-9A>T||",
        "T|intergenic_region|M|A-B|A-B|intergenic_region|A-B|||n.1A>T||",
        "T|splice_region_variant&upstream_gene_variant|M|EDGE|E1|transcript|NM|pc|1/2|c.1A>T||",
        "G|missense_variant|M|OTHER|E1|transcript|NM|pc|1/2|c.1A>T|p.Val600Gly|1/2",
        "T|short",
    ]
    assert gene_changes(ANN, ",".join(entries), "T") == {("BRAF", "V600E"), ("EDGE", "")}


@pytest.mark.parametrize(
    ("ref", "alts", "alt", "name"),
    [
        ("A", ("T",), "T", "T"),
        ("A", ("AC",), "AC", "C"),
        ("AC", ("A",), "A", "-"),
        ("AC", ("A", "ACG"), "ACG", "CG"),
        ("AC", ("GT",), "GT", "GT"),
        ("AC", ("AT",), "AT", "AT"),
        ("AC", ("A", "T"), "A", "A"),
    ],
)
def test_how_vep_and_snpeff_write_an_allele(ref: str, alts: tuple[str, ...], alt: str, name: str) -> None:
    assert written(CSQ, ref, alts, alt) == name
    assert written(ANN, ref, alts, alt) == alt
    text = f"{name}|missense_variant|TP53|E1|ENSP1.1:p.Arg175His,zz|missense_variant|TP53|E1|"
    assert gene_changes(CSQ, text, written(CSQ, ref, alts, alt)) == {("TP53", "R175H")}
