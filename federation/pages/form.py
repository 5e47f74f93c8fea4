"""The search form: what a person types, read into clauses of a federated question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from web.pages import say

ASSEMBLIES = ("GRCh38", "GRCh37")
BASES = "[ACGTUNRYSWKMBDHVacgtunryswkmbdhv]"
VARIANT = re.compile(
    rf"(?:chr)?(?P<chromosome>[1-9]|1\d|2[0-2]|X|Y|M|MT)[-:\s]+(?P<position>[1-9]\d{{0,9}})[-:\s]*"
    rf"(?P<reference>{BASES}{{1,1000}})[-:>\s]+(?P<alternate>{BASES}{{1,1000}})",
    re.IGNORECASE,
)
FIELDS = ("term", "without", "variant", "assembly", "modality", "body")


class Unreadable(ValueError):
    """A field that cannot be understood; the message is for the person who typed it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Condition:
    """A filled-in field: how it is shown, and the clause that it means. ``wanted`` is false for "and not"."""

    label: str
    clause: dict[str, Any]
    wanted: bool = True


def conditions(values: Mapping[str, str], terms: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """The conditions of a form.

    :param values: text of each of :data:`FIELDS`, blank where not filled in.
    :param terms: merged filtering terms; a term may be typed by its id or by its label.
    :raises Unreadable: for a field that is not understood.
    """
    found = []
    for field, wanted in (("term", True), ("without", False)):
        if values[field]:
            found.append(_term(field, values[field], terms, wanted))
    if values["variant"]:
        found.append(_variant(values["variant"], values["assembly"]))
    imaging = [
        (name, values[field]) for field, name in (("modality", "modality"), ("body", "bodyPart")) if values[field]
    ]
    if imaging:
        found.append(_imaging(imaging))
    return found


def _term(field: str, typed: str, terms: Sequence[Mapping[str, Any]], wanted: bool) -> Condition:
    for term in terms:
        if typed.casefold() in (term["id"].casefold(), str(term.get("label", "")).casefold()):
            label = f"{term['label']} ({term['id']})" if term.get("label") else term["id"]
            return Condition(label, {"entryType": "individual", "filters": [{"id": term["id"]}]}, wanted)
    if re.fullmatch(r"\w+:\S{1,100}", typed):
        return Condition(typed, {"entryType": "individual", "filters": [{"id": typed}]}, wanted)
    raise Unreadable(
        field,
        say("No member uses the term “{term}”. Choose one of the list, or give an id such as HP:0001250.", term=typed),
    )


def _variant(typed: str, assembly: str) -> Condition:
    """A variant as VCF writes it: 1-based position, both alleles with their anchor base; Beacon counts from 0."""
    match = VARIANT.fullmatch(typed.strip())
    if match is None:
        raise Unreadable(
            "variant",
            say("“{typed}” is not a variant. Write it as VCF does, such as 1-55051215-G-GA.", typed=typed),
        )
    if assembly not in ASSEMBLIES:
        raise Unreadable("assembly", say("Choose GRCh38 or GRCh37."))
    parts = {name: value.upper() for name, value in match.groupdict().items()}
    asked = {
        "assemblyId": assembly,
        "referenceName": parts["chromosome"],
        "start": [int(parts["position"]) - 1],
        "referenceBases": parts["reference"],
        "alternateBases": parts["alternate"],
    }
    label = "-".join(parts[name] for name in ("chromosome", "position", "reference", "alternate"))
    clause = {"entryType": "genomicVariant", "filters": [], "requestParameters": {"g_variant": asked}}
    return Condition(f"{label} ({assembly})", clause)


def _imaging(fields: Sequence[tuple[str, str]]) -> Condition:
    """One series that has all of what was asked: an MR **of the brain**, not an MR and something of the brain."""
    filters = [{"id": name, "operator": "=", "value": value} for name, value in fields]
    return Condition(" · ".join(value for _, value in fields), {"entryType": "imagingSeries", "filters": filters})


def question(found: Sequence[Condition]) -> dict[str, Any]:
    """All conditions as one question."""
    return {
        "all": [condition.clause for condition in found if condition.wanted],
        "none": [condition.clause for condition in found if not condition.wanted],
        "granularity": "count",
        "explain": True,
    }
