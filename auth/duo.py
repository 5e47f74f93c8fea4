"""The terms of a data set (DUO) beside the use that an applicant states. Shown to the committee; decides nothing.

The rules are data, ``config/dac/duo.yaml``. Where a rule or an answer is missing the finding is ``check``, never
``fits``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from auth.errors import InvalidRequest

Verdict = Literal["fits", "conflicts", "check"]
Judgement = tuple[Verdict, str, tuple[str, ...]]
UNKNOWN: Judgement = ("check", "this node does not know the term", ())
NOT_STATED: Judgement = ("check", "the kind of use was not stated", ())
Use = Mapping[str, Any]
DISEASE = re.compile(r"[A-Za-z][A-Za-z0-9]*:[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What ``config/dac/duo.yaml`` says."""

    kinds: tuple[str, ...]
    flags: tuple[str, ...]
    terms: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One term of the data set beside the stated use.

    :param label: of the term, in English and in Chinese.
    :param reason: why, in one of a few fixed phrases.
    :param kinds: the stated kinds of use that it is about.
    """

    term: str
    label: str
    label_zh: str
    verdict: Verdict
    reason: str
    kinds: tuple[str, ...] = ()


@cache
def rules() -> Rules:
    """The rules, read once."""
    given = yaml.safe_load(files("config.dac").joinpath("duo.yaml").read_text(encoding="utf-8"))
    return Rules(tuple(given["kinds"]), tuple(given["flags"]), given["terms"])


def stated(given: Mapping[str, Any]) -> dict[str, Any]:
    """A stated use, validated: ``kinds`` (list), ``disease`` (one ontology term), and yes or no by flag.

    :raises InvalidRequest: an answer that is not asked for, or of another kind.
    """
    known = rules()
    for name, value in given.items():
        if name == "kinds":
            if not isinstance(value, list) or not all(kind in known.kinds for kind in value):
                raise InvalidRequest(f"use.kinds: allowed are {', '.join(known.kinds)}")
        elif name == "disease":
            if not isinstance(value, str) or (value and not DISEASE.fullmatch(value)):
                raise InvalidRequest("use.disease: an ontology term such as MONDO:0005045 is needed")
        elif name not in known.flags:
            raise InvalidRequest(f"use: {name!r} is not asked; allowed: kinds, disease, {', '.join(known.flags)}")
        elif not isinstance(value, bool):
            raise InvalidRequest(f"use.{name}: yes or no is needed")
    return {name: value for name, value in given.items() if value not in ("", [])}


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a data set, for people to read; ``asks`` are the flags that it turns on."""

    id: str
    label: str
    label_zh: str
    asks: tuple[str, ...]


def named(terms: Sequence[Mapping[str, Any]]) -> tuple[Term, ...]:
    """``terms`` (Beacon's ``duoDataUse``) with their names in English and Chinese."""
    return tuple(_term(term) for term in terms)


def findings(terms: Sequence[Mapping[str, Any]], use: Use) -> tuple[Finding, ...]:
    """A finding for each of ``terms`` (Beacon's ``duoDataUse``)."""
    known = rules().terms
    allowed = {kind for term in terms for kind in known.get(term["id"], {}).get("allows", ())}
    found = []
    for term in terms:
        name, rule = _term(term), known.get(term["id"])
        verdict, reason, kinds = UNKNOWN if rule is None else _judged(rule, term, use, allowed)
        found.append(Finding(name.id, name.label, name.label_zh, verdict, reason, kinds))
    return tuple(found)


def _term(term: Mapping[str, Any]) -> Term:
    rule = rules().terms.get(term["id"], {})
    label = rule.get("label") or str(term.get("label") or term["id"])
    return Term(
        term["id"], label, rule.get("zh") or label, (*rule.get("forbids", ()), *filter(None, [rule.get("needs")]))
    )


def _judged(rule: Mapping[str, Any], term: Mapping[str, Any], use: Use, allowed: set[str]) -> Judgement:
    if "allows" in rule:
        return _permission(rule, term, use, allowed)
    if "refuses" in rule:
        return _refusal(set(rule["refuses"]), use)
    if "needs" in rule:
        return _answer(use.get(rule["needs"]), wanted=True)
    if "forbids" in rule:
        answers = [use.get(flag) for flag in rule["forbids"]]
        return _answer(True if True in answers else None if None in answers else False, wanted=False)
    return "check", "only a person can tell", ()


def _permission(rule: Mapping[str, Any], term: Mapping[str, Any], use: Use, allowed: set[str]) -> Judgement:
    kinds = set(use.get("kinds", ()))
    if not kinds:
        return NOT_STATED
    outside = kinds - allowed
    uncovered = outside - set(rule.get("unclear", ()))
    if uncovered:
        return "conflicts", "no term covers this use", tuple(sorted(uncovered))
    if outside:
        return "check", "people differ on whether this use is covered", tuple(sorted(outside))
    if rule.get("disease"):
        return _disease(term, use)
    return "fits", "the stated use is covered", ()


def _disease(term: Mapping[str, Any], use: Use) -> Judgement:
    """The same term fits. Another one may still be a kind of it, which takes a person."""
    named = {str(modifier.get("id")) for modifier in term.get("modifiers", ()) if isinstance(modifier, Mapping)}
    if use.get("disease") in named:
        return "fits", "the stated disease is the one allowed", ()
    return "check", "whether the stated disease belongs to the one allowed", ()


def _refusal(refused: set[str], use: Use) -> Judgement:
    kinds = set(use.get("kinds", ()))
    if not kinds:
        return NOT_STATED
    if kinds & refused:
        return "conflicts", "this use is ruled out", tuple(sorted(kinds & refused))
    return "fits", "no use that it rules out was stated", ()


def _answer(given: bool | None, *, wanted: bool) -> Judgement:
    if given is None:
        return "check", "the applicant did not say", ()
    return "fits" if given is wanted else "conflicts", "as the applicant states", ()
