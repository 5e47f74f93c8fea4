"""Questions without meaning are refused, naming the parameter (CHECKLIST 2.4, Bad input of the Beacon)."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.variants.query import Criteria, InvalidVariantQuery, Place, VariantQuery, validate

HERE: dict[str, Any] = {"assembly": "GRCh38", "reference_name": "9"}


@pytest.mark.parametrize(
    ("field", "message", "asked"),
    [
        ("alternateBases", "required with start", HERE | {"start": (5,)}),
        ("alternateBases", "required with start", HERE | {"start": (5,), "variant_type": "DEL"}),
        ("end", "both have one value", HERE | {"start": (5,), "end": (6, 7)}),
        ("end", "both have one value", HERE | {"start": (5, 6), "end": (7,)}),
        ("end", "both have one value", HERE | {"start": (5, 6)}),
        ("end", "does not lie behind", HERE | {"start": (5,), "end": (5,)}),
        ("start", "must ascend", HERE | {"start": (6, 5), "end": (7, 8)}),
        ("end", "must ascend", HERE | {"start": (5, 6), "end": (8, 8)}),
        ("start", "one or two values", HERE | {"start": (5, 6, 7), "end": (8, 9)}),
        ("start", "required with referenceName", HERE | {"end": (7,)}),
        ("start", "required with referenceName", HERE),
        ("start", "outside 0…138394717", HERE | {"start": (-1,), "alternate_bases": "A"}),
        ("start", "outside 0…138394717", HERE | {"start": (138394718,), "alternate_bases": "A"}),
        ("end", "outside 1…138394717", HERE | {"start": (5,), "end": (10**30,)}),
        ("end", "outside 1", HERE | {"start": (0,), "end": (0,)}),
        ("start", "not an integer", HERE | {"start": (True,), "alternate_bases": "A"}),
        ("start", "not an integer", HERE | {"start": ("5",), "alternate_bases": "A"}),
        ("referenceName", "required with start", {"assembly": "GRCh38", "start": (5,), "alternate_bases": "A"}),
        ("referenceName", "not a contig of GRCh38", HERE | {"reference_name": "chr24", "start": (5,), "end": (6,)}),
        ("referenceName", "not a contig", HERE | {"reference_name": "NC_000009.11", "start": (5,), "end": (6,)}),
        ("assemblyId", "required", {"reference_name": "9", "start": (5,), "alternate_bases": "A"}),
        ("assemblyId", "required", {"reference_name": "NC_012920.1", "start": (5,), "alternate_bases": "A"}),
        ("assemblyId", "not a known assembly", HERE | {"assembly": "mm10", "start": (5,), "alternate_bases": "A"}),
        ("alternateBases", "not IUPAC", HERE | {"start": (5,), "alternate_bases": "AXT"}),
        ("alternateBases", "not IUPAC", HERE | {"start": (5,), "alternate_bases": "A-T"}),
        ("alternateBases", "not IUPAC", HERE | {"start": (5,), "alternate_bases": "<DEL>"}),
        ("alternateBases", "not IUPAC", HERE | {"start": (5,), "alternate_bases": "N" * 10_001}),
        ("referenceBases", "not IUPAC", HERE | {"start": (5,), "alternate_bases": "A", "reference_bases": "Å"}),
        ("start", "bases are asked for at", {"alternate_bases": "A"}),
        ("variantType", "is unknown; allowed: SNP", HERE | {"start": (5,), "end": (6,), "variant_type": "BIG"}),
        ("variantMinLength", "outside 0", {"gene": "BRAF", "min_length": -1}),
        ("variantMaxLength", "outside 0", {"gene": "BRAF", "max_length": 2**31}),
        ("variantMaxLength", "below variantMinLength", {"gene": "BRAF", "min_length": 5, "max_length": 4}),
        ("geneId", "HGNC", {"gene": "BR AF"}),
        ("geneId", "HGNC", {"gene": ""}),
        ("geneId", "HGNC", {"gene": "' OR 1=1 --"}),
        ("aminoacidChange", "one-letter", {"aminoacid_change": "Val600Glu"}),
        ("aminoacidChange", "one-letter", {"aminoacid_change": "V600"}),
        ("genomicAlleleShortForm", "genomic alleles", {"genomic_allele": "NM_004006.2:c.4375C>T"}),
        ("genomicAlleleShortForm", "genomic alleles", {"genomic_allele": ""}),
        ("genomicAlleleShortForm", "ascending pair", {"genomic_allele": "NC_000009.12:g.12_10del"}),
        ("genomicAlleleShortForm", "ascending pair", {"genomic_allele": "NC_000009.12:g.0A>T"}),
        ("genomicAlleleShortForm", "neighbouring", {"genomic_allele": "NC_000009.12:g.10_12insA"}),
        ("genomicAlleleShortForm", "neighbouring", {"genomic_allele": "NC_000009.12:g.10_11ins"}),
        ("genomicAlleleShortForm", "length", {"genomic_allele": "NC_000009.12:g.10_12delAC"}),
        ("genomicAlleleShortForm", "needs its bases", {"genomic_allele": "NC_000009.12:g.10_12delins"}),
        ("genomicAlleleShortForm", "behind the end", {"genomic_allele": "NC_000009.12:g.138394718A>T"}),
        ("assemblyId", "required", {"genomic_allele": "9:g.10A>T"}),
        ("referenceName", "not a contig", {"genomic_allele": "NC_000099.1:g.10A>T", "assembly": "GRCh38"}),
        ("referenceName", "not allowed beside", HERE | {"genomic_allele": "NC_000009.12:g.10A>T"}),
    ],
)
def test_BEA_45_to_52_what_has_no_meaning_is_refused(field: str, message: str, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidVariantQuery, match=message) as caught:
        validate(VariantQuery(**asked))
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_BEA_52_an_accession_needs_no_assembly() -> None:
    criteria = validate(VariantQuery(reference_name="refseq:NC_000009.12", start=(5,), alternate_bases="t"))
    assert (criteria.assembly, criteria.contig, criteria.place) == ("GRCh38", "9", Place.POSITION)


def test_BEA_51_empty_bases_are_something_else_than_none_asked() -> None:
    criteria = validate(VariantQuery(**HERE, start=(5,), alternate_bases=""))
    assert criteria.bases is not None
    assert (criteria.bases.ref, criteria.bases.alt) == (None, "")
    dashed = validate(VariantQuery(**HERE, start=(5,), alternate_bases="-", reference_bases="u"))
    assert dashed.bases is not None
    assert (dashed.bases.ref, dashed.bases.alt) == ("T", "")


def test_no_parameters_ask_for_everything() -> None:
    assert validate(VariantQuery()) == Criteria()
