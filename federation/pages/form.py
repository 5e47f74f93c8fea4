"""The search form: what a person fills in, read into the conditions of a federated question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from federation.pages import variants
from federation.pages.terms import SEX, Vocabulary, value_name
from web.pages import language, say

MANY = ("term", "without")
SINGLE = ("variant", "assembly", "modality", "body", "manufacturer", "from", "to", "sex")
IMAGING = {"modality": "modality", "body": "bodyPart", "manufacturer": "manufacturer"}
LONGEST = 300
MOST_TERMS = 8


class Unreadable(ValueError):
    """A field that cannot be understood; the message is for the person who typed ``typed`` there."""

    def __init__(self, field: str, message: str, typed: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.typed = typed


@dataclass(frozen=True)
class Condition:
    """A condition: how it is shown, and the clause that it means.

    :param wanted: false for "and not".
    :param nodes: members known to answer it; empty where the gateway shall find out.
    :param genotypes: it is about genotypes, so that numbers are paid for.
    """

    label: str
    clause: dict[str, Any]
    wanted: bool = True
    nodes: tuple[str, ...] = ()
    genotypes: bool = False


@dataclass(frozen=True)
class Form:
    """A form as it was sent: ``one`` text per field, ``many`` texts of fields that can be given again and again."""

    one: Mapping[str, str]
    many: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, given: MultiDict[str, str]) -> Form:
        """The form in a query string. ``drop=FIELD:TEXT`` takes a text away again."""
        dropped = set(given.getlist("drop"))
        many = {
            field: [
                text
                for text in dict.fromkeys(part.strip()[:LONGEST] for part in given.getlist(field))
                if text and f"{field}:{text}" not in dropped
            ][:MOST_TERMS]
            for field in MANY
        }
        one = {field: given.get(field, "").strip()[:LONGEST] for field in SINGLE}
        return cls({**one, "assembly": one["assembly"] or variants.ASSEMBLIES[0]}, many)

    def parameters(self) -> list[tuple[str, str]]:
        """Names and texts of what is filled in, for addresses and hidden fields."""
        filled = [(field, text) for field in MANY for text in self.many[field]]
        single = [(field, self.one[field]) for field in SINGLE if self.one[field]]
        return filled + [one for one in single if one[0] != "assembly" or self.one["variant"]]


def conditions(form: Form, words: Vocabulary) -> list[Condition]:
    """The conditions of a form.

    :raises Unreadable: for a field that is not understood.
    """
    found = [_term(field, typed, words, wanted=field == "term") for field in MANY for typed in form.many[field]]
    if form.one["sex"]:
        if form.one["sex"] not in SEX:
            raise Unreadable("sex", say("Choose one of the list."))
        found.append(_term("sex", form.one["sex"], words, wanted=True))
    if form.one["variant"]:
        found.append(_variant(form.one["variant"], form.one["assembly"]))
    imaging = _imaging(form, words)
    return _placed([*found, *([imaging] if imaging else [])])


def _term(field: str, typed: str, words: Vocabulary, *, wanted: bool) -> Condition:
    term = words.find(typed)
    if term is None:
        raise Unreadable(
            field,
            say(
                "No member uses the term “{term}”. Choose one of the list, or give an id such as HP:0001250.",
                term=typed,
            ),
            typed,
        )
    name = term.name(language())
    label = name if name == term.id else f"{name} ({term.id})"
    return Condition(label, {"entryType": "individual", "filters": [{"id": term.id}]}, wanted, term.nodes)


def _variant(typed: str, assembly: str) -> Condition:
    try:
        variant = variants.read(typed, assembly)
    except variants.NotAVariant as error:
        raise Unreadable("variant", str(error)) from error
    clause = {"entryType": "genomicVariant", "filters": [], "requestParameters": {"g_variant": variant.asked}}
    return Condition(f"{variant.label} ({variant.asked['assemblyId']})", clause, genotypes=True)


def _imaging(form: Form, words: Vocabulary) -> Condition | None:
    """One series that has all of what was asked: an MR **of the brain**, not an MR and something of the brain."""
    filters, labels = [], []
    for field, name in IMAGING.items():
        if form.one[field]:
            filters.append({"id": name, "operator": "=", "value": form.one[field]})
            labels.append(value_name(name, form.one[field], language()))
    ages = {field: _age(field, form.one[field]) for field in ("from", "to") if form.one[field]}
    if len(ages) == 2 and ages["from"] >= ages["to"]:
        raise Unreadable("to", say("The age “to” must be above the age “from”."))
    for field, operator in (("from", ">="), ("to", "<")):
        if field in ages:
            filters.append({"id": "age", "operator": operator, "value": f"P{ages[field]}Y"})
    if ages:
        labels.append(say("age {years}", years=f"{ages.get('from', 0)}–{ages.get('to', '…')}"))
    if not filters:
        return None
    nodes = [set(words.nodes.get(item["id"], ())) for item in filters]
    return Condition(
        " · ".join(labels),
        {"entryType": "imagingSeries", "filters": filters},
        nodes=tuple(sorted(set.intersection(*nodes))),
    )


def _age(field: str, typed: str) -> int:
    """Whole years."""
    if not re.fullmatch(r"\d{1,3}", typed, re.ASCII) or int(typed) > 120:
        raise Unreadable(
            field, say("An age is a whole number of years from 0 to 120, not “{typed}”.", typed=typed[:20])
        )
    return int(typed)


def _placed(found: Sequence[Condition]) -> list[Condition]:
    """What several members can answer goes to one that another condition needs anyway.

    Otherwise a question about images and sex would be asked of two members, and count only who is in both.
    """
    needed = [condition.nodes[0] for condition in found if len(condition.nodes) == 1]
    placed = []
    for condition in found:
        both = [node for node in needed if node in condition.nodes]
        if len(condition.nodes) > 1 and both:
            condition = replace(condition, clause={**condition.clause, "member": both[0]}, nodes=(both[0],))
        placed.append(condition)
    return placed


def question(found: Sequence[Condition]) -> dict[str, Any]:
    """All conditions as one question."""
    return {
        "all": [condition.clause for condition in found if condition.wanted],
        "none": [condition.clause for condition in found if not condition.wanted],
    }
