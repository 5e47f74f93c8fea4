"""What identifies the people of a study: the values that the rules take out, gathered before free text is cleaned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.deid.rules import TEXT, Action, Profile

SHORTEST_PHRASE = 3
SHORTEST_NUMBER = 3  # digits; shorter numbers are equal to too much that is none
DIGITS = re.compile(r"\d+")
NOT_DIGITS = re.compile(r"\D+")
EMPTY_VALUES = frozenset({"", "NONE", "UNKNOWN", "N/A", "NA", "ANONYMIZED", "ANONYMOUS", "REMOVED", "NULL", "OTHER"})


@dataclass
class Known:
    """Identifying values of one study.

    :ivar names: person names as in PN: components by ``^``, groups by ``=``.
    :ivar phrases: other identifying values, whole.
    :ivar numbers: identifiers and dates, as numbers.
    """

    names: set[str] = field(default_factory=set)
    phrases: set[str] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    harmless: dict[tuple[str, bytes], bool] = field(default_factory=dict, compare=False)  # private values judged before

    def note(self, profile: Profile, tag: int, vr: str, text: str) -> None:
        """Remember the values of an element, if the profile takes them out."""
        if vr == "PN":
            self.names.update(_values(text))
            return
        if vr in {"DA", "DT"}:
            days = (value[:8] for value in _values(text))
            self.numbers.update(int(day) for day in days if day.isascii() and day.isdigit())
            return
        if vr not in TEXT:
            return
        if profile.action(tag, vr) in {Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.ACCESSION}:
            values = _values(text)
            self.phrases.update(value for value in values if len(value) >= SHORTEST_PHRASE)
            self.numbers.update(filter(None, map(number_of, values)))

    def document(self) -> dict[str, list[Any]]:
        """The values as JSON; to be kept as private as the originals."""
        return {"names": sorted(self.names), "phrases": sorted(self.phrases), "numbers": sorted(self.numbers)}

    @classmethod
    def of(cls, document: Mapping[str, Iterable[Any]]) -> Known:
        """The values of a :meth:`document`."""
        return cls(set(document["names"]), set(document["phrases"]), set(document["numbers"]))

    def update(self, other: Known) -> None:
        """Add what another file of the study holds."""
        self.names |= other.names
        self.phrases |= other.phrases
        self.numbers |= other.numbers


def number_of(value: str) -> int | None:
    """The digits of an identifier as a number, if there are enough."""
    digits = NOT_DIGITS.sub("", value)
    return int(digits) if SHORTEST_NUMBER <= len(digits) <= 20 else None


def _values(text: str) -> list[str]:
    stripped = (value.strip(" \0\r\n\t") for value in text.split("\\"))
    return [value for value in stripped if value.upper() not in EMPTY_VALUES]
