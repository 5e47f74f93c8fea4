"""What each member can be asked: entry types and filtering terms, as its Beacon says them, kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.fanout import Ask, Fanout, Reply, Status
from federation.membership import Membership
from federation.refreshing import Refreshing
from federation.settings import Member


@dataclass(frozen=True)
class Capability:
    """A member's Beacon: its filtering terms and resources as ``listed``, ``prefixes`` the CURIE prefixes in use.

    ``people`` is how many it says to have in all; None where it does not tell.
    """

    entry_types: frozenset[str]
    listed: tuple[dict[str, Any], ...] = ()
    resources: tuple[dict[str, Any], ...] = ()
    people: int | None = None
    terms: frozenset[str] = field(init=False)
    prefixes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        ids = frozenset(term["id"] for term in self.listed)
        object.__setattr__(self, "terms", ids)
        object.__setattr__(self, "prefixes", frozenset(p for p, colon, _ in (i.partition(":") for i in ids) if colon))

    def fit(self, filter_id: str) -> int:
        """How well a filter fits: 2 it is listed, 1 its vocabulary is in use (a descendant may be listed), 0 not."""
        if filter_id in self.terms:
            return 2
        prefix, colon, _ = filter_id.partition(":")
        return 1 if colon and prefix in self.prefixes else 0


class Capabilities:
    """Capabilities by member id; looked up again after ``capabilities_seconds``.

    A member that does not answer keeps what it said before; one that never answered is absent.
    """

    def __init__(self, membership: Membership, fanout: Fanout, clock: Callable[[], float] = time.monotonic) -> None:
        self._membership = membership
        self._settings = membership.configured
        self._fanout = fanout
        self._clock = clock
        # By the node as it was asked: one that joins under the id of another is another.
        self._known: dict[Member, Capability] = {}
        self._stale_at: dict[Member, float] = {}
        self.refreshing = Refreshing(self.look)

    async def known(self) -> Mapping[str, Capability]:
        """What is known now; the first look is waited for, later ones happen beside the questions."""
        await self.refreshing.ready(bool(self._due()))
        return {member.id: self._known[member] for member in self._membership.members if member in self._known}

    def _due(self) -> list[Member]:
        now = self._clock()
        return [m for m in self._membership.members if m.base("beacon") and self._stale_at.get(m, now) <= now]

    async def look(self) -> None:
        """Ask the members whose capabilities are stale."""
        due, asks = self._due(), {}
        for gone in self._stale_at.keys() - set(self._membership.members):
            self._stale_at.pop(gone)
            self._known.pop(gone, None)
        for member in due:
            base = member.base("beacon")
            if base is not None:
                asks[f"{member.id} entry_types"] = Ask(f"{base}/entry_types")
                asks[f"{member.id} filtering_terms"] = Ask(f"{base}/filtering_terms?skip=0&limit=0")
                asks[f"{member.id} individuals"] = Ask(f"{base}/individuals?requestedGranularity=count&limit=1")
        replies = await self._fanout.ask(asks, self._settings.deadline_seconds)
        limits = self._settings.limits
        for node in due:
            looks = (replies[f"{node.id} {of}"] for of in ("entry_types", "filtering_terms", "individuals"))
            read = capability(*looks)
            if read is not None:
                self._known[node] = read
            kept = limits.capabilities_seconds if read is not None else limits.open_seconds
            self._stale_at[node] = self._clock() + kept


def capability(types: Reply, terms: Reply, people: Reply) -> Capability | None:
    """Read the answers (BEA-05, BEA-06, BEA-10); None if the entry types are not there to be read."""
    if types.status is not Status.ANSWERED:
        return None
    found = _at(types.body, "response", "entryTypes")
    if not isinstance(found, dict):
        return None
    return Capability(
        frozenset(map(str, found)),
        _named(_at(terms.body, "response", "filteringTerms")),
        _named(_at(terms.body, "response", "resources")),
        number if isinstance(number := _at(people.body, "responseSummary", "numTotalResults"), int) else None,
    )


def _named(values: Any) -> tuple[dict[str, Any], ...]:
    """Objects of a list that have an id."""
    found = values if isinstance(values, list) else ()
    return tuple(value for value in found if isinstance(value, dict) and isinstance(value.get("id"), str))


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
