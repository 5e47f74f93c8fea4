"""Federation by standards: a Beacon that is not ours, and an institution with a broker, issuer and keys of its own."""

from __future__ import annotations

import ast
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.policy import DatasetRule
from tests.federation import test_joining as joining
from tests.federation.family import Family, MemberData, Person, family
from tests.federation.test_join import clause, grant, members
from tests.federation.test_network_beacon import BASE, ask, beacon, member, official, query
from tests.support import free_port

SOURCE = Path(__file__).with_name("foreign_beacon.py")
FEMALE = {"filters": [{"id": "NCIT:C16576"}]}


@pytest.fixture
def foreign() -> Iterator[tuple[str, str]]:
    """The other institution's Beacon in a process of its own: base URL, and a token of its own sign-in."""
    port, token = free_port(), secrets.token_hex(8)
    process = subprocess.Popen([sys.executable, "-I", str(SOURCE), str(port), token])
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/received")
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield url, token
    finally:
        process.terminate()
        process.wait(20)


async def join(running: Family, url: str) -> None:
    """Have the foreign Beacon join, by its operator's call."""
    place = {"artifact": "beacon", "path": "/api"}
    answer = await joining.join(running, url, "elsewhere", standards=[place])
    assert answer.status_code == 201, answer.text


def received(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{url}/received").json()
    return found


def test_the_foreign_beacon_imports_nothing_but_the_standard_library() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported |= {*names, *([node.module or ""] if isinstance(node, ast.ImportFrom) else [])}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_foreign_beacon_satisfies_the_official_schemas(foreign: tuple[str, str]) -> None:
    url, token = foreign
    for path, name in (
        ("/info", "beaconInfoResponse.json"),
        ("/entry_types", "beaconEntryTypesResponse.json"),
        ("/filtering_terms", "beaconFilteringTermsResponse.json"),
        ("/individuals?requestedGranularity=boolean", "beaconBooleanResponse.json"),
        ("/individuals?requestedGranularity=count", "beaconCountResponse.json"),
        ("/individuals?requestedGranularity=record", "beaconResultsetsResponse.json"),
        ("/individuals?filters=HP:1", "beaconErrorResponse.json"),
    ):
        answer = httpx.get(f"{url}/api{path}", headers={"Authorization": f"Bearer {token}"})
        official(name).validate(answer.json())


async def test_a_beacon_of_another_make_is_a_node_like_the_others(tmp_path: Path, foreign: tuple[str, str]) -> None:
    own = {"one": member(("individuals", beacon("one", "count", 4)), terms=["NCIT:C16576"])}
    async with family(tmp_path, own, joining=joining.HERE) as running:
        await join(running, foreign[0])
        answer = await ask(running, "/individuals", query("count", **FEMALE))
        told = {node["id"]: node for node in answer["info"]["nodes"]}
        assert told["elsewhere"]["numTotalResults"] == 15
        assert told["elsewhere"]["beaconId"] == "org.elsewhere.beacon"
        assert answer["info"]["total"] == {"kind": "bound", "atLeast": 15}
        refused = await ask(running, "/individuals", query("count", filters=[{"id": "HP:1"}]))
        told = {node["id"]: node for node in refused["info"]["nodes"]}
        assert (told["elsewhere"]["status"], told["elsewhere"]["detail"]) == (
            "cannot_answer",
            "HTTP 400: unknown filter HP:1",
        )
        terms = (await ask(running, "/filtering_terms?limit=0"))["response"]["filteringTerms"]
        assert {tuple(term["nodes"]) for term in terms} == {("one", "elsewhere"), ("elsewhere",)}
        nodes = (await running.client.get("/federation/v1/nodes")).json()
        assert [node["entryTypes"] for node in nodes if node["id"] == "elsewhere"] == [["individual"]]


async def test_our_brokers_tokens_do_not_reach_another_institution(tmp_path: Path, foreign: tuple[str, str]) -> None:
    """Our broker makes no token for who is not of its family: that node refuses, and has seen nobody's token."""
    own = {"one": member(("individuals", beacon("one", "count", 4)))}
    async with family(tmp_path, own, joining=joining.HERE) as running:
        await join(running, foreign[0])
        running.broker.good["ours"] = ()
        running.broker.refused.add(foreign[0])
        answer = await ask(running, "/individuals", query(), headers={"Authorization": "Bearer ours"})
        told = {node["id"]: node["status"] for node in answer["info"]["nodes"]}
        assert told == {"one": "answered", "elsewhere": "refused"}
        assert {one["authorization"] for one in received(foreign[0])} == {None}


async def test_a_token_that_the_other_institution_gives_opens_its_records_only(
    tmp_path: Path, foreign: tuple[str, str]
) -> None:
    """The brokers have agreed: ours exchanges a caller's token for one that the other institution's sign-in knows."""
    url, token = foreign
    own = {"one": member(("individuals", beacon("one", "count", 4)))}
    async with family(tmp_path, own, joining=joining.HERE) as running:
        await join(running, url)
        running.broker.good["ours"] = ()
        running.broker.agreed[url] = token
        answer = await ask(running, "/individuals", query("record"), headers={"Authorization": "Bearer ours"})
        (one,) = answer["response"]["resultSets"]
        assert (one["beaconId"], one["info"]["node"], len(one["results"])) == ("org.elsewhere.beacon", "elsewhere", 10)
        assert {one["authorization"] for one in received(url)} == {None, f"Bearer {token}"}
        assert [made for made, (_, audience) in running.broker.made.items() if audience == url] == []


async def test_two_families_with_a_broker_each_share_nothing_but_the_protocol(tmp_path: Path) -> None:
    """A second institution: its gateway, broker, keys and members. Neither's assertions nor tokens open the other's."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    linked = [("gsa-human", "obia")]
    question = {"all": [clause("HP:1"), clause("DCM:MR")], "granularity": "record"}
    async with (
        family(tmp_path / "ours", members(1), linked) as ours,
        family(tmp_path / "theirs", members(2), linked) as theirs,
    ):
        for one in (ours, theirs):
            for name, held in one.members.items():
                grant(one, name, *(rule.accession for rule in held.data.datasets))
        both = [(await one.search(question, one.caller)).json() for one in (ours, theirs)]
        assert [answer["exact"] for answer in both] == [True, True]
        assert both[0]["numRecords"] != both[1]["numRecords"], "other people"
        ours.caller, theirs.caller = "ours", "theirs"
        for one in (ours, theirs):
            one.broker.good = {one.caller: next(iter(one.broker.good.values()))}
        assert (await ours.search(question, "theirs")).status_code == 401
        assert (await theirs.search(question, "ours")).status_code == 401
        stranger = ours.gateway.nodes.members["obia"].model_copy(update={"url": theirs.members["obia"].url})
        ours.gateway.membership.by_id = {**ours.gateway.membership.by_id, "obia": stranger}
        answer = (await ours.search(question)).json()
        told = {node["id"]: node["status"] for node in answer["nodes"]}
        assert (answer["complete"], told) == (False, {"gsa-human": "answered", "obia": "refused"})


async def test_a_gateway_that_is_asked_by_itself_does_not_ask_again(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def asked(request: Any) -> Any:
        seen.append(request.headers.get("via"))
        return beacon("one", "count", 4)(request)

    async with family(tmp_path, {"one": member(("individuals", asked))}) as running:
        own = running.gateway.settings.id
        for via, status in (("1.1 other", 200), (f"1.1 other, 1.1 {running.gateway.settings.id}", 508)):
            answer = await running.client.get(f"{BASE}/individuals", headers={"Via": via})
            assert answer.status_code == status, answer.text
        assert seen == [f"1.1 {own}", f"1.1 other, 1.1 {own}"], "the look for sizes, then the one question"


async def test_a_node_that_is_there_twice_is_counted_once(tmp_path: Path) -> None:
    answer = beacon("same", "count", 9)
    async with family(tmp_path, {"one": member(("individuals", answer)), "two": member(("individuals", answer))}) as it:
        told = await ask(it, "/individuals", query())
        assert [(node["id"], node["status"]) for node in told["info"]["nodes"]] == [
            ("one", "answered"),
            ("two", "invalid"),
        ]
        assert "same Beacon as one" in told["info"]["nodes"][1]["detail"]
        assert told["responseSummary"]["numTotalResults"] == 9


async def test_a_number_larger_than_the_node_counts_for_nothing(tmp_path: Path) -> None:
    def lying(request: Any) -> Any:
        return beacon("lying", "count", 50 if request.method == "GET" else 1_000_000)(request)

    nodes = {"lying": member(("individuals", lying)), "good": member(("individuals", beacon("good", "count", 7)))}
    async with family(tmp_path, nodes) as running:
        answer = await ask(running, "/individuals", query())
        told = {node["id"]: node for node in answer["info"]["nodes"]}
        assert told["lying"]["detail"] == "tells 1000000 of the 50 people that it has in all"
        assert "numTotalResults" not in told["lying"]
        assert answer["info"]["total"] == {"kind": "bound", "atLeast": 7}


@pytest.mark.parametrize(("skew", "complete"), [(20, True), (-20, True), (3600, False), (-3600, False)])
async def test_clocks_that_differ_are_named(tmp_path: Path, skew: int, complete: bool) -> None:
    async with family(tmp_path, members(), [("gsa-human", "obia")]) as running:
        running.gateway.search._clock = lambda: time.time() + skew
        answer = (await running.search({"all": [clause("HP:1"), clause("DCM:MR")]})).json()
        assert answer["complete"] is complete
        if not complete:
            assert all("nonce: made" in node["detail"] for node in answer["nodes"])


async def test_a_key_that_was_changed_at_one_member_first_gives_no_answer(tmp_path: Path) -> None:
    async with family(tmp_path, members(), [("gsa-human", "obia")]) as running:
        question = {"all": [clause("HP:1"), clause("DCM:MR")]}
        assert (await running.search(question)).json()["complete"]
        for name, complete in (("obia", False), ("gsa-human", True)):
            side = running.members[name].side
            object.__setattr__(side, "partners", {partner: bytes(32) for partner in side.partners})
            answer = (await running.search(question)).json()
            assert answer["complete"] is complete
            assert answer["exists"] is (True if complete else None)
            assert all("different keys" in node.get("detail", "") for node in answer["nodes"]) is not complete


async def test_a_hundred_clauses_are_refused(tmp_path: Path) -> None:
    person = Person("HRI000001", None, {"HRA000001": ["HP:1"]})
    data = MemberData([person], terms=["HP:1"], datasets=[DatasetRule("HRA000001", "open", "public", None)])
    async with family(tmp_path, {"gsa-human": data}) as running:
        for wanted, unwanted in ((100, 0), (1, 99), (50, 50)):
            body = {"all": [clause("HP:1")] * wanted, "none": [clause("HP:2")] * unwanted}
            answer = await running.search(body)
            assert answer.status_code == 400
            assert "100 clauses; at most 20" in answer.json()["detail"]
