"""A filter term as a node knows it: an exact equivalent, where the node does not have the term's vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.capabilities import Capability
from federation.mappings import Mappings


@dataclass(frozen=True)
class Translation:
    """What was ``asked``, what was ``sent`` in its place, and ``by`` which lines of the table."""

    asked: str
    sent: str
    by: tuple[str, ...]

    def told(self) -> dict[str, Any]:
        """As answers and plans show it."""
        return {"asked": self.asked, "sent": self.sent, "by": list(self.by)}


def translations(terms: Iterable[str], capability: Capability, mappings: Mappings) -> tuple[Translation, ...]:
    """The terms that a node knows under another name only.

    A node in which the term's own vocabulary is in use is asked in that: it may know the term by its descendants.
    """
    made = []
    for term in dict.fromkeys(terms):
        if capability.fit(term) > 0:
            continue
        sent = next(((other, by) for other, by in mappings.of(term).items() if other in capability.terms), None)
        if sent is not None:
            made.append(Translation(term, *sent))
    return tuple(made)


def translatable(item: Mapping[str, Any]) -> bool:
    """Whether a filter asks for a term itself: not for a value, whose unit may differ, nor for what is similar."""
    return "value" not in item and item.get("similarity", "exact") == "exact"


def translated(filters: Sequence[Mapping[str, Any]], made: Iterable[Translation]) -> list[Mapping[str, Any]]:
    """Filters of a POST with the terms as they are sent."""
    sent = {one.asked: one.sent for one in made}
    return [{**item, "id": sent[item["id"]]} if item["id"] in sent and translatable(item) else item for item in filters]
