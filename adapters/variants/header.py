"""Which assembly a variant file is of, from what its header says."""

from __future__ import annotations

from pathlib import Path

from adapters.variants.assemblies import (
    GenomeAssembly,
    UnknownContig,
    assemblies,
    assembly,
    assembly_of_text,
)
from adapters.variants.lines import InvalidVariantFile
from adapters.variants.vcf import Header


def genome_of(header: Header, named: str | None, path: Path) -> GenomeAssembly:
    """The assembly of a file: as ``named``, else by its contig lengths, else by its ``##reference`` line.

    :raises InvalidVariantFile: if the header contradicts ``named``, fits no assembly, or does not tell.
    :raises UnknownAssembly: if ``named`` is not a known assembly.
    """
    if named is not None:
        genome = assembly(named)
        wrong = _conflicts(header, genome)
        if wrong:
            raise InvalidVariantFile(f"{path}: contigs of another assembly than {genome.name}: {'; '.join(wrong[:3])}")
        return genome
    fitting = [genome for genome in assemblies().values() if _agreements(header, genome)]
    fitting = [genome for genome in fitting if not _conflicts(header, genome)]
    if len(fitting) == 1:
        return fitting[0]
    told = assembly_of_text(header.reference)
    if told is not None and not _conflicts(header, told):
        return told
    known = ", ".join(assemblies())
    raise InvalidVariantFile(f"{path}: the header fits no assembly that is known ({known}); name the assembly")


def _lengths(header: Header, genome: GenomeAssembly) -> list[tuple[str, int, int]]:
    """Declared and known length of each contig; the mitochondrion of UCSC's hg19 differs, and is left out."""
    found = []
    for name, declared in header.contigs.items():
        try:
            contig = genome.contig(name)
        except UnknownContig:
            continue
        if declared is not None and contig.name in genome.contigs and contig.name != "MT":
            found.append((name, declared, contig.length))
    return found


def _agreements(header: Header, genome: GenomeAssembly) -> list[str]:
    return [name for name, declared, known in _lengths(header, genome) if declared == known]


def _conflicts(header: Header, genome: GenomeAssembly) -> list[str]:
    return [f"{name} of {declared} bases" for name, declared, known in _lengths(header, genome) if declared != known]
