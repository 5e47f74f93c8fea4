"""Whose genotypes a file holds: its sample names as ordinals of individuals, and a record's calls as sets of people."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap
from sqlalchemy import Connection, select

from adapters.catalog.models import Individual, Membership, Sample
from adapters.variants.carriers import encode
from adapters.variants.vcf import ABSENT, InvalidVariantFile

Calls = NDArray[np.int16]


class UnknownSample(InvalidVariantFile):
    """A sample name of the file is nobody, or several people, of the data set."""


@dataclass(frozen=True, slots=True)
class Called:
    """The encoded sets of one allele (see ``VariantRow``); null where empty."""

    carriers: bytes
    homozygotes: bytes | None
    single: bytes | None
    uncalled: bytes | None
    carrier_count: int
    allele_count: int
    allele_number: int


class Cohort:
    """The people behind a file's sample columns; two samples of one person count as that person once."""

    def __init__(self, ordinals: Sequence[int]) -> None:
        self._ordinals, self._group = np.unique(np.asarray(ordinals, dtype=np.uint32), return_inverse=True)
        self._one_each = len(self._ordinals) == len(ordinals)

    @property
    def people(self) -> BitMap:
        """Ordinals of everyone in the file."""
        return BitMap(self._ordinals.tolist())

    def alleles(self, calls: Calls, alternates: Sequence[int]) -> Iterator[Called | None]:
        """For each allele number of ``alternates`` who carries it, or None if nobody does.

        :raises ValueError: for a genotype of more than two alleles.
        """
        first, second = _two_columns(calls)
        called = self._per_person((first >= 0).astype(np.int8) + (second >= 0))
        single, uncalled = self._encoded(called == 1), self._encoded(called == 0)
        for number in alternates:
            copies = self._per_person((first == number).astype(np.int8) + (second == number))
            carrier_count = int(np.count_nonzero(copies))
            if not carrier_count:
                yield None
                continue
            yield Called(
                encode(self._set(copies > 0)),
                self._encoded(copies > 1),
                single,
                uncalled,
                carrier_count,
                int(copies.sum()),
                int(called.sum()),
            )

    def _per_person(self, counts: NDArray[Any]) -> NDArray[Any]:
        """The largest count over a person's samples, in the order of ordinals."""
        most = np.zeros(len(self._ordinals), dtype=counts.dtype)
        if self._one_each:
            most[self._group] = counts
        else:
            np.maximum.at(most, self._group, counts)
        return most

    def _set(self, chosen: NDArray[np.bool_]) -> BitMap:
        return BitMap(array("I", self._ordinals[chosen].tobytes()))

    def _encoded(self, chosen: NDArray[np.bool_]) -> bytes | None:
        return encode(self._set(chosen)) if chosen.any() else None


def _two_columns(calls: Calls) -> tuple[Calls, Calls]:
    if calls.shape[1] == 1:
        return calls[:, 0], np.full(len(calls), ABSENT, dtype=np.int16)
    if calls.shape[1] > 2 and (calls[:, 2:] != ABSENT).any():
        raise ValueError("a genotype has more than two alleles; only haploid and diploid calls can be loaded")
    return calls[:, 0], calls[:, 1]


def cohort(connection: Connection, dataset: str, samples: Sequence[str], file: str) -> Cohort:
    """The individuals of a file's samples: by ``sample.name`` in the data set, else by a member's accession or name.

    :raises UnknownSample: naming the samples and the file, if one is nobody or several people.
    """
    known = _names(connection, dataset)
    ordinals: list[int] = []
    problems: list[str] = []
    for name in samples:
        found = next((names[name] for names in known if name in names), set())
        if len(found) == 1:
            ordinals += found
        else:
            problems.append(f"{name} ({'unknown' if not found else 'several individuals'})")
    if problems:
        shown = ", ".join(problems[:5]) + (f" and {len(problems) - 5} more" if len(problems) > 5 else "")
        allowed = "sample names, individual accessions and individual names of the data set"
        raise UnknownSample(f"{file}: samples not in data set {dataset}: {shown}; allowed: {allowed}")
    return Cohort(ordinals)


def _names(connection: Connection, dataset: str) -> list[Mapping[str, set[int]]]:
    by_sample = (
        select(Sample.name, Individual.ordinal)
        .join(Individual, Individual.accession == Sample.individual)
        .where(Sample.dataset == dataset)
    )
    members = (
        select(Individual.accession, Individual.name, Individual.ordinal)
        .join(Membership, Membership.individual == Individual.accession)
        .where(Membership.dataset == dataset)
    )
    samples: dict[str, set[int]] = {}
    accessions: dict[str, set[int]] = {}
    names: dict[str, set[int]] = {}
    for name, ordinal in connection.execute(by_sample):
        samples.setdefault(name, set()).add(ordinal)
    for accession, name, ordinal in connection.execute(members):
        accessions.setdefault(accession, set()).add(ordinal)
        names.setdefault(name, set()).add(ordinal)
    return [samples, accessions, names]
