"""Whose visas may be put together (Passport 1.2.1, LinkedIdentities; VIS-08)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from auth.caller import Visa
from auth.trust import Trust

Identity = tuple[str, str]
"""(subject, issuer): a pair, never a concatenation."""

MAX_LINKS = 100


def identity(visa: Visa, trust: Trust) -> Identity:
    """Whom ``visa`` is about: a subject of its issuer, or of the broker whose subjects that issuer uses."""
    entry = trust.issuers.get(visa.issuer)
    return visa.subject, (entry.subjects_of if entry is not None else None) or visa.issuer


def links(value: str) -> frozenset[Identity]:
    """Identities in the value of a LinkedIdentities visa; empty unless every one of them is well formed."""
    found = set()
    for pair in value.split(";"):
        subject, comma, issuer = pair.partition(",")
        if not comma or not subject or not issuer or "," in issuer:
            return frozenset()
        try:
            found.add((unquote(subject, errors="strict"), unquote(issuer, errors="strict")))
        except UnicodeDecodeError:
            return frozenset()
    return frozenset(found) if len(found) <= MAX_LINKS else frozenset()


def person(start: Identity, visas: Iterable[Visa], trust: Trust) -> dict[Identity, tuple[Visa, ...]]:
    """All identities of the one who is ``start``, each with the LinkedIdentities visas that lead to it.

    A link that its subject or a peer asserts, or that has conditions, joins nobody.
    """
    groups = [
        (visa, links(visa.value) | {identity(visa, trust)})
        for visa in visas
        if visa.type == "LinkedIdentities" and not visa.conditions and visa.by not in ("self", "peer")
    ]
    known: dict[Identity, tuple[Visa, ...]] = {start: ()}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        for link, group in groups:
            for other in group - known.keys() if here in group else ():
                known[other] = (*known[here], link)
                waiting.append(other)
    return known
