"""The kernel: checks the genotypes of one line."""

from __future__ import annotations

import numpy as np

from adapters.qc.compiled import compiled
from adapters.qc.tally import Bytes

TAB, COLON, SLASH, BAR, DOT, ZERO, NINE = 9, 58, 47, 124, 46, 48, 57
NONE = -1


@compiled
def check_genotypes(line: Bytes, start: int, genotyped: bool, alleles: int, ploidy: int) -> tuple[int, int, int, int]:
    """Go over the samples of ``line[start:]``.

    :param genotyped: whether their first field is GT; ``alleles`` counts REF and every ALT.
    :param ploidy: that is expected; 0 for that of the first genotype.
    :returns: samples; the first (0-based) with a wrong genotype and the first with another ploidy (:data:`NONE` if
        there is none); the expected ploidy (0 if still unknown). A single ``.`` tells nothing of ploidy.
    """
    at = start
    samples = 0
    wrong = other = NONE
    while True:
        copies = 0
        good = True
        called = False
        if genotyped:
            at, copies, good, called = genotype(line, at, alleles)
        while at < len(line) and line[at] != TAB:
            at += 1
        if genotyped and not good and wrong == NONE:
            wrong = samples
        if genotyped and good and (called or copies > 1):
            if ploidy == 0:
                ploidy = copies
            elif copies != ploidy and other == NONE:
                other = samples
        samples += 1
        if at >= len(line):
            return samples, wrong, other, ploidy
        at += 1


@compiled
def genotype(line: Bytes, at: int, alleles: int) -> tuple[int, int, bool, bool]:
    """Read a genotype: where it ends, how many alleles it has, whether it is right, whether any allele is known."""
    copies = 0
    called = False
    if at < len(line) and (line[at] == SLASH or line[at] == BAR):
        at += 1  # phase of the first allele, since VCF 4.4
    while True:
        begin = at
        number = 0
        while at < len(line) and ZERO <= line[at] <= NINE and at - begin < 9:
            number = number * 10 + int(np.int64(line[at])) - ZERO
            at += 1
        if at > begin:
            called = True
            if number >= alleles:
                return at, copies, False, called
        elif at < len(line) and line[at] == DOT:
            at += 1
        else:
            return at, copies, False, called
        copies += 1
        if at >= len(line) or line[at] == TAB or line[at] == COLON:
            return at, copies, True, called
        if line[at] != SLASH and line[at] != BAR:
            return at, copies, False, called
        at += 1
