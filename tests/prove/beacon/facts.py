"""What records say, and whether a comparison holds of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.prove.beacon.files import Chain

UNSTATED = {"biosampleStatus": "NCIT:C17998", "sampleOriginType": "OBI:0001479"}
SAMPLE_TERMS = ("sampleOriginType", "biosampleStatus", "histologicalDiagnosis")
LABELS = {"biosampleStatus": "Unknown", "sampleOriginType": "specimen from organism"}


def terms(person: Mapping[str, Any]) -> set[str]:
    found = {person["sex"]["id"]}
    found |= {f["featureType"]["id"] for f in person.get("phenotypicFeatures", ()) if not f.get("excluded")}
    for disease in person.get("diseases", ()):
        found |= {disease["diseaseCode"]["id"], disease.get("ageOfOnset", {}).get("id", disease["diseaseCode"]["id"])}
    for one in person.get("interventionsOrProcedures", ()):
        found |= {one["procedureCode"]["id"], one["bodySite"]["id"]}
    found |= {m["assayCode"]["id"] for m in person.get("measures", ())}
    return found | {e["exposureCode"]["id"] for e in person.get("exposures", ())}


def terms_of(chain: Chain, kind: str) -> set[str]:
    record = chain.at(kind)
    if record is None or kind == "analysis":
        return set()
    if kind == "run":
        return {record["librarySource"]["id"]}
    stated = {name: record[name]["id"] for name in SAMPLE_TERMS if name in record}
    return set({**UNSTATED, **stated}.values())


def onsets(person: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    for disease in person.get("diseases", ()):
        onset = disease.get("ageOfOnset", {})
        if "start" in onset:
            yield months(onset["start"]["iso8601duration"]), months(onset["end"]["iso8601duration"])
        elif "iso8601duration" in onset:
            yield months(onset["iso8601duration"]), months(onset["iso8601duration"])


def measured(person: Mapping[str, Any], id: str) -> list[float]:
    measures = [m["measurementValue"]["value"] for m in person.get("measures", ()) if m["assayCode"]["id"] == id]
    return measures + [e["value"] for e in person.get("exposures", ()) if e["exposureCode"]["id"] == id]


def months(duration: str) -> float:
    years, rest = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?", duration).groups()  # type: ignore[union-attr]
    return int(years or 0) * 12 + int(rest or 0)


def compared(operator: str, values: list[tuple[float, float]], wanted: float) -> bool:
    """Whether a comparison certainly holds of any value; ``!``: there are values, and none equals ``wanted``."""
    tests: dict[str, Callable[[float, float], bool]] = {
        "=": lambda low, high: low == high == wanted,
        ">": lambda low, _: low > wanted,
        ">=": lambda low, _: low >= wanted,
        "<": lambda _, high: high < wanted,
        "<=": lambda _, high: high <= wanted,
    }
    if operator == "!":
        return bool(values) and not any(tests["="](*value) for value in values)
    return any(tests[operator](*value) for value in values)


def _like(value: str, text: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in value.lower().split("%"))
    return re.fullmatch(pattern, text.lower()) is not None


def text_holds(operator: str, value: str, text: str) -> bool:
    return text != "" and _like(value, text) == (operator == "=")


def name_holds(operator: str, value: str, term: Mapping[str, str] | None) -> bool:
    """``=`` and ``!`` on the id or the label of a term that is there."""
    if term is None:
        return False
    return (_like(value, term["id"]) or _like(value, term.get("label", ""))) == (operator == "=")
