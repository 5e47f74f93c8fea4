"""Into which groups people are counted: by sex, by kind of image, by age at imaging. Each group is a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.pages.terms import SEX, Vocabulary, value_name
from web.pages import language

FACETS = ("sex", "modality", "age")
DECADE = 10  # years of a group of ages
MOST_GROUPS = 12


@dataclass(frozen=True)
class Group:
    """People of one group: what it is called, and the clause that they meet besides the question."""

    label: str
    clause: Mapping[str, Any]


def groups(facet: str, words: Vocabulary, involved: Sequence[str]) -> list[Group]:
    """The groups of a facet, none where no member can be asked for it.

    :param involved: members that the question needs anyway: they are asked if they can.
    """
    made = {"sex": _sex, "modality": _modality, "age": _age}[facet](words)
    return [Group(group.label, _placed(group.clause, words, involved)) for group in made[:MOST_GROUPS]]


def _sex(words: Vocabulary) -> list[Group]:
    known = [term for term in words.terms if term.id in SEX]
    return [Group(term.name(language()), {"entryType": "individual", "filters": [{"id": term.id}]}) for term in known]


def _modality(words: Vocabulary) -> list[Group]:
    return [
        Group(
            value_name("modality", value, language()),
            {"entryType": "imagingSeries", "filters": [{"id": "modality", "operator": "=", "value": value}]},
        )
        for value in sorted(words.fields.get("modality", ()))
    ]


def _age(words: Vocabulary) -> list[Group]:
    """Decades between the published edges of ages, the last one open."""
    edges = [int(edge[1:-1]) for edge in words.fields.get("age", ()) if edge[1:-1].isdecimal() and edge.endswith("Y")]
    decades = sorted(edge for edge in edges if edge % DECADE == 0)
    made = []
    for edge in decades:
        filters = [{"id": "age", "operator": ">=", "value": f"P{edge}Y"}]
        label = f"{edge}+"
        if edge != decades[-1]:
            filters.append({"id": "age", "operator": "<", "value": f"P{edge + DECADE}Y"})
            label = f"{edge}–{edge + DECADE - 1}"
        made.append(Group(label, {"entryType": "imagingSeries", "filters": filters}))
    return made


def _placed(clause: Mapping[str, Any], words: Vocabulary, involved: Sequence[str]) -> Mapping[str, Any]:
    """The clause, for a member that is involved where it knows all of its terms."""
    known = {term.id: term.nodes for term in words.terms} | dict(words.nodes)
    able = [node for node in involved if all(node in known.get(item["id"], ()) for item in clause["filters"])]
    return {**clause, "member": able[0]} if able else clause
