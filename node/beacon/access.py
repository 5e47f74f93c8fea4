"""How much of an answer a caller may see: granularity per data set, and the floor under every public number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from adapters.catalog.catalog import DatasetRecord
from adapters.terms.filters import Listed
from auth.caller import Caller
from auth.policy import DatasetRule, Floor, Granularity, Policy
from node.beacon.question import VARIANT, Members, Question

ORDER = {"boolean": 0, "count": 1, "record": 2}


@dataclass(frozen=True)
class Access:
    """What a caller may learn of each data set that a question is put to.

    :param granted: data set → granularity.
    """

    granted: Mapping[str, Granularity]
    floor: Floor

    def returned(self, requested: str) -> str:
        """The granularity of the whole answer: the finest granted for any data set, never finer than requested."""
        finest = max(self.granted.values(), key=lambda g: ORDER[g], default="boolean")
        return min(finest, requested, key=lambda g: ORDER[g])

    def full(self) -> list[str]:
        """Data sets whose records the caller may see."""
        return [dataset for dataset, granularity in self.granted.items() if granularity == "record"]

    def exact(self) -> bool:
        """Whether numbers are of everyone who meets the question: no data set hides anybody from this caller."""
        return all(granularity == "record" for granularity in self.granted.values())

    def shown(self, people: Members) -> Members:
        """The people of whom an answer may say that they exist: all of full data sets, and of the others those of
        data sets whose number reaches the floor. Below it, an answer is the same as where nobody meets the question.
        """
        return {d: of for d, of in people.items() if of and (self._is_full(d) or self.floor.apply(len(of)) is not None)}

    def count(self, people: Members) -> int:
        """How many people may be told of, each once: those of full data sets exactly, the others by the floor."""
        shown = self.shown(people)
        exact = BitMap().union(*(of for d, of in shown.items() if self._is_full(d)))
        counted = BitMap().union(*(of for d, of in shown.items() if self.granted[d] == "count"))
        return len(exact) + (self.floor.apply(len(counted - exact)) or 0)

    def set_count(self, dataset: str, entries: int) -> int:
        """The number to show of ``entries`` in a data set that is shown; 0 where only existence may be told."""
        if self._is_full(dataset):
            return entries
        return 0 if self.granted[dataset] == "boolean" else self.floor.apply(entries) or 0

    def listed(self, members: Members) -> Listed:
        """Whether a term that no ontology has may be known to exist, given the people who have it."""
        exact = BitMap().union(*(of for d, of in members.items() if self._is_full(d)))
        others = BitMap().union(*(of for d, of in members.items() if not self._is_full(d)))

        def listed(people: BitMap) -> bool:
            known = len(people & others)
            return bool(people & exact) or (known > 0 and self.floor.apply(known) is not None)

        return listed

    def _is_full(self, dataset: str) -> bool:
        return self.granted[dataset] == "record"


def decide(
    policy: Policy, floor: Floor, caller: Caller, datasets: Sequence[DatasetRecord], question: Question, now: int
) -> Access:
    """Access of ``caller`` to the answer of ``question``.

    Alleles are no people: a number of them would tell of single carriers, so who may not see the records of a data
    set learns only whether enough people carry one.
    """
    granted: dict[str, Granularity] = {}
    for dataset in datasets:
        rule = DatasetRule(dataset.accession, dataset.tier, dataset.records, dataset.dac)
        granularity = policy.granularity(caller, rule, now, genotypes=question.genotypes)
        alleles = question.entry_type == VARIANT and granularity == "count"
        granted[dataset.accession] = "boolean" if alleles else granularity
    return Access(granted, floor)
