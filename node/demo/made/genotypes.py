"""Made genotypes: a VCF with the frequency spectrum of a real population (few common, many rare alleles).

Allele counts follow the neutral expectation, a share proportional to 1/k for k copies. Contig names, lengths and gene
bounds are those of GRCh38; the reference bases are made, except at the known sites of ``KNOWN``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from node.demo.made.plan import SEED

CONTIGS = {
    "chr1": 248956422, "chr2": 242193529, "chr3": 198295559, "chr4": 190214555, "chr5": 181538259, "chr6": 170805979,
    "chr7": 159345973, "chr8": 145138636, "chr9": 138394717, "chr10": 133797422, "chr11": 135086622,
    "chr12": 133275309, "chr13": 114364328, "chr14": 107043718, "chr15": 101991189, "chr16": 90338345,
    "chr17": 83257441, "chr18": 80373285, "chr19": 58617616, "chr20": 64444167, "chr21": 46709983,
    "chr22": 50818468, "chrX": 156040895, "chrY": 57227415, "chrM": 16569,
}  # fmt: skip
GENES = {
    "TTN": ("chr2", 178525989, 178807423),
    "CFTR": ("chr7", 117480025, 117668665),
    "MYBPC3": ("chr11", 47331406, 47352702),
    "MYH7": ("chr14", 23412740, 23435677),
    "LDLR": ("chr19", 11089463, 11133820),
    "APOE": ("chr19", 44905791, 44909393),
    "APOL1": ("chr22", 36253071, 36267530),
}


@dataclass(frozen=True, slots=True)
class Site:
    """One line of a VCF: ``position`` is 1-based; ``counts`` is the wanted copies of each alternate allele."""

    contig: str
    position: int
    identifier: str
    reference: str
    alternates: tuple[str, ...]
    shares: tuple[float, ...]
    gene: str = ""
    consequence: str = ""


KNOWN = (
    Site("chr1", 169549811, "rs6025", "C", ("T",), (0.02,), "F5", "missense_variant"),
    Site("chr6", 26092913, "rs1800562", "G", ("A",), (0.03,), "HFE", "missense_variant"),
    Site("chr7", 117559590, "rs113993960", "ATCT", ("A",), (0.01,), "CFTR", "inframe_deletion"),
    Site("chr19", 44908684, "rs429358", "T", ("C",), (0.09,), "APOE", "missense_variant"),
    Site("chr19", 44908822, "rs7412", "C", ("T",), (0.08,), "APOE", "missense_variant"),
    Site("chr22", 36265860, "rs73885319", "A", ("G",), (0.05,), "APOL1", "missense_variant"),
)
IMPACT = {
    "missense_variant": "MODERATE",
    "synonymous_variant": "LOW",
    "intron_variant": "MODIFIER",
    "inframe_deletion": "MODERATE",
    "intergenic_region": "MODIFIER",
}


def write_vcf(path: Path, names: Sequence[str], stream: int, *, random_sites: int = 2500) -> None:
    """Write ``path`` (bgzip) and its tabix index for the people ``names``; each ``stream`` gives other genotypes."""
    chance = np.random.default_rng([SEED, 2, stream])
    sites = _sites(np.random.default_rng([SEED, 3]), random_sites, 2 * len(names))
    with pysam.BGZFile(str(path), "wb", None) as out:
        out.write(_header(names).encode())
        for site in sites:
            out.write(_line(site, len(names), chance).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


def _header(names: Sequence[str]) -> str:
    lines = ["##fileformat=VCFv4.3", "##reference=GRCh38"]
    lines += [f"##contig=<ID={name},length={length},assembly=GRCh38>" for name, length in CONTIGS.items()]
    lines += [
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies of each alternate allele">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="Called alleles">',
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency of each alternate allele">',
        '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations: '
        "'Allele | Annotation | Annotation_Impact | Gene_Name'\">",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]),
    ]
    return "\n".join(lines) + "\n"


def _sites(chance: np.random.Generator, number: int, alleles: int) -> list[Site]:
    """Known sites, sites inside the genes and sites anywhere, sorted as the index needs them."""
    order = {name: rank for rank, name in enumerate(CONTIGS)}
    found = {(s.contig, s.position): s for s in KNOWN}
    for site in _random_sites(chance, number, alleles):
        found.setdefault((site.contig, site.position), site)
    return sorted(found.values(), key=lambda s: (order[s.contig], s.position))


def _random_sites(chance: np.random.Generator, number: int, alleles: int) -> Iterator[Site]:
    copies = np.arange(1, alleles)
    spectrum = (1 / copies) / (1 / copies).sum()
    genes = list(GENES.items())
    autosomes = [f"chr{n}" for n in range(1, 23)]
    for _ in range(number):
        share = float(chance.choice(copies, p=spectrum)) / alleles
        if chance.random() < 0.5:
            gene, (contig, start, end) = genes[int(chance.integers(len(genes)))]
            position = int(chance.integers(start, end))
            consequence = str(chance.choice(["missense_variant", "synonymous_variant", "intron_variant"]))
        else:
            gene, consequence = "", "intergenic_region"
            contig = autosomes[int(chance.integers(22))]
            position = int(chance.integers(100_000, CONTIGS[contig] - 100_000))
        reference, alternates = _alleles(chance)
        yield Site(
            contig,
            position,
            ".",
            reference,
            alternates,
            (share / len(alternates),) * len(alternates),
            gene,
            consequence,
        )


def _alleles(chance: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """Nine in ten are single bases; the rest are short insertions, deletions and sites with two alternates."""
    bases = [str(base) for base in chance.permutation(list("ACGT"))]
    kind = chance.random()
    tail = "".join(str(base) for base in chance.choice(list("ACGT"), size=int(chance.integers(1, 6))))
    if kind < 0.90:
        return bases[0], (bases[1],)
    if kind < 0.94:
        return bases[0], (bases[0] + tail,)
    if kind < 0.98:
        return bases[0] + tail, (bases[0],)
    return bases[0], (bases[1], bases[2])


def _line(site: Site, people: int, chance: np.random.Generator) -> str:
    """One VCF line; 0.2 % of the genotypes are not called."""
    draws = chance.random((people, 2))
    called = np.zeros((people, 2), dtype=np.int8)
    bound = 0.0
    for number, share in enumerate(site.shares, start=1):
        called[(draws >= bound) & (draws < bound + share)] = number
        bound += share
    missing = chance.random(people) < 0.002
    genotypes = [f"{a}|{b}" for a, b in called.tolist()]
    for at in np.flatnonzero(missing):
        genotypes[int(at)] = ".|."
    total = 2 * int(people - missing.sum())
    counts = [int((called[~missing] == n + 1).sum()) for n in range(len(site.alternates))]
    info = f"AC={','.join(map(str, counts))};AN={total};AF={','.join(f'{c / max(total, 1):.6g}' for c in counts)}"
    annotations = [f"{alt}|{site.consequence}|{IMPACT[site.consequence]}|{site.gene}" for alt in site.alternates]
    info += ";ANN=" + ",".join(annotations)
    fields = [
        site.contig,
        str(site.position),
        site.identifier,
        site.reference,
        ",".join(site.alternates),
        ".",
        "PASS",
        info,
    ]
    return "\t".join([*fields, "GT", *genotypes]) + "\n"
