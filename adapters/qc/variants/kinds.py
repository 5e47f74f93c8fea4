"""Kinds of findings in variants, each with what it says."""

from __future__ import annotations

from typing import Final

MESSAGES: Final = {
    "vcf-columns": ("lines", "the line has another number of columns than the header"),
    "vcf-position": ("records", "POS is no number, or lies beyond the contig"),
    "vcf-contig": ("records", "CHROM is not among the contigs of the header"),
    "vcf-order": ("records", "the record lies before the one before it, or its contig was left already"),
    "vcf-alleles": ("records", "REF or ALT is no allele"),
    "vcf-quality": ("records", "QUAL is no number"),
    "vcf-undeclared": ("records", "a filter, or a key of INFO or FORMAT, is not in the header"),
    "genotype": ("records", "a genotype is malformed, or names an allele that the record does not have"),
    "ploidy": ("records", "samples have another ploidy than those before them on the same contig"),
    "ref-base": ("records", "REF is not what the reference has at this place"),
}
RECORD_KINDS: Final = tuple(MESSAGES)
"""Kinds that are about a record; ``header``, ``index``, ``end-marker`` and ``decoding`` are those of alignments."""
