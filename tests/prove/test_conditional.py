"""Conditional visas against random identities agree with a brute-force oracle (issue 5, "Speed").

The oracle shares no code with what it judges: identities are joined by a transitive closure over all pairs, patterns
are matched by a recursion on their definition, and clauses by trying every visa.
"""

from __future__ import annotations

import os
import random
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import pytest

from auth import conditions, passport
from auth.caller import Visa
from auth.trust import Broker, Trust, TrustEntry

SEED = int(os.environ.get("GSANODE_SEED", "1"))
BROKER, HOME, AWAY, LINKS = "https://b.example", "https://home.example", "https://away.example", "https://links.example"
TRUST = Trust.of(
    (Broker(BROKER),),
    (
        TrustEntry(HOME, f"{HOME}/k", subjects_of=BROKER),
        TrustEntry(AWAY, f"{AWAY}/k"),
        TrustEntry(LINKS, f"{LINKS}/k", types=("LinkedIdentities",)),
    ),
)
SUBJECTS, ISSUERS = ("a", "a", "a", "b", "c;d", "e,f"), (BROKER, AWAY, "https://else.example")
TYPES = ("AffiliationAndRole", "ResearcherStatus", "ControlledAccessGrants")
VALUES = ("faculty@med.example", "student@med.example", "x;faculty@bio.example", "https://t.example/1", "*", "?")
BYS = (None, "self", "peer", "system", "so", "dac")
SOURCES = ("pattern:https://*", f"const:{HOME}/s", "pattern:*away?example/s", "const:https://x.example")
PATTERNS = ("const:faculty@med.example", "pattern:*@med.*", "pattern:?*", "split_pattern:faculty@*", "split_pattern:x")
ODD = ("pattern:", "const", "in:so", "pattern:f??ulty@*", "const:*", "split_pattern:*;*")


class Draw:
    """Random visas of one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.made = 0

    def visa(self, conditional: float) -> Visa:
        pick, self.made = self.chance.choice, self.made + 1
        if self.chance.random() < 0.25:
            pairs = {(pick(SUBJECTS), pick(ISSUERS)) for _ in range(self.chance.randint(1, 3))}
            value = ";".join(f"{quote(sub, safe='')},{quote(issuer, safe='')}" for sub, issuer in sorted(pairs))
            kind, issuer = "LinkedIdentities", LINKS
        else:
            value, kind, issuer = pick(VALUES), pick(TYPES), pick((HOME, HOME, HOME, AWAY))
        wanted = self.conditions() if self.chance.random() < conditional else ()
        expires = self.chance.randint(1, 50)
        jti = f"v{self.made}"
        return Visa(issuer, pick(SUBJECTS), kind, value, f"{issuer}/s", pick(BYS), 1, wanted, expires, jti)

    def conditions(self) -> Any:
        def clause() -> dict[str, str]:
            made = {"type": self.chance.choice(TYPES)}
            for name, among in (("value", PATTERNS), ("by", ("const:so", "pattern:*")), ("source", SOURCES)):
                if self.chance.random() < 0.35:
                    made[name] = self.chance.choice(among if self.chance.random() < 0.9 else ODD)
            if self.chance.random() < 0.1:
                made[self.chance.choice(("asserted", "conditions", "jti"))] = "const:1"
            return made

        drawn = [[clause() for _ in range(self.chance.randint(0, 3))] for _ in range(self.chance.randint(1, 3))]
        return conditions.parse(drawn)


@lru_cache(maxsize=100_000)
def matches(pattern: str, value: str) -> bool:
    """The definition of a pattern, letter by letter."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return matches(pattern[1:], value) or (bool(value) and matches(pattern, value[1:]))
    return bool(value) and pattern[0] in ("?", value[0]) and matches(pattern[1:], value[1:])


def fits(value: str | None, wanted: str) -> bool:
    if value is None or ":" not in wanted:
        return False
    prefix, rest = wanted.split(":", 1)
    if prefix == "const":
        return value == rest
    if prefix == "pattern":
        return matches(rest, value)
    return prefix == "split_pattern" and any(matches(rest, part) for part in value.split(";"))


def owner(visa: Visa) -> tuple[str, str]:
    return visa.subject, BROKER if visa.issuer == HOME else visa.issuer


def effective(start: tuple[str, str], visas: list[Visa]) -> dict[str, int]:
    """``jti`` and expiry of each visa in effect."""
    joins: list[tuple[set[tuple[str, str]], Visa]] = []
    for visa in visas:
        if visa.type == "LinkedIdentities" and not visa.conditions and visa.by not in ("self", "peer"):
            named = [tuple(pair.split(",")) for pair in visa.value.split(";")]
            decoded = {(plain(sub), plain(issuer)) for sub, issuer in named}
            joins.append((decoded | {owner(visa)}, visa))
    reach = {start}
    for _ in range(len(joins) + 1):
        for group, _visa in joins:
            if reach & group:
                reach |= group
    mine = [visa for visa in visas if owner(visa) in reach]
    free = [visa for visa in mine if not visa.conditions]
    found = {}
    for visa in mine:
        if not visa.conditions or any(
            alternative and all(any(meets(other, dict(clause)) for other in free) for clause in alternative)
            for alternative in visa.conditions
        ):
            found[str(visa.jti)] = visa
    return {jti: visa.expires for jti, visa in found.items()}


def plain(text: str) -> str:
    """Percent-decoded."""
    parts = text.split("%")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])


def meets(visa: Visa, clause: dict[str, str]) -> bool:
    kind = clause.pop("type", None)
    known = {"value": visa.value, "by": visa.by, "source": visa.source}
    return (
        kind == visa.type
        and bool(clause)
        and all(name in known and fits(known[name], wanted) for name, wanted in clause.items())
    )


def agree(conditional: int, seed: int) -> int:
    """Compare until that many conditional visas of the person were judged; how many were in effect."""
    draw, judged, held = Draw(seed), 0, 0
    while judged < conditional:
        visas = [draw.visa(0.4) for _ in range(draw.chance.randint(4, 24))]
        start = draw.chance.choice(SUBJECTS), BROKER
        got = passport.combine(start, visas, TRUST)
        wanted = effective(start, visas)
        assert {visa.jti for visa in got} == set(wanted), (start, visas)
        assert all(visa.expires <= wanted[str(visa.jti)] for visa in got)
        judged += sum(bool(visa.conditions) and owner(visa) == start for visa in visas)
        held += sum(bool(visa.conditions) for visa in got)
    return held


def test_conditional_reduced() -> None:
    assert agree(1000, SEED) > 50


@pytest.mark.prove
def test_conditional_10_000_visas() -> None:
    held = agree(10_000, SEED + 1)
    print(f"{held} of 10,000 conditional visas in effect, as the oracle says")
    assert held > 500
