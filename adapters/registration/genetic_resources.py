"""Numbers under which samples of human genetic resources are registered with the ministry (approval, and backup).

They concern human data of populations within China. Whether a data set may appear without them is a policy of the
member, by tier (``hgr_required``); numbers that are given are checked in any case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from adapters.registration.plan import Origin, Plan, ProblemKind

KEYS = ("approval", "backup")
NOT_APPLICABLE = "not applicable"
NUMBER = re.compile(r"(?=.*20\d\d)[A-Za-z0-9〔〕\[\]-]{8,40}")


def plan_numbers(given: Mapping[str, Any], origin: Origin, plan: Plan, required: Collection[str]) -> dict[str, Any]:
    """The attribute ``hgr`` of the data set that ``given`` describes. Mistakes are problems of the plan.

    :param required: tiers whose data sets do not appear without numbers, or without saying that none apply.
    """
    value = given.get("hgr")
    if value in (None, "", {}):
        if given.get("tier") in required:
            message = f"a {given['tier']} data set needs {' and '.join(KEYS)}, or the words '{NOT_APPLICABLE}'"
            plan.problem(origin, ProblemKind.MISSING_VALUE, message)
        return {}
    if value == NOT_APPLICABLE:
        return {"hgr": value}
    if not isinstance(value, Mapping) or set(value) - set(KEYS):
        plan.problem(origin, ProblemKind.BAD_VALUE, f"must be {' and '.join(KEYS)}, or '{NOT_APPLICABLE}'")
        return {}
    for key in KEYS:
        _check(key, value.get(key), origin, plan, needed=given.get("tier") in required)
    return {"hgr": {key: str(number) for key, number in value.items()}}


def _check(key: str, number: Any, origin: Origin, plan: Plan, *, needed: bool) -> None:
    if number in (None, ""):
        if needed:
            plan.problem(origin, ProblemKind.MISSING_VALUE, f"the {key} number is missing")
    elif not NUMBER.fullmatch(str(number)):
        message = f"{key}: a number of 8 to 40 letters, digits and hyphens with its year is needed"
        plan.problem(origin, ProblemKind.BAD_VALUE, message)
