"""Whose genotypes a file holds: its sample names as ordinals of individuals, and a record's calls as sets of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap
from sqlalchemy import Connection, select

from adapters.catalog.models import Individual, Membership, Sample
from adapters.variants import kernel
from adapters.variants.carriers import SMALL, encode, smallest
from adapters.variants.kernel import Calls
from adapters.variants.lines import InvalidVariantFile


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


class Cohort:
    """The people behind a file's sample columns; two samples of one person count as that person once.

    :param ordinals: of each sample's person, in the order of the columns.
    """

    def __init__(self, ordinals: Sequence[int]) -> None:
        self.ordinals = tuple(ordinals)
        self._ordinals, persons = np.unique(np.asarray(ordinals, dtype=np.int64), return_inverse=True)
        self._persons = persons.astype(np.int64)
        size = len(self._ordinals)
        self._called = np.zeros(size, dtype=np.uint8)
        self._copies = np.zeros(size, dtype=np.uint8)
        self._out = np.zeros(kernel.SPARSE * size + SMALL + 8, dtype=np.uint8)
        self._about = np.zeros(1, dtype=np.int64)

    @property
    def people(self) -> BitMap:
        """Ordinals of everyone in the file."""
        return BitMap(self._ordinals.tolist())

    def alleles(self, calls: Calls, alternates: Sequence[int]) -> Iterator[Called | None]:
        """For each allele number of ``alternates`` who carries it, or None if nobody does.

        :param calls: a row per sample with its two allele numbers, ``MISSING`` or ``ABSENT``.
        """
        allele_number = kernel.called(calls, self._persons, self._called)
        single = uncalled = None
        if allele_number < 2 * len(self._called):
            single, uncalled = self._encoded(self._called, 1, 1), self._encoded(self._called, 0, 0)
        for number in alternates:
            allele_count = kernel.carried(calls, self._persons, number, self._copies)
            if not allele_count:
                yield None
                continue
            carriers = self._encoded(self._copies, 1, 2) or b""
            carrier_count = int(self._about[0])
            homozygotes = self._encoded(self._copies, 2, 2) if allele_count > carrier_count else None
            yield Called(carriers, homozygotes, single, uncalled, carrier_count)

    def _encoded(self, states: kernel.States, low: int, high: int) -> bytes | None:
        size = kernel.encoded(states, low, high, self._ordinals, self._out, self._about)
        if size == 0:
            return None
        if size > 0:
            return self._out[:size].tobytes()
        people = BitMap(self._ordinals[(states >= low) & (states <= high)].tolist())
        return encode(people) if size == kernel.SPREAD else smallest(people, self._out[:-size].tobytes())


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
