"""The join of two members: exact against brute force, silent about people, refused where it must be."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from auth.policy import DatasetRule, Floor, PublicGranularity
from federation.pseudonyms import unpack
from tests.federation.family import KEY, Family, MemberData, Person, family
from web.errors import Failure

TERMS_LEFT = ["HP:1", "HP:2", "HP:3", "NCIT:F"]
TERMS_RIGHT = ["DCM:MR", "DCM:CT", "UBERON:brain"]
OPEN, CLOSED = "HRA000001", "HRA000002"
IMAGES, MORE_IMAGES = "OBIA000001", "OBIA000002"


def controlled(*accessions: str) -> list[DatasetRule]:
    return [DatasetRule(accession, "controlled", "public", "D1") for accession in accessions]


def people(seed: int) -> tuple[list[Person], list[Person]]:
    """300 people of GSA-Human in two data sets, 200 of OBIA; some linked, some of them twice."""
    rng = random.Random(seed)
    left = []
    for number in range(300):
        sets = rng.sample([OPEN, CLOSED], rng.choice([1, 1, 2]))
        terms = [term for term in TERMS_LEFT if rng.random() < 0.4]
        left.append(Person(f"HRI{number:06}", f"HRI{number:06}", dict.fromkeys(sets, terms)))
    right = []
    for number in range(200):
        link = f"HRI{rng.randrange(150):06}" if rng.random() < 0.8 else None
        chosen = rng.choice([IMAGES, MORE_IMAGES])
        terms = [term for term in TERMS_RIGHT if rng.random() < 0.5]
        right.append(Person(f"OBII{number:06}", link, {chosen: terms}))
    return left, right


ALL = Floor(1, 1)


def members(seed: int = 1, floor: Floor = ALL, **left_changes: Any) -> dict[str, MemberData]:
    left, right = people(seed)
    human = MemberData(left, terms=TERMS_LEFT, datasets=controlled(OPEN, CLOSED), floor=floor, partners={"obia": KEY})
    for name, value in left_changes.items():
        setattr(human, name, value)
    obia = MemberData(
        right,
        ("dataset", "individual", "imagingStudy"),
        TERMS_RIGHT,
        controlled(IMAGES, MORE_IMAGES),
        floor,
        partners={"gsa-human": KEY},
    )
    return {"gsa-human": human, "obia": obia}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_family(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Family]:
    async with family(tmp_path_factory.mktemp("family"), members(), [("gsa-human", "obia")]) as running:
        yield running


@pytest.fixture
def joined(shared_family: Family) -> Family:
    """The same running family for every test, with nothing granted and nothing recorded."""
    shared_family.broker.__dict__.update(good={}, made={}, refused=set(), exchanges=0, failing=False)
    shared_family.caller = uuid.uuid4().hex  # the gateway keeps exchanged tokens from one test to the next
    for member in shared_family.members.values():
        member.sent.clear()
        member.received.clear()
    return shared_family


def clause(*terms: str) -> dict[str, Any]:
    imaging = any(term in TERMS_RIGHT for term in terms)
    return {"entryType": "imagingStudy" if imaging else "individual", "filters": [{"id": term} for term in terms]}


def oracle(question: Mapping[str, Any], data: Mapping[str, MemberData]) -> set[str]:
    """Persons by their GSA-Human accession, person by person and clause by clause."""

    def meets(person: str, wanted: Mapping[str, Any]) -> bool:
        terms = [item["id"] for item in wanted["filters"]]
        return any(
            one.link == person and any(all(t in found for t in terms) for found in one.terms.values())
            for member in data.values()
            for one in member.people
        )

    linked = {one.link for one in data["obia"].people if one.link}
    both = {one.accession for one in data["gsa-human"].people}
    only_left = not any(item["entryType"] == "imagingStudy" for item in [*question["all"], *question.get("none", [])])
    if not only_left and any(item["entryType"] == "imagingStudy" for item in question["all"]):
        both &= linked
    return {
        person
        for person in both
        if all(meets(person, item) for item in question["all"])
        and not any(meets(person, item) for item in question.get("none", []))
    }


def random_question(rng: random.Random) -> dict[str, Any]:
    terms = [*TERMS_LEFT, *TERMS_RIGHT]
    wanted = [clause(rng.choice(TERMS_LEFT)), *(clause(t) for t in rng.sample(terms, rng.choice([0, 1, 2])))]
    wanted = [item for number, item in enumerate(wanted) if item not in wanted[:number]]
    unwanted = [clause(t) for t in rng.sample(terms, rng.choice([0, 0, 1, 2])) if clause(t) not in wanted]
    return {"all": wanted, "none": unwanted}


async def test_counts_equal_brute_force(tmp_path: Path) -> None:
    rng = random.Random(7)
    data = members(seed=3)
    async with family(tmp_path, data, [("gsa-human", "obia")]) as running:
        for _ in range(30):
            question = random_question(rng)
            expected = len(oracle(question, data))
            answer = (await running.search(question)).json()
            assert answer["complete"], answer
            assert answer["count"] == (expected or None), (question, answer)
            assert answer["suppressed"] is (expected == 0)
            assert answer["exact"] is False


async def test_the_strictest_floor_of_all_applies_and_a_small_side_is_refused(tmp_path: Path) -> None:
    rng = random.Random(11)
    data = members(seed=4, floor=Floor(10, 5))
    async with family(tmp_path, data, [("gsa-human", "obia")], floor={"minimum": 20, "round_to": 4}) as running:
        told = 0
        for _ in range(30):
            question = random_question(rng)
            expected = len(oracle(question, data))
            answer = (await running.search(question)).json()
            if answer["suppressed"]:
                assert answer["exists"] is None
                assert answer["count"] is None
                sides = [node["suppressed"] for node in answer["nodes"]]
                assert expected < 20 or any(sides)
            else:
                told += 1
                assert expected >= 20
                assert answer["count"] == expected - expected % 5, "rounded down by the coarsest of 5, 5 and 4"
        assert told > 5


async def test_a_caller_with_every_grant_gets_exact_numbers_and_records(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    grant(joined, "obia", IMAGES, MORE_IMAGES)
    rng = random.Random(5)
    data = {name: member.data for name, member in joined.members.items()}
    for _ in range(25):
        question = random_question(rng)
        expected = oracle(question, data)
        answer = (await joined.search({**question, "granularity": "record", "limit": 100}, joined.caller)).json()
        assert answer["exact"] is True
        assert answer["count"] == len(expected)
        assert answer["exists"] is bool(expected)
        assert answer["numRecords"] == len(expected)
        assert [record["person"] for record in answer["records"]] == sorted(expected)[:100]


def grant(running: Family, member: str, *datasets: str) -> None:
    token = running.caller
    url = running.members[member].url
    running.broker.good[token] = (
        *running.broker.good.get(token, ()),
        *(f"{url}/datasets/{accession}" for accession in datasets),
    )


async def test_records_hold_both_sides_with_files_and_tiers(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    grant(joined, "obia", IMAGES, MORE_IMAGES)
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record", "limit": 1}
    first = (await joined.search(question, joined.caller)).json()
    second = (await joined.search({**question, "skip": 1}, joined.caller)).json()
    (record,), (other,) = first["records"], second["records"]
    assert record["person"] < other["person"]
    sides = {item["node"]: item for item in record["individuals"]}
    assert set(sides) == {"gsa-human", "obia"}
    assert sides["gsa-human"]["accession"] == record["person"]
    assert sides["obia"]["accession"].startswith("OBII")
    (dataset, *_) = sides["obia"]["datasets"]
    assert dataset["tier"] == "controlled"
    assert dataset["drs"] == [f"drs://node.test/{sides['obia']['accession']}-{dataset['accession']}"]
    assert {item["granularity"] for item in first["access"]} == {"record"}


async def test_records_need_access_at_every_node(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    answer = (
        await joined.search({"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record"}, joined.caller)
    ).json()
    assert "records" not in answer
    assert answer["granularity"] == "count"
    assert answer["refusedBy"] == ["obia"]
    assert answer["exact"] is False
    requests = {item["request"] for item in answer["access"] if item["node"] == "obia"}
    assert requests == {f"{joined.members['obia'].url}/dac/v1/requests"}
    assert b"OBII" not in b"".join(joined.members["obia"].sent), "the node itself must not give it out"


async def test_records_show_only_people_seen_through_granted_data_sets(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN)
    grant(joined, "obia", IMAGES)
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record", "limit": 100}
    answer = (await joined.search(question, joined.caller)).json()
    visible = {
        name: MemberData(
            [
                Person(p.accession, p.link, {k: v for k, v in p.terms.items() if k in (OPEN, IMAGES)})
                for p in member.data.people
            ]
        )
        for name, member in joined.members.items()
    }
    expected = oracle(question, visible)
    assert expected
    assert {record["person"] for record in answer["records"]} == expected
    assert answer["exact"] is False, "there may be more people in the other data sets"
    for record in answer["records"]:
        for individual in record["individuals"]:
            assert {item["accession"] for item in individual["datasets"]} <= {OPEN, IMAGES}


async def test_nobody_is_taken_away_by_a_member_that_hides_people(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    grant(joined, "obia", IMAGES)
    question = {"all": [clause("HP:1")], "none": [clause("DCM:MR")], "granularity": "record"}
    answer = (await joined.search(question, joined.caller)).json()
    assert "records" not in answer
    assert answer["refusedBy"] == ["obia"]


async def test_genotypes_that_are_public_as_boolean_only_make_the_join_boolean(tmp_path: Path) -> None:
    data = members(public=PublicGranularity("count", "boolean"), entry_types=("individual", "genomicVariant"))
    async with family(tmp_path, data, [("gsa-human", "obia")]) as running:
        carrier = {"entryType": "genomicVariant", "filters": [{"id": "HP:1"}], "requestParameters": {"g_variant": {}}}
        answer = (await running.search({"all": [carrier, clause("DCM:MR")], "granularity": "count"})).json()
        assert (answer["granularity"], answer["exists"]) == ("boolean", True)
        assert "count" not in answer
        alone = (await running.search({"all": [carrier]})).json()
        assert (alone["granularity"], alone["exists"]) == ("boolean", True)
        assert "count" not in alone


async def test_the_gateway_receives_no_accession_at_public_granularity(joined: Family) -> None:
    for granularity in ("boolean", "count", "record"):
        await joined.search(
            {"all": [clause("HP:1"), clause("DCM:MR")], "none": [clause("HP:2")], "granularity": granularity}
        )
    seen = b"".join(body for member in joined.members.values() for body in member.sent)
    assert b"pseudonyms" in seen
    decoded = [base64.b64decode(found) for found in re.findall(rb'"pseudonyms":"([^"]+)"', seen)]
    for text in (seen, *decoded):
        # All six digits: fewer come about by chance in texts that are made of random bytes.
        assert not re.search(rb"(HRI|OBII)\d{6}", text)


def pseudonym_texts(sent: list[bytes]) -> list[str]:
    return [text.decode() for text in re.findall(rb'"pseudonyms":"([^"]+)"', b"".join(sent))]


async def test_pseudonyms_of_two_questions_have_nothing_in_common(joined: Family) -> None:
    question = {"all": [clause("HP:1"), clause("DCM:MR")]}
    for _ in range(2):
        await joined.search(question)
    for member in joined.members.values():
        first, second = (unpack(text) for text in pseudonym_texts(member.sent))
        assert len(first) == len(second) > 10
        assert not first & second
    shared = [
        unpack(re.findall(rb'"pseudonyms":"([^"]+)"', b"".join(m.sent))[0].decode()) for m in joined.members.values()
    ]
    assert shared[0] & shared[1], "within one question they are comparable"


async def test_a_member_that_leaves_before_its_records_are_fetched_is_told(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    grant(joined, "obia", IMAGES, MORE_IMAGES)
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record"}
    side = joined.members["obia"].side
    held = side.records

    def gone(_accessions: list[str], _datasets: list[str]) -> dict[str, Any]:
        raise Failure(503, "it left")

    object.__setattr__(side, "records", gone)
    try:
        answer = (await joined.search(question, joined.caller)).json()
    finally:
        object.__setattr__(side, "records", held)
    assert answer["complete"] is False
    assert answer["exists"] is True
    lines = {node["id"]: (node["status"], node.get("detail", "")) for node in answer["nodes"]}
    assert lines == {"gsa-human": ("answered", ""), "obia": ("unreachable", "of its records: HTTP 503")}
    for record in answer["records"]:
        assert {one["node"]: "datasets" in one for one in record["individuals"]} == {"gsa-human": True, "obia": False}


async def test_the_callers_token_reaches_no_member(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN)
    await joined.search({"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record"}, joined.caller)
    received = {name: b"".join(member.received) for name, member in joined.members.items()}
    assert all(joined.caller.encode() not in body for body in received.values())
    for made, (_, audience) in joined.broker.made.items():
        holders = [name for name, body in received.items() if made.encode() in body]
        assert holders == [name for name, member in joined.members.items() if member.url == audience]


async def test_a_bad_token_is_refused_and_never_read_as_nobody(joined: Family) -> None:
    answer = await joined.search({"all": [clause("HP:1")]}, "unknown")
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]
    basic = await joined.client.post(
        "/federation/v1/search", json={"all": [clause("HP:1")]}, headers={"Authorization": "Basic eDp5"}
    )
    assert basic.status_code == 401
    joined.broker.failing = True
    assert (await joined.search({"all": [clause("HP:1")]}, "other")).status_code == 503


async def test_a_member_for_which_the_broker_makes_no_token_is_told_as_refusing(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN)
    joined.broker.refused.add(joined.members["obia"].url)
    answer = (await joined.search({"all": [clause("HP:1"), clause("DCM:MR")]}, joined.caller)).json()
    assert answer["complete"] is False
    assert answer["exists"] is None
    assert {node["id"]: node["status"] for node in answer["nodes"]} == {"gsa-human": "answered", "obia": "refused"}


async def test_concurrent_questions_of_different_callers_do_not_mix(joined: Family) -> None:
    grant(joined, "gsa-human", OPEN, CLOSED)
    grant(joined, "obia", IMAGES, MORE_IMAGES)
    joined.broker.good["none"] = ()
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record"}
    callers = [joined.caller, "none", None] * 10
    answers = [
        answer.json() for answer in await asyncio.gather(*(joined.search(question, caller) for caller in callers))
    ]
    assert [("records" in answer, answer["exact"]) for answer in answers] == [
        (caller == joined.caller, caller == joined.caller) for caller in callers
    ]
    assert joined.broker.exchanges <= 4, "questions of one caller share the exchange"


async def test_explain_says_who_does_what_and_what_leaves(joined: Family) -> None:
    question = {"all": [clause("HP:1"), clause("HP:2"), clause("DCM:MR")], "none": [clause("NCIT:F"), clause("DCM:CT")]}
    answer = (await joined.search({**question, "explain": True})).json()
    steps = {step["node"]: step for step in answer["plan"]["steps"]}
    assert [len(steps["gsa-human"][part]) for part in ("all", "none")] == [2, 1]
    assert [len(steps["obia"][part]) for part in ("all", "none")] == [1, 1]
    assert "pseudonyms" in steps["obia"]["leaves"]
    assert steps["gateway"]["role"] == "intersection"
    assert "plan" not in (await joined.search(question)).json()


BAD_QUESTIONS: list[tuple[dict[str, Any], str]] = [
    ({"all": []}, "at least one clause"),
    ({"all": [clause("HP:1")], "none": [clause("HP:1")]}, "contradicts"),
    ({"all": [clause("HP:1")] * 21}, "at most 20"),
    ({"all": [clause("NOPE:1")]}, "NOPE:1"),
    ({"all": [{"entryType": "cohort"}]}, "no member serves cohort"),
    ({"all": [{**clause("HP:1"), "member": "mars"}]}, "'mars' is not a member"),
    ({"all": [{"entryType": "individual", "filters": [{"id": "HP:1"}, {"id": "DCM:MR"}]}]}, "one clause for each"),
    ({"all": [{"entryType": "individual", "filters": ["HP:1"]}]}, "filters"),
    ({"all": [clause("HP:1")], "granularity": "all"}, "granularity"),
    ({"all": [clause("HP:1")], "limit": 1000}, "limit"),
    ({"all": [clause("HP:1")], "surprise": 1}, "surprise"),
    ({"none": [clause("HP:1")]}, "all"),
]


async def test_bad_questions_are_named(joined: Family) -> None:
    for question, says in BAD_QUESTIONS:
        answer = await joined.search(question)
        assert answer.status_code == 400, answer.text
        assert says in answer.json()["detail"], answer.text


async def test_unlinked_members_cannot_be_joined(tmp_path: Path) -> None:
    async with family(tmp_path, members()) as running:
        answer = await running.search({"all": [clause("HP:1"), clause("DCM:MR")]})
        assert answer.status_code == 400
        assert "not linked" in answer.json()["detail"]
