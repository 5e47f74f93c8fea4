"""Guards genotypes: before data are read it decides what a question costs, debits it, or closes data sets to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.terms.bins import Bins
from adapters.terms.vocabulary import COHORT
from adapters.variants.published import PublicVariants, Released, block, canonical, one_allele
from adapters.variants.query import VariantQuery
from auth.budget import Budgets, Charge
from auth.caller import Caller
from auth.information import anonymous_minimum, price
from auth.protection import Protections, organisation, person
from node.beacon.access import Access
from node.beacon.question import VARIANT, Members, Question


@dataclass(frozen=True)
class Asked:
    """A question as it is priced.

    :param alleles: what it says of alleles: request parameters or an internal id; of several questions, each.
    :param narrowed: it narrows people down by anything but their genotypes.
    :param words: all of it, for telling it from others.
    :param numbers: answers are numbers.
    :param datasets: of which it can be met at all; None: of every one that is asked.
    """

    alleles: Sequence[VariantQuery | str]
    narrowed: bool
    words: str
    numbers: bool
    datasets: Collection[str] | None = None

    @property
    def one_allele(self) -> bool:
        """Whether it asks who carries one allele, and nothing else."""
        return not self.narrowed and len(self.alleles) == 1 and one_allele(self.alleles[0])


@dataclass(frozen=True)
class Guard:
    """The protection of a member's people from those who may not see their records.

    :param published: what is public of variants.
    :param clock: epoch seconds.
    """

    protections: Protections
    budgets: Budgets
    published: PublicVariants
    bins: Bins | None
    clock: Callable[[], float] = time.time

    def admit(
        self,
        caller: Caller,
        asked: Sequence[Asked],
        access: Access,
        members: Callable[[], Members],
        require: Callable[[Access, Members], None],
    ) -> Access:
        """What the caller may learn once the question is paid for.

        Nothing of anybody's genotypes is read, and nothing that is decided here depends on them.

        :param asked: what is asked of genotypes: several questions where one request has an answer to each, which
            are paid for together or not at all.
        :param members: the people who exist, by data set.
        :param require: raises for what has no answer; asked of what is to be paid for, which is then not charged.
        :raises auth.budget.BudgetExhausted: if a budget does not pay for it; then nothing is charged.
        """
        access = self.protected(access)
        limited = [dataset for dataset, granularity in access.granted.items() if granularity != "record"]
        if not asked or not limited:
            return access
        guarded = [dataset for dataset in limited if self.protections[dataset].budget is not None]
        released = self.published.released(guarded)
        everyone = members()
        sizes = {dataset: len(people) for dataset, people in everyone.items() if dataset in released and people}
        if caller.subject is None:
            return self._anonymous(asked, access, released, sizes)
        if sizes:
            require(access, everyone)
        charges = [charge for one in asked for charge in self._charges(one, access, released, sizes)]
        self.budgets.debit(person(caller), organisation(caller, int(self.clock())), charges)
        return access

    def protected(self, access: Access) -> Access:
        """The access with what holds of every question: each data set's floor, bins, and what is told alike."""
        apart = {dataset: self.protections[dataset].apart for dataset in access.granted}
        told_apart = {dataset: number for dataset, number in apart.items() if number > 1}
        return replace(access, floors=self.protections.floors(), bins=self.bins, apart=told_apart)

    def _anonymous(
        self, asked: Sequence[Asked], access: Access, released: Mapping[str, Released], sizes: Mapping[str, int]
    ) -> Access:
        """Who has no budget learns whether one allele is carried by so many that all such answers tell nothing."""
        least: dict[str, int] = {}
        for dataset, people in sizes.items() if len(asked) == 1 and asked[0].one_allele else ():
            minimum = anonymous_minimum(released[dataset].alleles, people, self.protections[dataset].floor)
            if minimum is not None:
                least[dataset] = minimum
        closed = tuple(sorted(set(released) - set(least)))
        granted = {d: "boolean" if d in least and g == "count" else g for d, g in access.granted.items()}
        return replace(access, granted=granted, least=least, closed=closed)

    def _charges(
        self, asked: Asked, access: Access, released: Mapping[str, Released], sizes: Mapping[str, int]
    ) -> list[Charge]:
        frequencies = self._frequencies(asked, list(sizes))
        charges = []
        for dataset, people in sizes.items():
            if asked.datasets is not None and dataset not in asked.datasets:
                continue
            protection = self.protections[dataset]
            numbers = asked.numbers and access.granted[dataset] == "count"
            # Who takes their leave changes answers too: the number of people is part of what a release is.
            release = f"{released[dataset].name}{people}"
            told = hashlib.sha256(f"{numbers} {asked.words}".encode()).hexdigest()
            where = block(asked.alleles[0], protection.block) if len(asked.alleles) == 1 else told
            cost = price(frequencies.get(dataset), people, protection.floor, numbers=numbers)
            charges.append(Charge(dataset, release, told, where, cost, protection))
        return charges

    def _frequencies(self, asked: Asked, datasets: Collection[str]) -> Mapping[str, float]:
        return self.published.frequencies(asked.alleles[0], datasets) if datasets and asked.one_allele else {}


def asked_of(
    question: Question, narrowed: bool, numbers: bool, datasets: Collection[str] | None = None
) -> Asked | None:
    """What a Beacon question asks of genotypes.

    :param narrowed: see :class:`Asked`, as for ``datasets``.
    """
    # One person alone is never above a floor: there is nothing to charge for.
    one_person = any(kind not in (VARIANT, COHORT) for kind, _ in question.named)
    if not question.genotypes or one_person:
        return None
    named = question.entry if question.entry_type == VARIANT else question.allele
    alleles = named or question.variant or VariantQuery()
    rest = replace(question, variant=None)
    return Asked((alleles,), narrowed, f"{canonical(alleles)} {rest!r}", numbers, datasets)
