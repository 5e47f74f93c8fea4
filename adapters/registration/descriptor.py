"""The descriptor of a data set: a small YAML or JSON mapping (JSON is YAML)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from adapters.catalog.models import BioProject, Dataset
from adapters.registration.accessions import Accessions
from adapters.registration.dates import date
from adapters.registration.genetic_resources import plan_numbers
from adapters.registration.plan import Origin, Plan, ProblemKind, Row

KEYS = (
    "accession",
    "title",
    "description",
    "tier",
    "release_date",
    "dac",
    "bioproject",
    "records",
    "data_type",
    "duo",
    "attributes",
    "hgr",
)
REQUIRED = ("accession", "title", "tier", "release_date")
RECORDS = ("public", "protected")
TERM = re.compile(r"DUO:\d{7}")


def read_descriptor(path: Path, plan: Plan) -> dict[str, Any]:
    """The mapping in ``path``; an unreadable one is a problem of ``plan`` and gives an empty mapping."""
    origin = Origin(path.name)
    try:
        loaded = yaml.safe_load(path.read_bytes())
    except OSError as error:
        plan.problem(origin, ProblemKind.UNREADABLE, f"cannot be read: {error.strerror}")
        return {}
    except yaml.YAMLError as error:
        plan.problem(origin, ProblemKind.UNREADABLE, f"is neither YAML nor JSON: {' '.join(str(error).split())}")
        return {}
    if not isinstance(loaded, dict):
        plan.problem(origin, ProblemKind.UNREADABLE, "must be a mapping of keys to values")
        return {}
    return loaded


def plan_dataset(
    given: Mapping[str, Any],
    origin: Origin,
    plan: Plan,
    accessions: Accessions,
    tiers: Sequence[str],
    hgr_required: Sequence[str] = (),
) -> None:
    """Plan the data set that ``given`` describes, and its project. Mistakes are problems of the plan.

    :param hgr_required: tiers that need numbers of human genetic resources.
    """
    for key in given:
        if key not in KEYS:
            message = f"{key!r} is not known here; allowed: {', '.join(KEYS)}"
            plan.problem(origin.at(str(key)), ProblemKind.UNKNOWN_COLUMN, message)
    for key in REQUIRED:
        if given.get(key) in (None, ""):
            plan.problem(origin.at(key), ProblemKind.MISSING_VALUE, f"{key!r} is required")
    accession = _accession(given, "accession", "dataset", origin, plan, accessions)
    project = _accession(given, "bioproject", "bioproject", origin, plan, accessions)
    if project is not None:
        plan.add(Row(BioProject, {"accession": project}, origin.at("bioproject"), shared=True))
    values = {
        "accession": accession,
        "title": str(given.get("title", "")),
        "description": str(given.get("description") or ""),
        "bioproject": project,
        "tier": _choice(given, "tier", tiers, origin, plan),
        "records": _choice({"records": "public", **given}, "records", RECORDS, origin, plan),
        "dac": _dac(given, origin, plan, accessions),
        "data_type": str(given.get("data_type") or ""),
        "duo": _duo(given.get("duo"), origin.at("duo"), plan),
        "attributes": {
            **_attributes(given.get("attributes"), origin.at("attributes"), plan),
            **plan_numbers(given, origin.at("hgr"), plan, hgr_required),
        },
        "release_date": _release(given.get("release_date"), origin.at("release_date"), plan),
    }
    if accession is None:
        plan.refuse(Dataset, str(given.get("accession")))
    else:
        plan.add(Row(Dataset, values, origin))


def _accession(
    given: Mapping[str, Any], key: str, entity: str, origin: Origin, plan: Plan, accessions: Accessions
) -> str | None:
    value = given.get(key)
    if value in (None, ""):
        return None
    objection = accessions.objection(entity, str(value))
    if objection:
        plan.problem(origin.at(key), ProblemKind.BAD_ACCESSION, objection)
        return None
    return str(value)


def _choice(given: Mapping[str, Any], key: str, allowed: Sequence[str], origin: Origin, plan: Plan) -> str:
    value = given.get(key)
    if value not in (None, "", *allowed):
        plan.problem(origin.at(key), ProblemKind.BAD_VALUE, f"{value!r} is not known; allowed: {', '.join(allowed)}")
    return str(value)


def _dac(given: Mapping[str, Any], origin: Origin, plan: Plan, accessions: Accessions) -> str | None:
    found = _accession(given, "dac", "dac", origin, plan, accessions)
    if given.get("tier") == "controlled" and not given.get("dac"):
        plan.problem(origin.at("dac"), ProblemKind.MISSING_VALUE, "a controlled data set needs its committee in 'dac'")
    return found


def _release(value: Any, origin: Origin, plan: Plan) -> dt.date | None:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if value not in (None, ""):
        try:
            return date(str(value))
        except ValueError as error:
            plan.problem(origin, ProblemKind.BAD_DATE, str(error))
    return None


def _duo(value: Any, origin: Origin, plan: Plan) -> dict[str, Any]:
    """``[DUO:0000042, {id: DUO:0000007, label: …, modifiers: […]}]`` as Beacon's ``duoDataUse``."""
    if value in (None, []):
        return {}
    terms = [{"id": term} if isinstance(term, str) else term for term in value] if isinstance(value, list) else []
    wrong = [term for term in terms if not isinstance(term, dict) or not TERM.fullmatch(str(term.get("id", "")))]
    if wrong or not terms:
        plan.problem(origin, ProblemKind.BAD_VALUE, "must be a list of DUO terms such as DUO:0000042")
        return {}
    return {"duoDataUse": terms}


def _attributes(value: Any, origin: Origin, plan: Plan) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        plan.problem(origin, ProblemKind.BAD_VALUE, "must be a mapping")
        return {}
    return value
