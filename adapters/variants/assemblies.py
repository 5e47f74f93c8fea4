"""Genome assemblies and the many names of their contigs, read from ``config/assemblies.yaml`` (BEA-52)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parents[2] / "config" / "assemblies.yaml"
PATCH = re.compile(r"\.p\d{1,2}$", re.IGNORECASE)
# Unlocalised, unplaced and alternate sequences go by their INSDC accession; UCSC writes chr1_KI270706v1_random.
INSDC = re.compile(r"(?:chr(?:\d{1,2}|[XYM]|Un)_)?([A-Z]{2,6}\d{5,9})(?:[v.](\d))?(?:_(?:random|alt|fix|decoy))?", re.I)
LONGEST = 2**31 - 1


class UnknownAssembly(ValueError):
    """The name is not one of a known genome assembly."""


class UnknownContig(ValueError):
    """The name is not one of a contig of the assembly."""


@dataclass(frozen=True, slots=True)
class Contig:
    """A reference sequence. ``length`` is in bases; ``sequence_id`` is a CURIE such as ``refseq:NC_000009.12``."""

    name: str
    length: int
    sequence_id: str


@dataclass(frozen=True)
class GenomeAssembly:
    """An assembly with its contigs by canonical name and by every synonym in lower case."""

    name: str
    contigs: Mapping[str, Contig]
    synonyms: Mapping[str, Contig]

    def contig(self, name: str) -> Contig:
        """The contig called ``name`` in any convention.

        :raises UnknownContig: if this assembly has no such contig.
        """
        found = self.synonyms.get(name.lower())
        if found:
            return found
        insdc = INSDC.fullmatch(name)
        if insdc:
            accession = f"{insdc[1].upper()}.{insdc[2] or 1}"
            return Contig(accession, LONGEST, f"insdc:{accession}")
        allowed = "1…22, X, Y, MT (with or without chr), RefSeq accessions of this assembly, INSDC accessions"
        raise UnknownContig(f"{name!r} is not a contig of {self.name}; allowed: {allowed}")


def _assembly(name: str, data: Mapping[str, Any]) -> GenomeAssembly:
    contigs = {key: Contig(key, row["length"], f"refseq:{row['refseq']}") for key, row in data["contigs"].items()}
    synonyms: dict[str, Contig] = {}
    for key, contig in contigs.items():
        short = ["M"] if key == "MT" else []
        names = [key, *short, contig.sequence_id, contig.sequence_id.removeprefix("refseq:")]
        synonyms |= {s.lower(): contig for s in [*names, *(f"chr{n}" for n in [key, *short])]}
    return GenomeAssembly(name, contigs, synonyms)


@cache
def _assemblies() -> tuple[dict[str, GenomeAssembly], dict[str, str]]:
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    known = {name: _assembly(name, row) for name, row in data.items()}
    names: dict[str, str] = {}
    for name, row in data.items():
        first, last = row["accession"]["versions"]
        accessions = (f"{row['accession']['name']}.{version}" for version in range(first, last + 1))
        names |= {synonym.lower(): name for synonym in (name, *row["synonyms"], *accessions)}
    return known, names


def assemblies() -> Mapping[str, GenomeAssembly]:
    """All known assemblies by canonical name."""
    return _assemblies()[0]


def assembly(name: str) -> GenomeAssembly:
    """The assembly called ``name``: ``GRCh38``, ``hg38``, ``GRCh38.p13``, ``GCF_000001405.39`` …

    :raises UnknownAssembly: if no known assembly has that name.
    """
    known, names = _assemblies()
    found = names.get(PATCH.sub("", name).lower())
    if found is None:
        raise UnknownAssembly(f"{name!r} is not a known assembly; allowed: {', '.join(known)} and their synonyms")
    return known[found]


def assembly_of_accession(reference_name: str) -> GenomeAssembly | None:
    """The one assembly in which a versioned RefSeq accession occurs, or None for a name that several share."""
    if "nc_" not in reference_name.lower():
        return None
    having = [a for a in assemblies().values() if reference_name.lower() in a.synonyms]
    return having[0] if len(having) == 1 else None


def assembly_of_text(text: str) -> GenomeAssembly | None:
    """The one assembly that a free text (a VCF header's ``##reference``) names, or None."""
    _, names = _assemblies()
    words = {names[n] for n in names if re.search(rf"(?<![a-z0-9]){re.escape(n)}(?![a-z0-9])", text.lower())}
    return assemblies()[words.pop()] if len(words) == 1 else None
