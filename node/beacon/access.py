"""How much of an answer a caller may see: granularity per data set, and the floor under every public number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyroaring import BitMap

from adapters.catalog.catalog import DatasetRecord
from adapters.terms.bins import Bins
from adapters.terms.filters import Listed, People
from adapters.terms.vocabulary import INDIVIDUAL
from auth.caller import Caller
from auth.policy import DatasetRule, Floor, Granularity, Policy, strictest
from node.beacon.differences import told_alike
from node.beacon.question import VARIANT, Members, Question, Search

ORDER = {"boolean": 0, "count": 1, "record": 2}


@dataclass(frozen=True)
class Met:
    """Who meets a question, and by data set what question that is."""

    people: Members
    questions: Mapping[str, Question]


@dataclass(frozen=True)
class Access:
    """What a caller may learn of each data set that a question is put to.

    :param granted: data set → granularity.
    :param floor: of every data set that has none in ``floors``.
    :param least: fewest carriers for a yes at a data set, where it is more than its floor says.
    :param closed: data sets that tell this caller nothing of genotypes without a sign-in.
    :param bins: on which filters by ages and numbers fall where records may not be seen; None: as they are.
    :param apart: by how many people questions without genotypes must differ to be told apart; absent: by one.
    """

    granted: Mapping[str, Granularity]
    floor: Floor
    floors: Mapping[str, Floor] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    closed: tuple[str, ...] = ()
    bins: Bins | None = None
    apart: Mapping[str, int] = field(default_factory=dict)

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
        return {d: of for d, of in people.items() if of and (self._is_full(d) or self._tells(d, len(of)))}

    def count(self, people: Members) -> int:
        """How many people may be told of, each once: those of full data sets exactly, the others by the floor."""
        shown = self.shown(people)
        exact = BitMap().union(*(of for d, of in shown.items() if self._is_full(d)))
        counted = {d: of for d, of in shown.items() if self.granted[d] == "count"}
        others = len(BitMap().union(*counted.values()) - exact)
        return len(exact) + (self._strictest(counted).apply(others) or 0)

    def set_count(self, dataset: str, entries: int) -> int:
        """The number to show of ``entries`` in a data set that is shown; 0 where only existence may be told."""
        if self._is_full(dataset):
            return entries
        return 0 if self.granted[dataset] == "boolean" else self._floor(dataset).apply(entries) or 0

    def sum_count(self, entries: Mapping[str, int]) -> int:
        """The number to show of entries that each are of one data set only."""
        counted = {dataset: number for dataset, number in entries.items() if self.granted[dataset] == "count"}
        return self._strictest(counted).apply(sum(counted.values())) or 0

    def listed(self, members: Members) -> Listed:
        """Whether a term that no ontology has may be known to exist, given the people who have it: of those who have
        it in a data set, what is told is that data set's.
        """
        limited = [d for d in members if not self._is_full(d)]
        floor = self._strictest(limited)

        def listed(people: People) -> bool:
            of = people if isinstance(people, Mapping) else {d: people & everyone for d, everyone in members.items()}
            seen = BitMap().union(*(of[d] for d in of if self._is_full(d)))
            hidden = BitMap().union(*(of[d] for d in of if not self._is_full(d)))
            return bool(seen) or (bool(hidden) and floor.apply(len(hidden)) is not None)

        return listed

    def coarse(self, question: Question) -> Question:
        """What is asked of data sets whose records the caller may not see.

        :raises adapters.terms.errors.InvalidFilter: for a comparison that takes access to the records.
        """
        if self.bins is None or self.exact():
            return question
        filters = self.bins.coarse(question.filters)
        return question if filters == question.filters else replace(question, filters=filters)

    def met(self, search: Search, question: Question, members: Members) -> Met:
        """Who meets the question: exactly in full data sets; in the others by whole bins, and without filters that
        take few people away.

        :raises adapters.terms.errors.FilterError: see :meth:`Search.met`.
        """
        coarse = self.coarse(question)
        found = search.met(question, members, self.listed(members))
        limited = {d: of for d, of in members.items() if not self._is_full(d)}
        if coarse is not question:
            found |= search.met(coarse, limited, lambda _people: True)
        answered = {dataset: coarse if dataset in limited else question for dataset in found}
        if self.apart and not question.genotypes and limited:
            about = {dataset: found[dataset] for dataset in limited}
            for dataset, (asked, people) in told_alike(search, coarse, limited, about, self.apart).items():
                answered[dataset], found[dataset] = asked, people
        return Met(found, answered)

    def require_filters(self, search: Search, question: Question, members: Members) -> None:
        """Read what the question's filters ask for, but no genotypes: for who must know before it is paid for.

        :raises adapters.terms.errors.FilterError: where :meth:`met` would, for the same filter.
        """
        if question.filters:
            self.coarse(question)
            search.met(Question(INDIVIDUAL, question.filters), members, self.listed(members))

    def told(self, question: Question) -> dict[str, Any]:
        """What an answer says of itself: whether its numbers are exact, which filters were coarser than asked for,
        and which data sets say more to who signs in.
        """
        about: dict[str, Any] = {"exact": self.exact()}
        coarse = self.coarse(question)
        if coarse is not question:
            about["filters"] = [str(filter) for filter in coarse.filters]
        return about | ({"signIn": list(self.closed)} if self.closed else {})

    def _floor(self, dataset: str) -> Floor:
        return self.floors.get(dataset, self.floor)

    def _tells(self, dataset: str, number: int) -> bool:
        enough = dataset not in self.closed and number >= self.least.get(dataset, 0)
        return enough and self._floor(dataset).apply(number) is not None

    def _strictest(self, datasets: Collection[str]) -> Floor:
        return strictest(*(self._floor(dataset) for dataset in datasets)) if datasets else self.floor

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
