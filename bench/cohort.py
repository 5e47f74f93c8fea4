"""A made cohort: alleles with the frequency spectrum and density of 1000 Genomes phase 3 over 2,504 people.

Of that project's 84 million variants 64 are below 0.5 %, 12 below 5 % and 8 above; a chromosome has 29 per kilobase.
Who carries an allele is drawn at random: real carriers are related, so that real sets are smaller than these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PEOPLE = 2504
PER_BASE = 0.029
FIRST = 10_600_000  # 1-based position of the first allele on chromosome 22 of GRCh38
CONTIG, LENGTH = "22", 50_818_468
BLOCK = 5000
# Share of alleles, and the range of allele counts in 5,008 chromosomes.
SPECTRUM = ((0.76, 1, 25), (0.14, 26, 250), (0.10, 251, 4500))


@dataclass(frozen=True, slots=True)
class Site:
    """An allele at a 1-based position; ``chromosomes`` are those of the 5,008 that have it (person = half)."""

    position: int
    ref: str
    alt: str
    chromosomes: NDArray[np.int64]


def sites(number: int, seed: int) -> Iterator[Site]:
    """``number`` alleles in order of position; a longer series begins as a shorter one of the same seed does."""
    random = np.random.default_rng(seed)
    position = float(FIRST)
    for begin in range(0, number, BLOCK):
        size = min(BLOCK, number - begin)
        steps = random.exponential(1 / PER_BASE, BLOCK)
        bases = random.integers(0, 4, (BLOCK, 2))
        counts = _counts(random)
        for k in range(size):
            position += 1 + steps[k]
            ref, alt = int(bases[k, 0]), int(bases[k, 0] + 1 + bases[k, 1] % 3) % 4
            yield Site(int(position), "ACGT"[ref], "ACGT"[alt], _drawn(random, int(counts[k])))


def _counts(random: np.random.Generator) -> NDArray[np.int64]:
    """Allele counts: in each class as frequent as they are rare, as a population that does not grow has them."""
    classes = random.choice(len(SPECTRUM), BLOCK, p=[share for share, _, _ in SPECTRUM])
    low = np.array([low for _, low, _ in SPECTRUM])[classes]
    high = np.array([high for _, _, high in SPECTRUM])[classes]
    drawn: NDArray[np.int64] = np.floor(low * ((high + 1) / low) ** random.random(BLOCK)).astype(np.int64)
    return drawn


def _drawn(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    if count <= 64:
        drawn = np.unique(random.integers(0, 2 * PEOPLE, count))
        if len(drawn) == count:
            return drawn
    return np.sort(random.permutation(2 * PEOPLE)[:count])


def names() -> list[str]:
    """Sample names, by person."""
    return [f"HG{number:05}" for number in range(PEOPLE)]


def genotypes(site: Site, calls: NDArray[np.int32]) -> None:
    """Fill ``calls``, two allele numbers a person."""
    calls[:] = 0
    calls.reshape(-1)[site.chromosomes] = 1


def header() -> bytes:
    """Header of a VCF file of the cohort."""
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={CONTIG},length={LENGTH}>",
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names()]),
    ]
    return ("\n".join(lines) + "\n").encode()


def line(site: Site) -> bytes:
    """A line of a VCF file of the cohort, phased as the real one is."""
    calls = np.full(4 * PEOPLE, ord("0"), dtype=np.uint8)
    calls[1::4], calls[3::4] = ord("|"), ord("\t")
    calls[2 * site.chromosomes] = ord("1")
    calls[-1] = ord("\n")
    about = f"{CONTIG}\t{site.position}\t.\t{site.ref}\t{site.alt}\t100\tPASS\tAC={len(site.chromosomes)}\tGT\t"
    return about.encode() + calls.tobytes()
