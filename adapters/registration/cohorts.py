"""Cohorts of a data set, as Beacon-friendly JSON has them in ``cohorts.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.catalog.models import Cohort, CohortMember
from adapters.registration.plan import Origin, ProblemKind, Row
from adapters.registration.registration import Reading

TYPES = ("study-defined", "beacon-defined", "user-defined")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def plan_cohort(reading: Reading, origin: Origin, record: Mapping[str, Any], people: Mapping[str, str]) -> None:
    """Plan a cohort and its members: those that ``ids.individualIds`` lists, or all of ``people``.

    :param people: accession by identifier of the individuals planned beside it.
    """
    wrong = list(_objections(record))
    for place, message in wrong:
        reading.plan.problem(origin.at(place), ProblemKind.BAD_VALUE, message)
    if wrong:
        return
    values = {
        "id": record["id"],
        "dataset": reading.dataset,
        "name": record["name"],
        "type": record["cohortType"],
        "record": {key: value for key, value in record.items() if key not in ("id", "name", "cohortType", "ids")},
    }
    reading.plan.add(Row(Cohort, values, origin))
    listed = record.get("ids", {}).get("individualIds")
    for identifier in people if listed is None else listed:
        if identifier in people:
            member = {"cohort": record["id"], "individual": people[identifier]}
            reading.plan.add(Row(CohortMember, member, origin, shared=True))
        else:
            message = f"no individual {identifier!r} in individuals.json"
            reading.plan.problem(origin.at("ids.individualIds"), ProblemKind.MISSING_PARENT, message)


def _objections(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    if not ID.fullmatch(record["id"]):
        found.append(("id", f"{record['id'][:40]!r} is not 1 to 80 letters, digits, points, lines or dashes"))
    if not isinstance(record.get("name"), str) or not record["name"]:
        found.append(("name", "must be a text"))
    if record.get("cohortType") not in TYPES:
        found.append(("cohortType", f"{str(record.get('cohortType'))[:40]!r}; allowed: {', '.join(TYPES)}"))
    ids = record.get("ids", {})
    listed = ids.get("individualIds", []) if isinstance(ids, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        found.append(("ids.individualIds", "must be a list of texts"))
    return found
