"""What a question is charged for, and to whom it is closed for want of a budget."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from tests.adapters.variants import oracle as alleles
from tests.prove.beacon import prices
from tests.prove.beacon.budgets import Asks
from tests.prove.beacon.public import Caller, Sight

if TYPE_CHECKING:
    from tests.prove.beacon.oracle import Answer

BLOCK = 10_000
REFERENCES = ("HRA000001",)
ID = re.compile(r"(\w+):([\w.]+):(\d{1,10}):[^:]*:[^:]*")


def sight(answer: Answer, caller: Caller) -> Sight:
    """What the caller may be told; who has not signed in has no budget."""
    if caller.name is not None or not _of_many(answer):
        return Sight(caller, answer.genotypes)
    guarded = _guarded(answer, caller)
    least = {}
    if not _narrowed(answer) and _one_allele(answer):
        for dataset in guarded:
            minimum = prices.anonymous_minimum(answer.files.sets[dataset].listed, len(answer.members[dataset]))
            if minimum is not None:
                least[dataset] = minimum
    return Sight(caller, answer.genotypes, frozenset(guarded) - set(least), least)


def charges(answer: Answer) -> list[Asks]:
    """What is paid for together; of several cohorts, the answer about each."""
    if not _of_many(answer):
        return []
    if answer.asked.kind != "cohort":
        return list(_charges(answer, None if answer.collection else answer.within))
    return [charge for cohort in answer.cohorts() for charge in _charges(answer, ("cohort", cohort))]


def _of_many(answer: Answer) -> bool:
    """Whether genotypes are asked for, and not of one person at most."""
    kinds = [answer.within[0]] if answer.within is not None else []
    kinds += [answer.asked.kind] if answer.asked.entry is not None and not answer.collection else []
    return answer.genotypes and all(kind in ("genomicVariant", "cohort") for kind in kinds)


def _guarded(answer: Answer, caller: Caller) -> list[str]:
    """Data sets with genotypes of people, whose records the caller may not see."""
    limited = [d for d in answer.datasets if d not in caller.records and answer.members[d]]
    return [d for d in limited if any(line.site is None for line in answer.files.sets[d].lines)]


def _charges(answer: Answer, within: tuple[str, str] | None) -> Iterator[Asks]:
    asked, told = answer.asked, answer.sight
    narrowed = _narrowed(answer) or (within is not None and within[0] == "cohort")
    kind, entry = ("individual", None) if answer.collection else (asked.kind, asked.entry)
    for dataset in _guarded(answer, told.caller):
        if within is not None and within[0] == "cohort" and within[1] not in answer.files.sets[dataset].cohorts:
            continue
        counted = told.granularity(dataset) == "count" and kind != "genomicVariant"
        numbers = counted and asked.granularity != "boolean" and not answer.collection
        words = (numbers, kind, entry, within, _verbatim(asked.filters), _meant(answer))
        frequency = _frequency(answer, dataset) if not narrowed and _one_allele(answer) else None
        price = prices.price(frequency, len(answer.members[dataset]), numbers=numbers)
        yield Asks(dataset, words, _block(answer), price)


def _narrowed(answer: Answer) -> bool:
    return answer.narrowed or answer.asked.kind == "cohort"


def _verbatim(filters: list[dict[str, Any]]) -> Hashable:
    names = ("id", "operator", "value", "scope")
    return tuple((*(str(f.get(n)) for n in names), f.get("includeDescendantTerms", True)) for f in filters)


def _meant(answer: Answer) -> Hashable:
    """The alleles, however they are named."""
    if answer.allele is not None:
        return answer.allele
    given = {k: v for k, v in (answer.asked.variant or {}).items() if k != "genomic_allele"}
    for name in ("reference_name", "mate_name"):
        if name in given:
            given[name] = given[name].removeprefix("chr")
    return tuple(sorted((name, str(value)) for name, value in given.items()))


def _block(answer: Answer) -> Hashable:
    given = answer.asked.variant or {}
    place: tuple[str, str, int, int] | None = None
    if answer.allele is not None:
        named = ID.fullmatch(answer.allele)
        place = (named[1], named[2], int(named[3]), int(named[3])) if named else None
    elif "start" in given and "reference_name" in given:
        last = given["end"][-1] - 1 if "end" in given else given["start"][0]
        place = (given["assembly"], given["reference_name"].removeprefix("chr"), given["start"][0], last)
    if place is None or place[2] // BLOCK != place[3] // BLOCK:
        return _meant(answer)
    return (*place[:2], place[2] // BLOCK)


def _one_allele(answer: Answer) -> bool:
    if answer.allele is not None:
        return True
    given = answer.asked.variant or {}
    if len(given.get("start", ())) != 1 or "end" in given:
        return False
    ref, alt = (given.get(f"{side}_bases") for side in ("reference", "alternate"))
    return alt is not None and _plain(alt) and (alt != "" or (ref is not None and _plain(ref)))


def _plain(bases: str) -> bool:
    return set(bases.upper()) <= set("ACGTU")


def _frequency(answer: Answer, dataset: str) -> float | None:
    """Of the one allele among the published ones that is meant, as its reference says it, or the data set itself."""
    listed: dict[str, list[alleles.Line]] = {}
    sources = {*REFERENCES, *_guarded(answer, answer.sight.caller)}
    for source in sources:
        listed[source] = [line for line in answer.matching(source) if line.site is not None]
    if len({line.key for lines in listed.values() for line in lines}) != 1:
        return None
    for source in (*REFERENCES, dataset):
        if listed[source]:
            count, number = max((line.site for line in listed[source]), key=lambda site: (site[1], site[0]))  # type: ignore[index,misc,arg-type,return-value]
            return count / number
    return None
