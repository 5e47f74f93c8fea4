"""Large sides: the same exact answers as from lists, in fewer bytes, and only towards whom a member allows it."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.catalog.engine import writing
from federation.alike import Side, told_joined, told_number
from federation.bloom import Bloom
from federation.held import Held
from federation.pseudonyms import blocks, encode, new_nonce
from tests.federation.family import KEY, Family, MemberData, database, family
from tests.federation.test_join import (
    CLOSED,
    IMAGES,
    MORE_IMAGES,
    OPEN,
    clause,
    grant,
    members,
    oracle,
    random_question,
)
from web.errors import Failure

LINKS = [("gsa-human", "obia")]


def semi_joining(large: int = 10, **allowed: bool) -> dict[str, MemberData]:
    """The members of the other tests, who hold sides of more than ``large`` people."""
    data = members()
    for name, partner in (("gsa-human", "obia"), ("obia", "gsa-human")):
        data[name].large = large
        data[name].semi_join_to = [partner] if allowed.get(name.replace("-", "_"), True) else []
    return data


def wants(running: Family) -> list[str]:
    """The steps that members were asked for, in no order."""
    received = [b"".join(member.received) for member in running.members.values()]
    decoder, found = json.JSONDecoder(), []
    for text in (body.decode() for body in received):
        at = 0
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found += [value["want"]] if "want" in value else []
    return sorted(found)


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("both hold", {}, ["candidates", "confirm", "filter"]),
    ("the smaller is not to be told of", {"obia": False}, ["pseudonyms"]),
    ("the larger is not to be told of", {"gsa_human": False}, ["pseudonyms"]),
    ("neither is", {"gsa_human": False, "obia": False}, []),
    ("only the larger is large", {"large": 90}, ["candidates"]),
    ("neither is large", {"large": 1000}, []),
]


@pytest.mark.parametrize(("name", "settings", "steps"), CASES, ids=[case[0] for case in CASES])
async def test_steps_are_those_that_both_members_allow(
    tmp_path: Path, name: str, settings: dict[str, Any], steps: list[str]
) -> None:
    data = semi_joining(**settings)
    question = {"all": [clause("HP:1"), clause("DCM:MR")]}
    async with family(tmp_path, data, LINKS) as running:
        answer = (await running.search(question)).json()
        assert answer["count"] == len(oracle(question, data))
        assert wants(running) == steps


async def test_random_questions_have_the_answers_of_lists(tmp_path: Path) -> None:
    data, rng = semi_joining(), random.Random(3)
    questions = [random_question(rng) for _ in range(25)]
    async with family(tmp_path, data, LINKS) as running:
        for name, sets in (("gsa-human", (OPEN, CLOSED)), ("obia", (IMAGES, MORE_IMAGES))):
            grant(running, name, *sets)
        for question in questions:
            for token in (None, running.caller):
                answer = (await running.search({**question, "granularity": "count"}, token)).json()
                expected = len(oracle(question, data))
                assert (answer["count"] or 0) == expected, (question, answer)
        assert {"filter", "candidates", "confirm"} <= set(wants(running))
        held = {name: one.side.held for name, one in running.members.items()}
        for one in held.values():
            with pytest.raises(Failure) as gone:
                one.answer(new_nonce(time.time()), {"want": "filter"}, time.time())
            assert gone.value.status == 404


async def test_a_member_that_leaves_between_two_steps_is_told(tmp_path: Path) -> None:
    data = semi_joining()
    async with family(tmp_path, data, LINKS) as running:

        class Gone:
            large = 10

            def keep(self, *_given: object) -> None:
                return None

            def answer(self, *_given: object) -> dict[str, Any]:
                raise Failure(503, "it left")

        object.__setattr__(running.members["gsa-human"].side, "held", Gone())
        answer = (await running.search({"all": [clause("HP:1"), clause("DCM:MR")]})).json()
        assert answer["complete"] is False
        assert answer["exists"] is None
        assert {node["id"]: node["status"] for node in answer["nodes"]} == {
            "gsa-human": "unreachable",
            "obia": "answered",
        }


def made(*numbers: int) -> Any:
    return blocks(KEY, bytes(24), bytes(32), [f"HRI{number:06}" for number in numbers])


def test_nothing_is_held_after_the_last_step_or_a_minute(tmp_path: Path) -> None:
    engine = database(tmp_path, "held")
    held, nonce = Held(writing(engine)), bytes(24)
    for last in (
        {"want": "candidates", "filter": "AAAA"},
        {"want": "confirm", "candidates": ""},
        {"want": "pseudonyms"},
    ):
        held.keep(nonce, made(1, 2), 1000)
        for _ in range(2):
            assert held.answer(nonce, {"want": "filter"}, 1060)["filter"]
        held.answer(nonce, last, 1060)
        with pytest.raises(Failure, match="nothing is held"):
            held.answer(nonce, {"want": "filter"}, 1060)
    held.keep(nonce, made(1, 2), 1000)
    with pytest.raises(Failure, match="nothing is held"):
        held.answer(nonce, {"want": "filter"}, 1061)
    held.keep(bytes(23) + b"1", made(1), 1061)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM federation_held_side").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    "step",
    [
        {"want": "candidates"},
        {"want": "candidates", "filter": "no base64!"},
        {"want": "confirm"},
        {"want": "confirm", "candidates": "AAAA"},
    ],
)
def test_steps_that_cannot_be_read_are_refused(tmp_path: Path, step: dict[str, Any]) -> None:
    engine = database(tmp_path, "held")
    held = Held(writing(engine))
    held.keep(bytes(24), made(1, 2), 1000)
    with pytest.raises(Failure) as refused:
        held.answer(bytes(24), step, 1000)
    assert refused.value.status == 400
    engine.dispose()


@given(st.sets(st.integers(0, 99_999), max_size=60), st.sets(st.integers(0, 99_999), max_size=60))
def test_everybody_of_a_filter_passes_it(inside: set[int], others: set[int]) -> None:
    both, bloom = inside & others, Bloom.of(made(*inside))
    passing = {bytes(row) for row in bloom.passing(made(*others))}
    assert {bytes(row) for row in made(*both)} <= passing


def test_few_others_pass_a_filter() -> None:
    bloom = Bloom.of(made(*range(20_000)))
    passing = len(bloom.passing(made(*range(20_000, 120_000))))
    assert len(bloom.packed) == 20_000 * 12 // 8
    assert 100 < passing < 600, "3 in 1,000"
    empty = Bloom(bytes(64)).passing(made(1, 2))
    assert len(empty) == 0
    with pytest.raises(ValueError, match="empty"):
        Bloom(b"").passing(made(1))


@given(st.frozensets(st.integers(0, 40)), st.frozensets(st.integers(0, 40)), st.booleans(), st.integers(1, 6))
def test_sizes_tell_what_lists_tell(one: frozenset[int], other: frozenset[int], away: bool, apart: int) -> None:
    sides = [Side(frozenset(bytes([number]) for number in side)) for side in (one, other)]
    by_lists = len(told_joined(sides[0], sides[1], away=away, apart=apart))
    assert told_number(len(one), len(other), len(one & other), away=away, apart=apart) == by_lists


async def test_nothing_is_held_for_who_is_not_a_trusted_gateway(tmp_path: Path) -> None:
    async with family(tmp_path, semi_joining(), LINKS) as running:
        url = running.members["obia"].url
        body = {"nonce": encode(new_nonce(time.time())), "want": "pseudonyms"}
        for headers in ({}, {"Authorization": "Bearer x"}):
            answer = await running.client.post(f"{url}/federation/v1/side/held", json=body, headers=headers)
            assert answer.status_code == 401
