"""Conditions of visas: rows 26 to 32 of the attack table, and a brute-force oracle."""

from __future__ import annotations

import itertools
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth import conditions
from auth.caller import Visa
from tests.auth.world import A_BROKER, B_FOREIGN, FOREIGN, MEMBER, NOW, World, link

FACULTY = {"said_type": "AffiliationAndRole", "said_value": "faculty@med.example", "said_by": "so"}
STATUS = {"said_type": "ResearcherStatus", "said_value": "https://terms.example/1", "said_by": "system"}


def other(world: World, sub: str = "bob", **changes: Any) -> str:
    return world.visa(FOREIGN, sub=sub, said_source="https://no.organization", jti=None, **changes)


def clause(kind: str = "AffiliationAndRole", **claims: str) -> dict[str, str]:
    return {"type": kind, **claims}


MET: dict[str, list[Any]] = {
    "-- const": [[clause(value="const:faculty@med.example")]],
    "-- pattern": [[clause(value="pattern:faculty@*.example")]],
    "-- pattern with ?": [[clause(value="pattern:f?culty@med.ex?mple")]],
    "-- split_pattern": [[clause(value="split_pattern:faculty@*")]],
    "-- two claims of one visa": [[clause(value="pattern:*@med.example", by="const:so")]],
    "-- and": [[clause(by="const:so"), clause("ResearcherStatus", by="const:system")]],
    "-- or": [[clause(by="const:dac")], [clause(by="const:so")]],
    "26 empty alternative beside a met one": [[], [clause(by="const:so")]],
    "-- source": [[clause(source="const:https://no.organization")]],
}
UNMET: dict[str, list[Any]] = {
    "26 [[]]": [[]],
    "26 [[], []]": [[], []],
    "27 only a type": [[clause()]],
    "27 no type": [[{"value": "const:faculty@med.example"}]],
    "27 names asserted": [[clause(by="const:so", asserted="const:1")]],
    "27 names conditions": [[clause(by="const:so", conditions="const:x")]],
    "27 unknown prefix": [[clause(by="regex:so")]],
    "27 no prefix": [[clause(by="so")]],
    "27 prefix in capitals": [[clause(by="CONST:so")]],
    "27 unknown claim": [[clause(by="const:so", colour="const:red")]],
    "27 value a number": [[{"type": "AffiliationAndRole", "by": 1}]],
    "27 clause a list": [[["type", "AffiliationAndRole"]]],
    "27 clause text": [["AffiliationAndRole"]],
    "27 type a pattern": [[{"type": "pattern:*", "by": "const:so"}]],
    "29 claims over two visas": [[clause(value="const:faculty@med.example", by="const:system")]],
    "29 and with one unmet": [[clause(by="const:so"), clause("ResearcherStatus", by="const:dac")]],
    "31 case": [[clause(value="const:Faculty@med.example")]],
    "31 not the whole text": [[clause(value="pattern:faculty@med")]],
    "31 regex metacharacters": [[clause(value="pattern:faculty@med.exampl.")]],
    "31 regex alternatives": [[clause(value="pattern:(faculty|x)@med.example")]],
    "32 const does not split": [[clause(value="const:faculty@med.example;")]],
    "-- another type": [[clause("AcceptedTermsAndPolicies", by="const:so")]],
}


def conditional(world: World, wanted: Any) -> str:
    return world.visa(said_conditions=wanted)


def met(world: World, wanted: Any, *others: str) -> bool:
    joined = link(world, f"{A_BROKER};{B_FOREIGN}", sub="x")
    found = world.effective(conditional(world, wanted), joined, *others)
    return any(visa.type == "ControlledAccessGrants" for visa in found)


@pytest.mark.parametrize("wanted", MET.values(), ids=MET.keys())
def test_VIS_10_met(world: World, wanted: list[Any]) -> None:
    assert met(world, wanted, other(world, **FACULTY), other(world, **STATUS))


@pytest.mark.parametrize("wanted", [*MET.values(), *UNMET.values()], ids=[*MET.keys(), *UNMET.keys()])
def test_ATTACKS_26_unmet_without_other_visas(world: World, wanted: list[Any]) -> None:
    assert not met(world, wanted)


@pytest.mark.parametrize("wanted", UNMET.values(), ids=UNMET.keys())
def test_ATTACKS_26_to_32_unmet(world: World, wanted: list[Any]) -> None:
    assert not met(world, wanted, other(world, **FACULTY), other(world, **STATUS))


BY_SO = MET["-- or"]


def test_ATTACKS_28_a_conditional_visa_meets_nothing(world: World) -> None:
    itself_met = {"said_conditions": [[clause("ResearcherStatus", by="const:system")]]}
    assert not met(world, BY_SO, other(world, **FACULTY, **itself_met), other(world, **STATUS))


@pytest.mark.parametrize(
    "changes",
    [{"exp": NOW}, {"said_source": "https://elsewhere.example"}, {"sub": "carol"}],
    ids=["expired", "untrusted", "other identity"],
)
def test_ATTACKS_30_meeting_visa_must_itself_be_good(world: World, changes: dict[str, Any]) -> None:
    said = {**FACULTY, "said_source": "https://no.organization", "sub": "bob", "jti": None, **changes}
    assert not met(world, BY_SO, world.visa(FOREIGN, **said))


def test_a_conditional_visa_expires_with_what_meets_it(world: World) -> None:
    joined = link(world, f"{A_BROKER};{B_FOREIGN}", sub="x")
    early = other(world, **FACULTY, exp=NOW + 50)
    found = world.effective(conditional(world, BY_SO), joined, early)
    assert [v.expires for v in found if v.issuer == MEMBER] == [NOW + 50]


def test_ATTACKS_31_patterns_are_matched_in_bounded_time() -> None:
    started = time.perf_counter()
    assert not conditions.glob("a*" * 500 + "b", "a" * 4096)
    assert not conditions.glob("a?" * 500 + "b", "a" * 4096)
    assert not conditions.glob("*" + "a" * 1000 + "b", "a" * 4096)
    assert not conditions.glob("a*" * 5000 + "b", "a" * 10_000)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "wanted",
    [None, {}, "x", [], 7, [{"type": "T", "by": "const:so"}], ["x"], [[], None], [[{"type": "T"}] * 101], [[{}]] * 101],
)
def test_ATTACKS_26_conditions_of_wrong_form_are_told(wanted: Any) -> None:
    with pytest.raises(conditions.InvalidConditions):
        conditions.parse(wanted)


def test_ATTACKS_31_long_patterns_and_values_never_match() -> None:
    assert conditions.glob("a" * 1024, "a" * 1024)
    assert not conditions.glob("a" * 1025, "a" * 1025)
    assert conditions.glob("*", "a" * 4096)
    assert not conditions.glob("*", "a" * 4097)


def test_ATTACKS_31_a_question_mark_is_one_character_of_any_plane() -> None:
    assert conditions.glob("?", "\U0001f600")
    assert conditions.glob("?", "\n")
    assert not conditions.glob("??", "\U0001f600")
    assert not conditions.glob("?", "")


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=10))
@settings(max_examples=400, deadline=None)
def test_VIS_10_glob_agrees_with_a_regular_expression(pattern: str, value: str) -> None:
    expression = "".join({"?": ".", "*": ".*"}.get(c, re.escape(c)) for c in pattern)
    assert conditions.glob(pattern, value) == (re.fullmatch(expression, value, re.DOTALL) is not None)


def _visa(kind: str, value: str, by: str | None, expires: int, conditional: bool) -> Visa:
    own = (((("type", kind), ("by", "const:so")),),) if conditional else ()
    return Visa("i", "s", kind, value, "https://s.example", by, 1, own, expires, None)


def _oracle(wanted: list[list[dict[str, str]]], visas: list[Visa]) -> int | None:
    """The definition, by enumeration of every assignment of visas to clauses."""
    free = [visa for visa in visas if not visa.conditions]
    ends = []
    for alternative in wanted:
        for chosen in itertools.product(free, repeat=len(alternative)) if alternative else ():
            fits = all(
                visa.type == one["type"]
                and len(one) > 1
                and all(
                    getattr(visa, name) is not None
                    and name in ("value", "by", "source")
                    and str(getattr(visa, name)) == text.removeprefix("const:")
                    and text.startswith("const:")
                    for name, text in one.items()
                    if name != "type"
                )
                for one, visa in zip(alternative, chosen, strict=True)
            )
            if fits:
                ends.append(min(visa.expires for visa in chosen))
    return max(ends, default=None)


def test_random_conditions_agree_with_the_definition() -> None:
    chance = random.Random(7)
    kinds, values, bys = ["T", "U"], ["v", "w"], ["so", "dac", None]
    for _ in range(1500):
        visas = [
            _visa(
                chance.choice(kinds),
                chance.choice(values),
                chance.choice(bys),
                chance.randint(1, 9),
                chance.random() < 0.2,
            )
            for _ in range(chance.randint(0, 4))
        ]
        wanted = [
            [
                {
                    "type": chance.choice(kinds),
                    **({"value": f"const:{chance.choice(values)}"} if chance.random() < 0.6 else {}),
                    **({"by": f"const:{chance.choice(['so', 'dac'])}"} if chance.random() < 0.6 else {}),
                }
                for _ in range(chance.randint(0, 3))
            ]
            for _ in range(chance.randint(1, 3))
        ]
        meeting = conditions.met(conditions.parse(wanted), visas)
        ends = None if meeting is None else min(visa.expires for visa in meeting)
        assert ends == _oracle(wanted, visas)
