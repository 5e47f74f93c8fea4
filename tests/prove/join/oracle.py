"""What a joined question must be answered with, person by person: docs/privacy.md and docs/privacy-join.md in a few
lines, written apart from the code that it holds to account."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tests.prove.join.files import HUMAN, IMAGES, Allele, Files, Person, Series

MINIMUM, ROUND_TO, APART = 10, 5, 5
AGES = [12 * years for years in (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90)]
MODALITIES = {"DCM:CT": "CT", "DCM:MR": "MR", "DCM:US": "US"}
BODY_PARTS = {"UBERON:0000955": "BRAIN", "UBERON:0001443": "CHEST", "UBERON:0000916": "ABDOMEN"}
Clause = Mapping[str, Any]
Question = Mapping[str, Any]
Holds = Callable[[float], bool]


@dataclass(frozen=True)
class Expected:
    """What must be told. ``refused``: the member with genotypes does not answer this caller at all."""

    number: int | None
    exact: bool
    people: frozenset[str]
    refused: bool = False


class Oracle:
    """Answers questions.

    :param apart: questions that differ by fewer people are told alike; 1 is an oracle without that rule.
    """

    def __init__(self, files: Files, apart: int = APART) -> None:
        self._files = files
        self._apart = apart
        self._people = {person.accession: person for person in files.people}
        self._known: dict[str, frozenset[str]] = {}
        self._of: dict[str, list[Series]] = {}
        for series in files.series:
            self._of.setdefault(series.individual, []).append(series)

    def answer(self, question: Question, *, controlled: bool) -> Expected:
        """:param controlled: the caller may see every record of both members; else only those of open data sets."""
        parts: dict[str, dict[str, list[Clause]]] = {}
        for kind in ("all", "none"):
            for clause in question.get(kind, []):
                parts.setdefault(_member(clause), {"all": [], "none": []})[kind].append(clause)
        if not controlled and any(_genotypes(c) for part in parts.values() for c in chain(*part.values())):
            return Expected(None, False, frozenset(), refused=True)
        joined = len(parts) == 2
        sides = {member: self._side(member, part, controlled, joined) for member, part in parts.items()}
        if controlled:
            people = _result(parts, {member: self._meet(part, {}, joined) for member, part in parts.items()})
            return Expected(len(people), True, people)
        if None in sides.values():
            return Expected(None, False, frozenset())
        if not joined:
            return Expected(_floor(len(next(iter(sides.values()))["people"])), False, frozenset())  # type: ignore[index]
        return Expected(_floor(_alike_joined(parts, sides, self._apart)), False, frozenset())  # type: ignore[arg-type]

    def _side(self, member: str, part: Question, controlled: bool, joined: bool) -> dict[str, Any] | None:
        """The member's side and its variants, near questions told alike; None below the floor."""
        if controlled:
            return {}
        open_sets = {d for d, tier in self._files.tiers[member].items() if tier == "open"}
        full = {member: open_sets}
        while True:
            people = self._meet(part, full, joined)
            variants = list(_without_one(part))
            changes = [(len(people ^ self._meet(less, full, joined)), n) for n, less in enumerate(variants)]
            few = [change for change in changes if 0 < change[0] < self._apart]
            if not few:
                break
            part = variants[min(few)[1]]
        if _floor(len(people)) is None:
            return None
        sets = [self._meet(less, full, joined) for less in variants] if len(variants) > 1 else []
        return {"people": people, "gained": [s - people for s in sets], "lost": [people - s for s in sets]}

    def _meet(self, part: Question, full: Mapping[str, Collection[str]], joined: bool) -> frozenset[str]:
        every = [self._persons(clause, full, joined) for clause in part["all"]]
        away = frozenset(chain(*(self._persons(clause, full, joined) for clause in part["none"])))
        return frozenset.intersection(*every) - away if every else away

    def _persons(self, clause: Clause, full: Mapping[str, Collection[str]], joined: bool) -> frozenset[str]:
        """Who meets a clause. ``full``: by member, the data sets whose records may be seen; none: all."""
        asked = f"{clause} {sorted(full)} {joined}"
        if asked not in self._known:
            self._known[asked] = self._found(clause, full, joined)
        return self._known[asked]

    def _found(self, clause: Clause, full: Mapping[str, Collection[str]], joined: bool) -> frozenset[str]:
        if _member(clause) == HUMAN:
            return frozenset(who for who, dataset in self._humans(clause) if self._human(clause, who, dataset, full))
        found = set()
        for individual, series in self._of.items():
            if any(self._image(clause, one, full) for one in series):
                found.add(series[0].person or (None if joined else individual))
        return frozenset(found - {None})  # type: ignore[arg-type]

    def _humans(self, clause: Clause) -> Iterator[tuple[str, str]]:
        variant = (clause.get("requestParameters") or {}).get("g_variant")
        if variant is None:
            return ((person.accession, person.dataset) for person in self._files.people)
        carried = (who for allele, who in self._files.carriers.items() if _asked(variant, allele))
        return iter(set().union(*carried))

    def _human(self, clause: Clause, accession: str, dataset: str, full: Mapping[str, Collection[str]]) -> bool:
        exact = not full or dataset in full[HUMAN]
        person = self._people[accession]
        return all(self._of_person(f, person, exact) for f in clause.get("filters", []))

    def _of_person(self, wanted: Mapping[str, Any], person: Person, exact: bool) -> bool:
        record, id = person.record, wanted["id"]
        if id in ("sex", "ethnicity"):
            return bool(record.get(id, {}).get("id") == wanted["value"])
        if "operator" in wanted:
            values = [m["measurementValue"]["value"] for m in record.get("measures", ()) if m["assayCode"]["id"] == id]
            holds = _compared(wanted["operator"], float(wanted["value"]), None if exact else _series)
            return any(holds(value) for value in values)
        return any(id in self._files.above.get(term, {term}) for term in _terms(record))

    def _image(self, clause: Clause, series: Series, full: Mapping[str, Collection[str]]) -> bool:
        exact = not full or series.dataset in full[IMAGES]
        return all(_of_series(wanted, series, exact) for wanted in clause.get("filters", []))


def _member(clause: Clause) -> str:
    return IMAGES if clause["entryType"].startswith("imaging") else HUMAN


def _genotypes(clause: Clause) -> bool:
    return bool(clause.get("requestParameters"))


def _floor(number: int) -> int | None:
    return None if number < MINIMUM else number - number % ROUND_TO


def _terms(record: Mapping[str, Any]) -> Iterator[str]:
    for list_, name in (("phenotypicFeatures", "featureType"), ("diseases", "diseaseCode"),
                        ("interventionsOrProcedures", "procedureCode"), ("measures", "assayCode")):  # fmt: skip
        yield from (one[name]["id"] for one in record.get(list_, ()) if not one.get("excluded"))


def _of_series(wanted: Mapping[str, Any], series: Series, exact: bool) -> bool:
    id = wanted["id"]
    if id == "age":
        years = int(wanted["value"].strip("PY"))
        return series.age is not None and _compared(wanted["operator"], 12 * years, None if exact else AGES)(series.age)
    if id == "manufacturer":
        return series.manufacturer.lower() == str(wanted["value"]).lower()
    if id in MODALITIES:
        return series.modality.upper() == MODALITIES[id]
    return series.body_part.upper() == BODY_PARTS[id]


def _asked(variant: Mapping[str, Any], allele: Allele) -> bool:
    if (allele.assembly, allele.contig) != (variant["assemblyId"], variant["referenceName"].removeprefix("chr")):
        return False
    start = variant["start"][0]
    if "end" in variant:
        return bool(start <= allele.start < variant["end"][0]) and len(allele.ref) == len(allele.alt) == 1
    return (allele.start, allele.ref, allele.alt) == (start, variant["referenceBases"], variant["alternateBases"])


def _series(value: float) -> list[float]:
    """1, 2, 5, 10 … about a positive value."""
    power = math.floor(math.log10(value))
    return [digit * 10.0**exponent for exponent in range(power - 1, power + 2) for digit in (1, 2, 5)]


def _compared(operator: str, wanted: float, edges: Any) -> Holds:
    """A comparison; on ``edges``, every bin that it touches belongs to it whole."""
    if edges is None:
        return {
            "=": lambda v: v == wanted,
            ">": lambda v: v > wanted,
            ">=": lambda v: v >= wanted,
            "<": lambda v: v < wanted,
            "<=": lambda v: v <= wanted,
        }[operator]
    known = [*(edges(wanted) if callable(edges) else edges), math.inf]
    low = max((edge for edge in known if edge <= wanted), default=-math.inf)
    high = min(edge for edge in known if edge > wanted)
    if operator in (">", ">="):
        return lambda v: v >= low
    if operator == "<":
        return lambda v: v < (wanted if low == wanted else high)
    return (lambda v: v < high) if operator == "<=" else (lambda v: low <= v < high)


def _without_one(part: Question) -> Iterator[dict[str, list[Clause]]]:
    """Without each filter of ``all``, each clause of ``none``, each of several filters of a clause of ``none``."""
    for n, clause in enumerate(part["all"]):
        for f in range(len(clause.get("filters", []))):
            yield {**part, "all": _put(part["all"], n, _drop(clause, f))}
    if part["all"] or len(part["none"]) > 1:
        for n in range(len(part["none"])):
            yield {**part, "none": part["none"][:n] + part["none"][n + 1 :]}
    for n, clause in enumerate(part["none"]):
        if len(clause.get("filters", [])) > 1:
            for f in range(len(clause["filters"])):
                yield {**part, "none": _put(part["none"], n, _drop(clause, f))}


def _drop(clause: Clause, place: int) -> Clause:
    return {**clause, "filters": clause["filters"][:place] + clause["filters"][place + 1 :]}


def _put(clauses: list[Clause], place: int, clause: Clause) -> list[Clause]:
    return [*clauses[:place], clause, *clauses[place + 1 :]]


def _result(parts: Mapping[str, Question], people: Mapping[str, frozenset[str]]) -> frozenset[str]:
    kept = [people[member] for member, part in parts.items() if part["all"] and member in people]
    away = [people[member] for member, part in parts.items() if not part["all"] and member in people]
    return frozenset.intersection(*kept).difference(*away)


def _alike_joined(parts: Mapping[str, Question], sides: Mapping[str, dict[str, Any]], apart: int) -> int:
    """How many people of the joined question are told, when questions that differ by a few are told alike."""
    # The side that something is taken away from comes first, as in the documents.
    order = sorted(parts, key=lambda member: not parts[member]["all"])
    people = {member: sides[member]["people"] for member in order}
    left = {member: list(range(len(sides[member]["gained"]))) for member in order}
    while True:
        now = _result(parts, people)
        options: list[tuple[dict[str, frozenset[str]], str, int | None]] = []
        for member in [m for m in order if m in people]:
            for condition in left[member]:
                change = (people[member] | sides[member]["gained"][condition]) - sides[member]["lost"][condition]
                options.append((people | {member: change}, member, condition))
        if len(people) == 2:
            for member in reversed(order):  # without the second side, then without the first
                rest = {m: p for m, p in people.items() if m != member}
                options += [(rest, member, None)] if any(parts[other]["all"] for other in rest) else []
        changes = [(len(now ^ _result(parts, option[0])), place) for place, option in enumerate(options)]
        few = [change for change in changes if 0 < change[0] < apart]
        if not few:
            return len(now)
        people, member, left_out = options[min(few)[1]]
        if left_out is not None:
            left[member].remove(left_out)
