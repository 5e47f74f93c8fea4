"""One person known but for one thing, sought by the difference of two joined questions, through a real gateway.

The attacker knows everything about everybody, links and images included, except whether the target has ``SECRET``. Each
attack asks for people with the secret and, beside them, for the same people with one condition more of which the
attacker knows that it sets the target apart and nobody else. Where the two answers differ, the target has the secret.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from typing import Any

from auth.policy import Floor
from tests.federation.family import KEY, Family, MemberData, Person
from tests.federation.test_join import IMAGES, OPEN, controlled

SECRET, USUAL, ODD = "HP:7", "HP:8", "HP:9"
COMMON = ("HP:1", "HP:2", "HP:3", "HP:4", "HP:5", "HP:6", "NCIT:F")
MR, SHARP, BLURRED = "DCM:MR", "DCM:SHARP", "DCM:BLURRED"
Question = dict[str, Any]


@dataclass(frozen=True)
class Everybody:
    """Terms at GSA-Human and at OBIA by number of the person; everyone is linked."""

    human: tuple[frozenset[str], ...]
    images: tuple[frozenset[str], ...]

    @cached_property
    def _with(self) -> dict[str, int]:
        """By term, who has it: a bit for each person."""
        every = (own | seen for own, seen in zip(self.human, self.images, strict=True))
        found = dict.fromkeys((*COMMON, SECRET, USUAL, ODD, MR, SHARP, BLURRED), 0)
        for number, terms in enumerate(every):
            for term in terms:
                found[term] |= 1 << number
        return found

    def having(self, terms: frozenset[str]) -> int:
        """Who has all of these, a bit for each person."""
        return reduce(int.__and__, (self._with[term] for term in terms), (1 << len(self.human)) - 1)


def everybody(seed: int, people: int = 600) -> Everybody:
    """People of whom one in thirty is odd: in GSA-Human, among the images, or in both."""
    dice = random.Random(seed)
    human, images = [], []
    for _ in range(people):
        own = {term for term in COMMON if dice.random() < 0.6} | ({SECRET} if dice.random() < 0.5 else set())
        human.append(frozenset(own | ({ODD} if dice.random() < 0.03 else {USUAL})))
        scanned = {MR} if dice.random() < 0.6 else set()
        images.append(frozenset(scanned | ({BLURRED} if dice.random() < 0.03 else {SHARP})))
    return Everybody(tuple(human), tuple(images))


def members(known: Everybody, floor: Floor, apart: int) -> dict[str, MemberData]:
    """The two members that hold these people."""
    left = [Person(f"HRI{n:06}", f"HRI{n:06}", {OPEN: terms}) for n, terms in enumerate(known.human)]
    right = [Person(f"OBII{n:06}", f"HRI{n:06}", {IMAGES: terms}) for n, terms in enumerate(known.images)]
    terms = [*COMMON, SECRET, USUAL, ODD]
    human = MemberData(left, (*MemberData.entry_types,), terms, controlled(OPEN), floor, apart, partners={"obia": KEY})
    types, seen = (*MemberData.entry_types, "imagingStudy"), [MR, SHARP, BLURRED]
    obia = MemberData(right, types, seen, controlled(IMAGES), floor, apart, partners={"gsa-human": KEY})
    return {"gsa-human": human, "obia": obia}


def _clause(*terms: str) -> Question:
    imaging = any(term.startswith("DCM") for term in terms)
    return {"entryType": "imagingStudy" if imaging else "individual", "filters": [{"id": term} for term in terms]}


Pair = tuple[Question, Question]
Forms = Mapping[str, tuple[frozenset[str], frozenset[str], Callable[[tuple[str, ...]], Pair]]]
FORMS: Forms = {
    # name: what the target lacks or has at the one member or the other, and the two questions
    "a filter more": (frozenset({USUAL}), frozenset(), lambda c: (
        {"all": [_clause(*c, SECRET), _clause(MR)]}, {"all": [_clause(*c, SECRET, USUAL), _clause(MR)]})),
    "a clause more": (frozenset({USUAL}), frozenset(), lambda c: (
        {"all": [_clause(*c, SECRET), _clause(MR)]}, {"all": [_clause(*c, SECRET), _clause(USUAL), _clause(MR)]})),
    "none of a clause": (frozenset({USUAL}), frozenset(), lambda c: (
        {"all": [_clause(*c, SECRET), _clause(MR)]},
        {"all": [_clause(*c, SECRET), _clause(MR)], "none": [_clause(ODD)]})),
    "a filter more on images": (frozenset(), frozenset({SHARP}), lambda c: (
        {"all": [_clause(*c, SECRET), _clause(MR)]}, {"all": [_clause(*c, SECRET), _clause(MR, SHARP)]})),
    "none of the images": (frozenset(), frozenset({SHARP}), lambda c: (
        {"all": [_clause(*c, SECRET), _clause(MR)]},
        {"all": [_clause(*c, SECRET), _clause(MR)], "none": [_clause(BLURRED)]})),
    "the other side more": (frozenset(), frozenset({SHARP}), lambda c: (
        {"all": [_clause(*c, SECRET)]}, {"all": [_clause(*c, SECRET), _clause(SHARP)]})),
    "at one member": (frozenset({USUAL}), frozenset(), lambda c: (
        {"all": [_clause(*c, SECRET)]}, {"all": [_clause(*c, SECRET)], "none": [_clause(ODD)]})),
}  # fmt: skip


def pairs(known: Everybody, target: int, form: str) -> Iterator[Pair]:
    """The pairs of questions whose answers differ by the target and nobody else, if it has the secret."""
    human, images, questions = FORMS[form]
    own = sorted(known.human[target] & frozenset(COMMON))
    base = frozenset() if form in ("at one member", "the other side more") else frozenset({MR})
    for size in range(len(own) + 1):
        for chosen in combinations(own, size):
            alike = known.having(base.union(chosen))
            apart = alike & ~known.having(base.union(chosen, human, images))
            if apart & known.having(frozenset({SECRET})) & ~(1 << target) == 0 and apart >> target & 1:
                yield questions(chosen)


def targets(known: Everybody, form: str, *, having: bool) -> list[int]:
    """People of whom a pair of questions can be made."""
    found = (n for n, own in enumerate(known.human) if (SECRET in own) is having)
    return [n for n in found if next(pairs(known, n, form), None) is not None]


async def found(running: Family, known: Everybody, target: int, form: str, most: int) -> bool:
    """Whether any of at most ``most`` pairs of questions tells that the target has the secret."""
    for asked, _ in zip(pairs(known, target, form), range(most), strict=False):
        one, other = [(await running.search(question)).json() for question in asked]
        assert one["complete"], one
        if (one["count"], one["suppressed"]) != (other["count"], other["suppressed"]):
            return True
    return False
