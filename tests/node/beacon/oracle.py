"""Who meets a question, found by looking at everybody: written apart from the code under test, over plain data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.node.beacon.world import EXISTING, PARENTS, Person, Series, World

Filter = dict[str, Any]
Test = Callable[[Any], bool]
BODY_PART = {"UBERON:0000955": "BRAIN", "UBERON:0000948": "HEART", "UBERON:0001443": "CHEST"}
IMAGING_FIELDS = ("modality", "bodyPart", "manufacturer", "age")


def above(term: str) -> set[str]:
    """A term and all its ancestors."""
    found = {term}
    for parent in PARENTS.get(term, ()):
        found |= above(parent)
    return found


def months(duration: str) -> int:
    """Months of a duration of years and months."""
    years, rest = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?", duration).groups()  # type: ignore[union-attr]
    return int(years or 0) * 12 + int(rest or 0)


def compare(low: float, high: float, operator: str, value: float) -> bool:
    """Whether a comparison certainly holds of a value somewhere between ``low`` and ``high``."""
    return {
        "=": low == high == value,
        ">": low > value,
        ">=": low >= value,
        "<": high < value,
        "<=": high <= value,
    }[operator]


def onsets(person: Person) -> Iterator[tuple[int, int]]:
    for disease in person.record.get("diseases", ()):
        onset = disease.get("ageOfOnset")
        if onset and "start" in onset:
            yield months(onset["start"]["iso8601duration"]), months(onset["end"]["iso8601duration"])
        elif onset:
            age = months(onset["iso8601duration"])
            yield age, age


def terms_of(person: Person) -> set[str]:
    record = person.record
    found = {record["sex"]["id"]}
    found |= {f["featureType"]["id"] for f in record.get("phenotypicFeatures", ()) if not f["excluded"]}
    found |= {d["diseaseCode"]["id"] for d in record.get("diseases", ())}
    found |= {m["assayCode"]["id"] for m in record.get("measures", ())}
    return found


def of_person(wanted: Filter) -> Test:
    """The filter as a test of a person."""
    id, operator, value = wanted["id"], wanted.get("operator"), wanted.get("value")
    if operator is None and wanted.get("includeDescendantTerms", True):
        return lambda person: any(id in above(term) for term in terms_of(person))
    if operator is None:
        return lambda person: id in terms_of(person)
    if id == "sex":
        return lambda person: (person.record["sex"]["id"] == value) == (operator == "=")
    if id == "ageOfOnset":
        return _compared(lambda person: list(onsets(person)), operator, months(value))
    return _compared(lambda person: list(measured(person)), operator, float(value))


def measured(person: Person) -> Iterator[tuple[float, float]]:
    for measure in person.record.get("measures", ()):
        value = measure["measurementValue"]["value"]
        yield value, value


def _compared(values: Callable[[Person], list[tuple[float, float]]], operator: str, wanted: float) -> Test:
    if operator == "!":
        return lambda person: (
            bool(values(person)) and not any(compare(low, high, "=", wanted) for low, high in values(person))
        )
    return lambda person: any(compare(low, high, operator, wanted) for low, high in values(person))


def of_series(wanted: Filter) -> Test:
    """The filter as a test of a series."""
    id, operator, value = wanted["id"], wanted.get("operator"), wanted.get("value")
    if id == "imaging:cross-sectional":
        return lambda series: series.modality in ("CT", "MR")
    if id.startswith("DCM:"):
        return lambda series: series.modality == id.removeprefix("DCM:")
    if id.startswith("UBERON:"):
        parts = {part for term, part in BODY_PART.items() if id in above(term)}
        return lambda series: series.body_part in parts
    if id == "age":
        return lambda series: (
            series.age is not None
            and (
                compare(months(series.age), months(series.age), operator, months(value))
                if operator != "!"
                else months(series.age) != months(value)
            )
        )
    name = {"modality": "modality", "bodyPart": "body_part", "manufacturer": "manufacturer"}[id]
    pattern = re.compile(re.escape(value.upper()).replace("%", ".*"))

    def test(series: Series) -> bool:
        text = getattr(series, name).upper()
        return text != "" and bool(pattern.fullmatch(text)) == (operator == "=")

    return test


def is_imaging(wanted: Filter) -> bool:
    return wanted["id"] in IMAGING_FIELDS or wanted["id"].startswith(("DCM:", "UBERON:", "imaging:"))


def carries(world: World, person: Person, dataset: str, asked: dict[str, Any]) -> bool:
    """Whether the person carries an allele meant by a sequence or range question."""
    for index, (start, ref, alt) in enumerate(world.variants):
        if "end" in asked:
            here = start < asked["end"][0] and start + 1 > asked["start"][0]
        else:
            here = start == asked["start"][0]
        if "alternateBases" in asked:
            here = here and asked["alternateBases"] in (alt, "N") and asked.get("referenceBases", ref) == ref
        if here and person.genotypes[dataset][index]:
            return True
    return False


def met(
    world: World, filters: list[Filter], asked: dict[str, Any] | None, imaging: bool = False
) -> dict[str, set[str]]:
    """Data set that exists → accessions of its people who meet the question."""
    of_people = [of_person(wanted) for wanted in filters if not is_imaging(wanted)]
    of_images = [of_series(wanted) for wanted in filters if is_imaging(wanted)]
    found: dict[str, set[str]] = {dataset: set() for dataset in EXISTING}
    for person in world.people:
        for dataset in person.datasets:
            if person.withdrawn or dataset not in EXISTING or not all(test(person) for test in of_people):
                continue
            if (of_images or imaging) and not any(
                s.person == person.accession and s.dataset == dataset and all(test(s) for test in of_images)
                for s in world.series
            ):
                continue
            if asked is None or carries(world, person, dataset, asked):
                found[dataset].add(person.accession)
    return found


def images(world: World, filters: list[Filter], asked: dict[str, Any] | None) -> dict[str, list[Series]]:
    """Data set → series of the people who meet the question, for which all imaging filters hold."""
    owners = met(world, filters, asked, imaging=True)
    of_images = [of_series(wanted) for wanted in filters if is_imaging(wanted)]
    return {
        dataset: [
            s
            for s in world.series
            if s.dataset == dataset and s.person in people and all(test(s) for test in of_images)
        ]
        for dataset, people in owners.items()
    }
