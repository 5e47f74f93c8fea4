"""Genes and amino-acid changes of an allele, from SnpEff ``ANN`` or VEP ``CSQ`` (in the one-letter form of BEA-49)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Effects that name a gene in whose neighbourhood the allele lies, not one that it lies in.
OUTSIDE = frozenset({"intergenic_region", "intergenic_variant", "upstream_gene_variant", "downstream_gene_variant"})
LETTERS = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Sec": "U", "Pyl": "O", "Ter": "*", "Xaa": "X",
}  # fmt: skip
THREE = re.compile("|".join(LETTERS))
# Positions of a SnpEff ANN entry (variant annotations in VCF format, version 1.0).
ANN_FIELDS = {"Allele": 0, "Consequence": 1, "SYMBOL": 3, "HGVSp": 10}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which INFO key holds annotations, and at which position of an entry each of our fields is."""

    key: str
    fields: dict[str, int]


def layouts(info: Iterable[tuple[str, str]]) -> tuple[Layout, ...]:
    """The annotation layouts that a header declares; ``info`` are pairs of INFO id and description."""
    found = []
    for key, description in info:
        if key == "ANN":
            found.append(Layout(key, ANN_FIELDS))
        elif key in ("CSQ", "vep") and "Format:" in description:
            names = description.split("Format:")[1].strip(' "').split("|")
            found.append(Layout(key, {name.strip(): index for index, name in enumerate(names)}))
    return tuple(found)


def one_letter(protein_change: str) -> str:
    """``p.Val600Glu`` or ``ENSP0001.2:p.Val600Glu`` as ``V600E``; empty if nothing is said."""
    change = protein_change.rpartition(":")[2].removeprefix("p.").replace("%3D", "=").strip("()")
    return THREE.sub(lambda three: LETTERS[three[0]], change)


def written(layout: Layout, ref: str, alts: Sequence[str], alt: str) -> str:
    """How the annotator writes an ALT: SnpEff as in the file; VEP without the first base that all alleles share.

    VEP does so where any allele is an insertion or deletion, and writes ``-`` for nothing left.
    """
    alleles = (ref, *alts)
    same_first = len({allele[:1] for allele in alleles}) == 1
    if layout.key == "ANN" or not same_first or len({len(allele) for allele in alleles}) == 1:
        return alt
    return alt[1:] or "-"


def gene_changes(layout: Layout, text: str, allele: str) -> frozenset[tuple[str, str]]:
    """Pairs of gene symbol and amino-acid change (or empty) of the entries about ``allele`` (see :func:`written`)."""
    found = set()
    for entry in text.split(","):
        values = entry.split("|")
        gene = _field(layout, values, "SYMBOL")
        effects = frozenset(_field(layout, values, "Consequence").split("&"))
        if gene and _field(layout, values, "Allele") == allele and not effects <= OUTSIDE:
            found.add((gene, one_letter(_field(layout, values, "HGVSp"))))
    return frozenset(found)


def _field(layout: Layout, values: list[str], name: str) -> str:
    index = layout.fields.get(name)
    return values[index] if index is not None and index < len(values) else ""
