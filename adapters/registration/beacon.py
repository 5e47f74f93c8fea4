"""Is a record a Beacon v2 individual? The parts that queries rely on: terms, ages, dates, required members."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.registration.dates import date, is_duration
from adapters.registration.plan import ProblemKind

TERM = re.compile(r"\w[^:\s]*:\S.*")  # a CURIE; some ontologies in use have spaces in their codes
UNKNOWN_SEX = {"id": "NCIT:C17998", "label": "unknown"}
# Members of an individual (Beacon v2 default schema) and, for those that are lists, the term each item must have.
LISTS = {
    "diseases": "diseaseCode",
    "exposures": "exposureCode",
    "interventionsOrProcedures": "procedureCode",
    "measures": "assayCode",
    "pedigrees": None,
    "phenotypicFeatures": "featureType",
    "treatments": "treatmentCode",
}
TERMS = ("ethnicity", "geographicOrigin", "sex")
OTHERS = ("id", "info", "karyotypicSex")
DATES = ("date", "dateOfProcedure", "collectionDate")
Objection = tuple[str, ProblemKind, str]  # path inside the record, class, message


def objections(record: Mapping[str, Any]) -> Iterator[Objection]:
    """Everything wrong with a Beacon individual."""
    for key in record:
        if key not in LISTS and key not in TERMS and key not in OTHERS:
            yield key, ProblemKind.UNKNOWN_COLUMN, f"an individual has no {key!r}; allowed: {_allowed()}"
    for key in TERMS:
        if key in record:
            yield from _term(record[key], key)
    for key, code in LISTS.items():
        yield from _list(record.get(key, []), key, code)
    if not isinstance(record.get("info", {}), dict):
        yield "info", ProblemKind.BAD_VALUE, "must be an object"


def _list(value: Any, key: str, code: str | None) -> Iterator[Objection]:
    if not isinstance(value, list):
        yield key, ProblemKind.BAD_VALUE, "must be a list"
        return
    for number, item in enumerate(value):
        path = f"{key}[{number}]"
        if not isinstance(item, dict):
            yield path, ProblemKind.BAD_VALUE, "must be an object"
            continue
        if code is not None:
            yield from _term(item.get(code), f"{path}.{code}")
        yield from _times(item, path)


def _term(value: Any, path: str) -> Iterator[Objection]:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        yield path, ProblemKind.MISSING_VALUE, "must be an ontology term {id, label}"
    elif not TERM.fullmatch(value["id"]):
        yield path, ProblemKind.BAD_VALUE, f"{value['id']!r} is no CURIE such as HP:0001250"


def _times(value: Any, path: str) -> Iterator[Objection]:
    """Durations and dates at any depth below ``value``."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _times(item, f"{path}[{number}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        here = f"{path}.{key}"
        if key == "iso8601duration" and not (isinstance(item, str) and is_duration(item)):
            yield here, ProblemKind.BAD_DATE, f"{item!r} is no ISO 8601 duration such as P32Y6M"
        elif key in DATES and isinstance(item, str):
            yield from _date(item, here)
        else:
            yield from _times(item, here)


def _date(value: str, path: str) -> Iterator[Objection]:
    try:
        date(value[:10])
    except ValueError as error:
        yield path, ProblemKind.BAD_DATE, str(error)


def _allowed() -> str:
    return ", ".join(sorted([*LISTS, *TERMS, *OTHERS]))
