"""Terms that people can be asked for: what they are called in both languages, and which fit what is typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CURIE = re.compile(r"\w+:\S{1,100}")
SEX = ("NCIT:C16576", "NCIT:C20197")


@dataclass(frozen=True)
class Term:
    """A term. ``nodes`` list it; a broad one is listed by none and holds of people through its descendants."""

    id: str
    label: str
    chinese: str
    nodes: tuple[str, ...] = ()

    def name(self, language: str) -> str:
        """What it is called, the id where nothing is known."""
        return (self.chinese if language == "zh" else "") or self.label or self.id


@dataclass(frozen=True)
class Vocabulary:
    """What the members can be asked.

    :param terms: of people, those in use first.
    :param fields: listed values of fields such as ``modality``, by id; ``nodes`` that list each field.
    """

    terms: Sequence[Term]
    fields: Mapping[str, Sequence[str]]
    nodes: Mapping[str, Sequence[str]]

    def find(self, typed: str) -> Term | None:
        """The term that was typed by its id or by its name in either language; any other id is a term of its own."""
        wanted = typed.casefold()
        for term in self.terms:
            if wanted in (term.id.casefold(), term.label.casefold(), term.chinese.casefold()):
                return term
        return Term(typed, "", "") if CURIE.fullmatch(typed) else None

    def suggest(self, typed: str, limit: int = 12) -> list[Term]:
        """Terms that fit what is typed so far: where it begins a name first, then a word, then anywhere."""
        wanted = typed.casefold().split()
        ranked = [(rank, place, term) for place, term in enumerate(self.terms) if (rank := _rank(term, wanted)) < 4]
        return [term for _, _, term in sorted(ranked, key=lambda one: one[:2])[:limit]]


def _rank(term: Term, wanted: Sequence[str]) -> int:
    """0 best; 4 does not fit."""
    texts = [text.casefold() for text in (term.label, term.chinese, term.id) if text]
    if not wanted:
        return 0
    if not all(any(word in text for text in texts) for word in wanted):
        return 4
    whole = " ".join(wanted)
    if any(text.startswith(whole) for text in texts):
        return 0
    begun = all(any(part.startswith(word) for text in texts for part in re.split(r"\W+", text)) for word in wanted)
    return 1 if begun else 2


def vocabulary(merged: Iterable[Mapping[str, Any]]) -> Vocabulary:
    """The vocabulary of merged filtering terms (``federation.beacon.merged_terms``)."""
    listed, fields, nodes = [], {}, {}
    for term in merged:
        if term.get("type") == "alphanumeric":
            fields[term["id"]], nodes[term["id"]] = list(term.get("values", ())), list(term["nodes"])
        elif "individual" in term.get("scopes", ()):
            english, chinese = _names("terms").get(term["id"], ("", ""))
            listed.append(Term(term["id"], term.get("label") or english, chinese, tuple(term["nodes"])))
    used = {term.id for term in listed}
    prefixes = {id.partition(":")[0] for id in used}
    broad = [
        Term(id, english, chinese)
        for id, (english, chinese) in _names("broad").items()
        if id not in used and id.partition(":")[0] in prefixes
    ]
    return Vocabulary([*sorted(listed, key=lambda term: term.label.casefold()), *broad], fields, nodes)


def value_name(field: str, value: str, language: str) -> str:
    """What a value of a field is called, itself where nothing is known."""
    english, chinese = _file()["values"].get(field, {}).get(value, (value, value))
    return str(chinese if language == "zh" else english)


def _names(part: str) -> Mapping[str, tuple[str, str]]:
    return _file()[part]  # type: ignore[no-any-return]


@cache
def _file() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load((HERE / "labels.yaml").read_text(encoding="utf-8"))
    return loaded
