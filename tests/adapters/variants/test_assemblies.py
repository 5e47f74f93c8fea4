"""Names of assemblies and contigs (BEA-52)."""

from __future__ import annotations

import pytest

from adapters.variants.assemblies import (
    UnknownAssembly,
    UnknownContig,
    assemblies,
    assembly,
    assembly_of_accession,
    assembly_of_text,
)


@pytest.mark.parametrize("name", ["GRCh38", "grch38", "hg38", "GRCh38.p13", "GCF_000001405.39", "GCF_000001405.26"])
def test_BEA_52_names_of_grch38(name: str) -> None:
    assert assembly(name).name == "GRCh38"


@pytest.mark.parametrize("name", ["GRCh37", "hg19", "b37", "GRCh37.p13", "GCF_000001405.25"])
def test_BEA_52_names_of_grch37(name: str) -> None:
    assert assembly(name).name == "GRCh37"


@pytest.mark.parametrize("name", ["", "GRCh36", "hg18", "mm10", "GRCh38.pp", "GCF_000001405.41"])
def test_other_assemblies_are_refused_with_the_known_ones_named(name: str) -> None:
    with pytest.raises(UnknownAssembly, match="allowed: GRCh37, GRCh38"):
        assembly(name)


@pytest.mark.parametrize("name", ["9", "chr9", "Chr9", "NC_000009.12", "refseq:NC_000009.12", "REFSEQ:nc_000009.12"])
def test_BEA_52_synonyms_of_chromosome_9(name: str) -> None:
    contig = assembly("GRCh38").contig(name)
    assert (contig.name, contig.length, contig.sequence_id) == ("9", 138394717, "refseq:NC_000009.12")


@pytest.mark.parametrize("name", ["MT", "M", "chrM", "chrMT", "NC_012920.1"])
def test_names_of_the_mitochondrion(name: str) -> None:
    assert assembly("GRCh37").contig(name).name == "MT"


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("chr14_KI270725v1_random", "KI270725.1"),
        ("KI270725.1", "KI270725.1"),
        ("GL000191.1", "GL000191.1"),
        ("chr1_gl000191_random", "GL000191.1"),
        ("chrUn_KI270302v1", "KI270302.1"),
    ],
)
def test_unplaced_sequences_go_by_their_insdc_accession(name: str, canonical: str) -> None:
    assert assembly("GRCh38").contig(name).name == canonical


@pytest.mark.parametrize("name", ["", "0", "23", "chr23", "chrchr1", "NC_000009.11", "HLA-A*01:01", "1 ", "../1"])
def test_what_is_not_a_contig_is_refused(name: str) -> None:
    with pytest.raises(UnknownContig, match="is not a contig of GRCh38"):
        assembly("GRCh38").contig(name)


def test_an_accession_with_version_tells_the_assembly_and_the_shared_mitochondrion_does_not() -> None:
    assert assembly_of_accession("refseq:NC_000009.12") is assembly("GRCh38")
    assert assembly_of_accession("NC_000009.11") is assembly("GRCh37")
    assert assembly_of_accession("NC_012920.1") is None
    assert assembly_of_accession("chr9") is None


def test_accessions_are_unique_and_no_length_is_shared_by_two_chromosomes() -> None:
    for genome in assemblies().values():
        assert len({c.sequence_id for c in genome.contigs.values()}) == len(genome.contigs) == 25
        assert len({c.length for c in genome.contigs.values()}) == 25


def test_a_reference_line_tells_the_assembly() -> None:
    assert assembly_of_text("ftp://x/phase2_reference_assembly_sequence/hs37d5.fa.gz") is assembly("GRCh37")
    assert assembly_of_text("file:///genomes/Homo_sapiens/GRCh38_full_analysis_set.fa") is assembly("GRCh38")
    assert assembly_of_text("hg19ToHg38, hg38 and hg19") is None
    assert assembly_of_text("GRCh3") is None
