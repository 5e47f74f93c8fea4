"""AND-differences through the gateway leak no more than at a node (issue of the federation, "Done when")."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auth.policy import Floor
from federation.alike import MOST_CONDITIONS, Side, TooManyConditions, told, told_joined, without_one
from tests.federation.differences import FORMS, everybody, found, members, targets
from tests.federation.family import family

LINKS = [("gsa-human", "obia")]
ROUNDED = Floor(5, 2)  # shows a difference of one person in every second case


async def attacked(folder: Path, apart: int, seed: int, people: int, most: int) -> dict[str, list[bool]]:
    """By form of attack, of which of the people with the secret it was found out."""
    known = everybody(seed)
    outcomes: dict[str, list[bool]] = {}
    async with family(folder, members(known, ROUNDED, apart), LINKS) as running:
        for form in FORMS:
            sought = targets(known, form, having=True)[:people]
            outcomes[form] = [await found(running, known, target, form, most) for target in sought]
            for target in targets(known, form, having=False)[:1]:
                assert not await found(running, known, target, form, most), "nothing is told of who has it not"
    return outcomes


async def test_nobody_is_found_by_differences_of_joined_questions(tmp_path: Path) -> None:
    outcomes = await attacked(tmp_path, 5, seed=1, people=1, most=3)
    assert all(outcomes.values()), "every form has its targets"
    assert not any(any(hits) for hits in outcomes.values()), outcomes


async def test_without_the_rule_the_same_attacks_find_people(tmp_path: Path) -> None:
    """The attacks are real: where questions are told apart by one person, every form of them succeeds."""
    outcomes = await attacked(tmp_path, 1, seed=1, people=2, most=5)
    assert all(any(hits) for hits in outcomes.values()), outcomes


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(2, 7))
async def test_join_differences_at_full_count(tmp_path: Path, seed: int) -> None:
    (tmp_path / "protected").mkdir()
    (tmp_path / "open").mkdir()
    protected = await attacked(tmp_path / "protected", 5, seed, people=8, most=12)
    unprotected = await attacked(tmp_path / "open", 1, seed, people=8, most=12)
    for name, outcomes in (("told alike", protected), ("told apart", unprotected)):
        print(name, {form: f"{sum(hits)} of {len(hits)}" for form, hits in outcomes.items()})
    assert not any(any(hits) for hits in protected.values())
    assert sum(map(sum, unprotected.values())) > sum(map(len, unprotected.values())) / 2


PEOPLE = st.frozensets(st.integers(0, 25), max_size=26)


def question(*terms: int) -> dict[str, list[dict[str, object]]]:
    return {"all": [{"entryType": "individual", "filters": [{"id": str(term)} for term in terms]}], "none": []}


@given(st.lists(PEOPLE, min_size=1, max_size=4), st.integers(1, 4))
def test_a_condition_that_takes_the_fewest_away_is_not_seen(terms: list[frozenset[int]], few: int) -> None:
    """ "A" and "A and B" are told alike where B takes one to four people away, and no part of A fewer."""
    holds = [term | frozenset(range(26, 40)) for term in terms]
    holds.append(frozenset(range(40)) - frozenset(sorted(frozenset(range(40)).intersection(*holds))[:few]))

    def meet(asked: Mapping[str, Any]) -> frozenset[str]:
        names = [one["id"] for clause in asked["all"] for one in clause["filters"]]
        return frozenset(map(str, frozenset(range(40)).intersection(*(holds[int(name)] for name in names))))

    plain, more = (question(*range(number)) for number in (len(terms), len(holds)))
    changes = [len(meet(less) ^ meet(more)) for less in without_one(more)]
    assert changes[-1] == few
    assume(all(change == 0 or change > few for change in changes[:-1]))
    assert meet(told(plain, meet, 5)) == meet(told(more, meet, 5))
    assert meet(told(more, meet, 1)) == meet(more)


def test_conditions_are_filters_and_unwanted_clauses() -> None:
    asked = {
        "all": [{"entryType": "i", "filters": [{"id": "A"}, {"id": "B"}]}, {"entryType": "i"}],
        "none": [
            {"entryType": "i", "filters": [{"id": "C"}]},
            {"entryType": "s", "filters": [{"id": "D"}, {"id": "E"}]},
        ],
    }
    said = [
        ["".join(f["id"] for f in clause.get("filters", [])) for clause in (*less["all"], *less["none"])]
        for less in without_one(asked)
    ]
    assert said == [
        ["B", "", "C", "DE"],
        ["A", "", "C", "DE"],
        ["AB", "", "DE"],
        ["AB", "", "C"],
        ["AB", "", "C", "E"],
        ["AB", "", "C", "D"],
    ]
    assert without_one({"all": [], "none": [{"entryType": "i", "filters": [{"id": "A"}]}]}) == []
    with pytest.raises(TooManyConditions, match="17 conditions"):
        without_one(question(*range(MOST_CONDITIONS + 1)))


def side(*people: int, gained: tuple[int, ...] = (), lost: tuple[int, ...] = ()) -> Side:
    made = [frozenset(bytes([number]) for number in numbers) for numbers in (people, gained, lost)]
    return Side(made[0], [(made[1], made[2])] if gained or lost else [])


@pytest.mark.parametrize(
    ("kept", "other", "away", "number"),
    [
        (side(*range(30)), side(*range(20)), False, 20),  # neither side takes few away
        (side(*range(30)), side(*range(27)), False, 30),  # the other side takes three away
        (side(*range(27)), side(*range(30)), False, 30),  # this side takes three away
        (side(*range(30)), side(*range(27, 40)), True, 30),  # three are to be taken away: nobody is
        (side(*range(30)), side(*range(20, 40)), True, 20),
        (side(*range(30), gained=(30, 31, 50)), side(*range(10, 40)), False, 22),  # two of the three are in both
        (side(*range(30), gained=(50, 51)), side(*range(10, 40)), False, 20),  # none of the two is
        (side(*range(30), lost=(15,)), side(*range(10, 40)), False, 19),
        (side(*range(30), gained=tuple(range(30, 40))), side(*range(10, 40)), False, 20),  # ten are not few
    ],
)
def test_joined_questions_are_told_alike_by_what_both_sides_share(
    kept: Side, other: Side, away: bool, number: int
) -> None:
    assert len(told_joined(kept, other, away=away, apart=5)) == number
    exact = len(kept.people - other.people if away else kept.people & other.people)
    assert len(told_joined(kept, other, away=away, apart=1)) == exact
