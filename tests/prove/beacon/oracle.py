"""What every question must be answered with: the files read with plain Python, everything looked at every time.

Shares no code with the node; of the answer it knows what the standard and docs/privacy.md say. It remembers what was
paid: questions must be put to it in the order in which they were asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.adapters.variants import oracle as alleles
from tests.prove.beacon import bins, payment, public
from tests.prove.beacon.asked import Asked
from tests.prove.beacon.budgets import Accounts
from tests.prove.beacon.conditions import IMAGING, SPECIMENS, Conditions, Refused
from tests.prove.beacon.files import Holdings, Members, allele_id

Filters = list[tuple[dict[str, Any], str]]
OWNED = ("biosample", "run", "analysis", "imagingStudy", "imagingSeries")


@dataclass
class Expected:
    """What an answer must say; ``results`` are ids in their order by data set.

    :param collections: the one list of a collection, else None.
    :param coarse: the filters that are answered where records may not be seen, if they differ from those asked.
    :param sign_in: data sets that say more to who signs in.
    """

    granularity: str
    exists: bool
    number: int
    counts: dict[str, int] = field(default_factory=dict)
    results: dict[str, list[str]] = field(default_factory=dict)
    collections: list[str] | None = None
    exact: bool = True
    coarse: list[str] | None = None
    sign_in: tuple[str, ...] = ()


class Exhausted(Exception):
    """A budget does not pay for the question at these data sets."""

    def __init__(self, datasets: set[str]) -> None:
        super().__init__(", ".join(sorted(datasets)))


class Oracle:
    """Answers questions."""

    def __init__(self, holdings: Holdings) -> None:
        self.files = holdings
        self.accounts = Accounts()

    def answer(self, asked: Asked) -> Expected | Refused | Exhausted:
        """What the answer must say; a question that is answered is paid."""
        try:
            answer = Answer(self.files, asked)
        except Refused as refused:
            return refused
        if answer.sight.caller.name is not None:
            short = self.accounts.pay(answer.sight.caller, payment.charges(answer))
            if short:
                return Exhausted(short)
        return answer.expected()


class Answer(Conditions):
    def __init__(self, files: Holdings, asked: Asked) -> None:
        self.files = files
        self.asked = asked
        self.collection = asked.kind in ("dataset", "cohort")
        self.about = "individual" if self.collection else asked.kind
        self.within = asked.within if asked.within is None or asked.within[0] != "dataset" else None
        scopes = [self._static(f, asked.kind) for f in asked.filters]
        self.datasets = self._eligible([f for f, s in zip(asked.filters, scopes, strict=True) if s == "dataset"])
        exist = {d: set(files.sets[d].people) - files.withdrawn for d in self.datasets}
        self.members: Members = exist
        self.filters = [(f, self._scope(f)) for f, s in zip(asked.filters, scopes, strict=True) if s != "dataset"]
        self.answered = dict.fromkeys(self.datasets, self.filters)
        caller = public.caller(asked.token)
        self.exact = all(dataset in caller.records for dataset in self.datasets)
        self.coarse = self.filters if self.exact else self._coarse()
        self.sight = payment.sight(self, caller)

    def _coarse(self) -> Filters:
        try:
            return [(coarse, scope) for filter, scope in self.filters for coarse in bins.coarse(filter)]
        except bins.Unanswered as comparison:
            raise Refused(f"{comparison} takes access to the records") from comparison

    @property
    def genotypes(self) -> bool:
        allele = self.within is not None and self.within[0] == "genomicVariant"
        return self.asked.kind == "genomicVariant" or self.asked.variant is not None or allele

    @property
    def narrowed(self) -> bool:
        """Whether people are narrowed down by anything but genotypes."""
        return bool(self.filters) or (self.within is not None and self.within[0] != "genomicVariant")

    def expected(self) -> Expected:
        if self.collection:
            return self._collections()
        found = self._told_of(self.within)
        granularity = self._granularity()
        if self.asked.kind == "genomicVariant":
            expected = self._variants(found, granularity)
        elif self.asked.kind in OWNED:
            expected = self._entries(found, granularity)
        else:
            expected = self._individuals(found, granularity)
        given = [f for f in self.asked.filters if f not in [known for known, _ in self.filters]]  # of data sets
        expected.exact, expected.sign_in = self.exact, tuple(sorted(self.sight.closed))
        texts = [[_text(f) for f, _ in filters] for filters in (self.filters, self.coarse)]
        if texts[0] != texts[1]:
            expected.coarse = [_text(f) for f in given] + texts[1]
        return expected

    # What is told

    def _granularity(self) -> str:
        order = ("boolean", "count", "record")
        granted = [self._granted(d) for d in self.datasets] or ["boolean"]
        return order[min(max(map(order.index, granted)), order.index(self.asked.granularity))]

    def _granted(self, dataset: str) -> str:
        granularity = self.sight.granularity(dataset)
        return "boolean" if self.asked.kind == "genomicVariant" and granularity == "count" else granularity

    def _full(self, dataset: str) -> bool:
        return self._granted(dataset) == "record"

    def _set_count(self, dataset: str, number: int) -> int:
        if self._full(dataset):
            return number
        return 0 if self._granted(dataset) == "boolean" else public.floor(number) or 0

    def _page(self, ids: list[Any]) -> list[Any]:
        limit = self.asked.limit or 1000
        return ids[self.asked.skip * limit :][:limit]

    def _individuals(self, found: Members, granularity: str) -> Expected:
        counts = {d: self._set_count(d, len(found[d])) for d in self.sight.shown(found)}
        everyone = set().union(*(who for d, who in found.items() if self._full(d)))
        page = self._page(sorted(everyone, key=self.files.order.__getitem__))
        results = {d: [p for p in page if p in who] for d, who in found.items() if self._full(d)}
        return Expected(granularity, bool(counts), self.sight.number(found), counts, results)

    def _entries(self, found: Members, granularity: str) -> Expected:
        entries = {d: sorted(self._owned(d, found[d])) for d in self.datasets}
        told = self.sight.shown(found)
        counts = {d: self._set_count(d, len(entries[d])) for d in told}
        full = sorted((id, d) for d, ids in entries.items() if self._full(d) for id in ids)
        shown = [d for d in told if not self._full(d) and self._granted(d) == "count"]
        number = len(full) + (public.floor(sum(len(entries[d]) for d in shown)) or 0)
        page = self._page(full)
        results = {d: [id for id, of in page if of == d] for d in self.datasets if self._full(d)}
        return Expected(granularity, bool(counts), number, counts, results)

    def _variants(self, found: Members, granularity: str) -> Expected:
        keys: dict[str, set[Any]] = {}
        counts: dict[str, int] = {}
        for dataset, who in found.items():
            of_people, carriers, sites = self._alleles(dataset, who)
            if self._full(dataset):
                keys[dataset] = of_people | sites
                if keys[dataset]:
                    counts[dataset] = len(keys[dataset])
            elif sites or self.sight.tells(dataset, len(carriers)):
                counts[dataset] = 0
        everything = sorted(set().union(*keys.values()))
        page = self._page(everything)
        results = {d: [allele_id(key) for key in page if key in of] for d, of in keys.items()}
        return Expected(granularity, bool(counts), len(everything), counts, results)

    def _alleles(self, dataset: str, who: set[str]) -> tuple[set[Any], set[str], set[Any]]:
        """(alleles that any of ``who`` carries, who of them does, alleles that are listed without genotypes)."""
        keys, carriers, sites = set(), set(), set()
        for line in self.matching(dataset):
            if line.site is not None:
                sites.add(line.key)
                continue
            of = {self.files.names[n] for n, copies in line.copies.items() if copies} & who
            if of:
                keys.add(line.key)
                carriers |= of
        return keys, carriers, set() if self.narrowed else sites

    def _collections(self) -> Expected:
        if self.asked.kind == "dataset":
            named = [d for d in self.datasets if self.asked.entry in (None, d)]
            if self.asked.variant is not None or self.narrowed:
                told = self.sight.shown(self._told_of(None))
                named = [d for d in named if d in told]
        else:
            named = self.cohorts()
            if self.asked.variant is not None or self.narrowed:
                named = [cohort for cohort in named if self._cohort_told(cohort)]
        named = sorted(named)
        return Expected(self.asked.granularity, bool(named), len(named), collections=self._page(named))

    def cohorts(self) -> list[str]:
        """The cohorts that exist and are meant."""
        return [c for d in self.datasets for c in self.files.sets[d].cohorts if self.asked.entry in (None, c)]

    def _cohort_told(self, cohort: str) -> bool:
        return bool(self.sight.shown(self._told_of(("cohort", cohort))))

    # Who meets it

    def _eligible(self, filters: list[dict[str, Any]]) -> list[str]:
        asked, found = self.asked, self.files.existing
        if asked.within is not None and asked.within[0] == "dataset":
            found = [d for d in found if d == asked.within[1]]
        considered = found
        for filter in filters:
            if "operator" in filter:
                raise Refused("a term takes no operator")
            uses = {
                d: {t["id"] for t in self.files.sets[d].about.get("duo", {}).get("duoDataUse", ())} for d in considered
            }
            holding = {d for d, terms in uses.items() if any(self._is(term, filter) for term in terms)}
            if not holding and not self.files.in_ontology(filter["id"]):
                raise Refused("unknown use")
            found = [d for d in found if d in holding]
        return found

    def _told_of(self, within: tuple[str, str] | None) -> Members:
        """Who meets the question: exactly where records may be seen, elsewhere by bins and without what takes few."""
        found = self._met(within, self.filters)
        for dataset in self.datasets:
            if not self.sight.full(dataset):
                kept = self.coarse if self.genotypes else self._without_few(dataset, within)
                self.answered[dataset] = kept
                found[dataset] = self._met(within, kept)[dataset]
        return found

    def _without_few(self, dataset: str, within: tuple[str, str] | None) -> Filters:
        kept = [one for place, one in enumerate(self.coarse) if one not in self.coarse[:place]]
        while True:
            number = len(self._met(within, kept)[dataset])
            taken = [(len(self._met(within, _less(kept, one))[dataset]) - number, _order(one), one) for one in kept]
            few = [one for one in taken if 0 < one[0] < public.APART]
            if not few:
                return kept
            kept = _less(kept, min(few, key=lambda one: one[:2])[2])

    def _met(self, within: tuple[str, str] | None, filters: Filters) -> Members:
        self.using = filters
        found = {d: set(who) for d, who in self.members.items()}
        for dataset, who in found.items():
            one = self.files.sets[dataset]
            for filter, scope in filters:
                if scope == "individual":
                    who &= {p for p in who if self._holds(filter, one.people[p])}
            if within is not None:
                who &= self._of_parent(dataset, within)
            if self.asked.kind == "individual" and self.asked.entry is not None and not self.collection:
                who &= {self.asked.entry}
            for kinds in (SPECIMENS, IMAGING):
                who &= self._of_family(dataset, who, kinds)
            if self.genotypes and self.asked.kind != "genomicVariant":
                who &= self._alleles(dataset, who)[1]
        self.using = self.filters
        return found

    def _of_parent(self, dataset: str, parent: tuple[str, str]) -> set[str]:
        kind, id = parent
        one = self.files.sets[dataset]
        if kind == "individual":
            return {id}
        if kind == "cohort":
            return one.cohorts.get(id, set())
        if kind in SPECIMENS:
            return {c.sample["individualId"] for c in one.chains if (c.at(kind) or {}).get("id") == id}
        if kind == "imagingStudy":
            return {study["individualId"] for study, _ in one.series if study["uid"] == id}
        return set(one.people)

    def _of_family(self, dataset: str, who: set[str], kinds: tuple[str, ...]) -> set[str]:
        filters = [f for f, scope in self.using if scope in kinds]
        if self.asked.kind in kinds:
            return {person for person, _ in self._found(dataset, who, self.asked.kind).items()}
        if not filters:
            return who
        if kinds == IMAGING:
            return {s["individualId"] for s, one in self.files.sets[dataset].series if self._all(filters, (s, one))}
        return {c.sample["individualId"] for c in self.files.sets[dataset].chains if self._all(filters, c)}

    def _owned(self, dataset: str, who: set[str]) -> set[str]:
        self.using = self.answered[dataset]
        found = self._found(dataset, who, self.asked.kind)
        self.using = self.filters
        return set().union(*found.values())

    def _found(self, dataset: str, who: set[str], kind: str) -> dict[str, set[str]]:
        """Owner → ids of the entries of ``kind`` that are meant."""
        found: dict[str, set[str]] = {}
        filters = [f for f, scope in self.using if scope in (SPECIMENS if kind in SPECIMENS else IMAGING)]
        for owner, id, ancestors, subject in self._every(dataset, kind):
            named = self.asked.entry in (None, id)
            parent = (
                self.within is None or self.within[0] not in ancestors or ancestors[self.within[0]] == self.within[1]
            )
            if owner in who and named and parent and self._all(filters, subject):
                found.setdefault(owner, set()).add(id)
        return found

    def _every(self, dataset: str, kind: str) -> Iterator[tuple[str, str, dict[str, str], Any]]:
        one = self.files.sets[dataset]
        if kind in SPECIMENS:
            for chain in one.chains:
                entry = chain.at(kind)
                if entry is not None:
                    above = {k: chain.at(k)["id"] for k in SPECIMENS if chain.at(k) is not None}  # type: ignore[index]
                    yield chain.sample["individualId"], entry["id"], above, chain
        else:
            for study, series in one.series:
                id = study["uid"] if kind == "imagingStudy" else series["uid"]
                yield study["individualId"], id, {"imagingStudy": study["uid"]}, (study, series)

    def _all(self, filters: list[dict[str, Any]], subject: Any) -> bool:
        return all(self._holds(filter, subject) for filter in filters)

    # Alleles

    @property
    def allele(self) -> str | None:
        """Id of the one allele that is meant."""
        if self.within is not None and self.within[0] == "genomicVariant":
            return self.within[1]
        return self.asked.entry if self.asked.kind == "genomicVariant" else None

    def matching(self, dataset: str) -> Iterator[alleles.Line]:
        """The alleles of a data set's files that are meant."""
        named = self.allele
        wanted = dict(self.asked.variant or {})
        types = wanted.pop("types", None)
        wanted.pop("genomic_allele", None)
        question = alleles.Question(**wanted)
        for line in self.files.sets[dataset].lines:
            if named is not None:
                if allele_id(line.key) == named:
                    yield line
            elif alleles.matches(question, line) and (types is None or line.type in types):
                yield line


def _less(filters: Filters, left_out: tuple[dict[str, Any], str]) -> Filters:
    return [one for one in filters if one != left_out]


def _order(filter: tuple[dict[str, Any], str]) -> tuple[str, str, str, bool]:
    given, about = filter
    return _text(given), given.get("scope", ""), about, given.get("includeDescendantTerms", True)


def _text(filter: dict[str, Any]) -> str:
    return f"{filter['id']}:{filter['operator']}{filter['value']}" if "operator" in filter else str(filter["id"])
