"""The references of a header beside the sequences that are given for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.qc.alignments.header import Reference
from adapters.qc.findings import Finding, Place
from adapters.qc.reference import ReferenceGenome

SHOWN: Final = 5


def compare(references: Sequence[Reference], genome: ReferenceGenome) -> list[Finding]:
    """The finding of references that are not those of ``genome``: absent, of another length, or of another MD5."""
    wrong = [said for one in references if (said := _objection(one, genome))]
    if not wrong:
        return []
    places = tuple(Place(detail=said) for said in wrong[:SHOWN])
    message = f"references of the header are not those of {genome.path.name}"
    return [Finding("reference", len(wrong), "places", message, places)]


def _objection(one: Reference, genome: ReferenceGenome) -> str | None:
    known = genome.contigs.get(one.name)
    if known is None:
        return f"{one.name} is not there"
    if known.length != one.length:
        return f"{one.name} has {one.length:,} bases in the header and {known.length:,} there"
    if one.md5 not in (None, known.md5):
        return f"{one.name} has MD5 {one.md5} in the header and {known.md5} there"
    return None
