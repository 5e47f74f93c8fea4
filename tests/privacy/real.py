"""The people of the shared data, with their real genotypes, drawn into a data set and others of the same origin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cyvcf2 import VCF

from tests.privacy.cohort import Cohort, Matrix

APART = 10_000_000  # bases by which the second chromosome's alleles stand behind the first's


def cohort(files: list[Path], seed: int) -> Cohort:
    """Half of the people that all files have, chosen by lot, are in the data set.

    Of several alleles at one place the first is taken; frequencies are those of everybody together.
    """
    readers = [VCF(str(path)) for path in files]
    shared = sorted(set.intersection(*(set(reader.samples) for reader in readers)))
    columns: list[Matrix] = []
    starts: list[int] = []
    for number, reader in enumerate(readers):
        order = [reader.samples.index(name) for name in shared]
        before, taken = (starts[-1] + APART if starts else 0), set()
        for record in reader:
            copies = (record.genotype.array()[order, :2] == 1).sum(axis=1).astype(np.int8)
            if record.start not in taken and 0 < copies.sum() < 2 * len(shared):
                taken.add(record.start)
                columns.append(copies)
                starts.append(record.start + (before if number else 0))
    genotypes = np.stack(columns, axis=1)
    lot = np.random.default_rng(seed).permutation(len(shared))
    half = len(shared) // 2
    frequencies = genotypes.mean(axis=0) / 2
    return Cohort(genotypes[lot[:half]], genotypes[lot[half : 2 * half]], frequencies, np.array(starts, dtype=np.int64))
