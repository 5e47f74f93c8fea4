"""The ``variation`` of a Beacon genomicVariant in its Legacy form (BEA-76)."""

from __future__ import annotations

from typing import Any

from adapters.variants.alleles import is_symbolic
from adapters.variants.assemblies import assembly
from adapters.variants.model import Variant

UNSPECIFIED = "."  # the bases of a symbolic allele are not known


def location(variant: Variant) -> dict[str, Any]:
    """A VRS 1.3 SequenceLocation; 0-based, half-open."""
    interval = {
        "type": "SequenceInterval",
        "start": {"type": "Number", "value": variant.start},
        "end": {"type": "Number", "value": variant.end},
    }
    sequence = assembly(variant.assembly).contig(variant.contig).sequence_id
    return {"type": "SequenceLocation", "sequence_id": sequence, "interval": interval}


def variation(variant: Variant) -> dict[str, Any]:
    """The Legacy form: variant type, bases (maximally trimmed) and location. Breakends keep their VCF text apart."""
    if not is_symbolic(variant.alternate_bases):
        return {
            "variantType": variant.type,
            "referenceBases": variant.reference_bases,
            "alternateBases": variant.alternate_bases,
            "location": location(variant),
        }
    alternate = "" if variant.type == "DEL" else UNSPECIFIED
    return {"variantType": variant.type, "alternateBases": alternate, "location": location(variant)}
