"""Manifests: every file of the people who may be seen and no other, in four forms, whatever members answer."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.policy import Floor
from tests.federation.family import KEY, Family, MemberData, Person, family
from tests.federation.test_join import CLOSED, IMAGES, OPEN, controlled

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = 30
BOTH = [
    {"entryType": "individual", "filters": [{"id": "HP:1"}]},
    {"entryType": "imagingSeries", "filters": [{"id": "modality", "operator": "=", "value": "MR"}]},
]


class Drs:
    """The bulk operations of a member's DRS: one file per data set of a person, id ``PERSON-DATASET``."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.broken: dict[str, Any] = {}  # id -> what its record says instead
        self.codes: dict[str, int] = {}  # id -> error code
        self.asked: list[int] = []
        self.tokens: set[str | None] = set()

    def record(self, id: str) -> dict[str, Any]:
        sha256 = hashlib.sha256(id.encode()).hexdigest()
        made = {
            "id": id,
            "name": f"{id}.bin",
            "self_uri": f"drs://{self.host}/{id}",
            "size": len(id),
            "created_time": "2026-01-01T00:00:00Z",
            "checksums": [{"type": "sha-256", "checksum": sha256}],
            "access_methods": [{"type": "https", "access_id": "https"}],
        }
        return made | self.broken.get(id, {})

    async def objects(self, request: Request) -> Response:
        ids = (await request.json())["bulk_object_ids"]
        self.asked.append(len(ids))
        self.tokens.add(request.headers.get("authorization"))
        refused = [{"error_code": self.codes[id], "object_ids": [id]} for id in ids if id in self.codes]
        told = [self.record(id) for id in ids if id not in self.codes]
        return JSONResponse({"resolved_drs_object": told, "unresolved_drs_objects": refused})

    async def access(self, request: Request) -> Response:
        ids = [one["bulk_object_id"] for one in (await request.json())["bulk_object_access_ids"]]
        urls = [{"drs_object_id": id, "url": f"https://bytes.test/{id}?sig=a&b=c"} for id in ids if "07" not in id]
        refused = [{"error_code": 403, "object_ids": [id for id in ids if "07" in id]}]
        return JSONResponse({"resolved_drs_object_access_urls": urls, "unresolved_drs_objects": refused})

    def routes(self) -> list[Route]:
        base = "/ga4gh/drs/v1/objects"
        return [
            Route(base, self.objects, methods=["POST"]),
            Route(f"{base}/access", self.access, methods=["POST"]),
        ]


class Member(MemberData):
    """A member whose DRS can be told to fail."""

    drs: Drs


def members() -> dict[str, MemberData]:
    human = [
        Person(f"HRI{n:02}", f"HRI{n:02}", {OPEN: ["HP:1"]} if n % 2 else {CLOSED: ["HP:1"]}) for n in range(PEOPLE)
    ]
    images = [Person(f"OBII{n:02}", f"HRI{n:02}", {IMAGES: ["modality"]}) for n in range(PEOPLE)]
    fields = [{"id": "modality", "values": ["MR"], "label": "Modality"}]
    one = MemberData(human, terms=["HP:1", "HP:9"], datasets=controlled(OPEN, CLOSED), partners={"obia": KEY})
    other = MemberData(images, ("dataset", "individual", "imagingSeries"), fields=fields, datasets=controlled(IMAGES))
    other.partners = {"gsa-human": KEY}
    one.floor = other.floor = Floor(2, 1)
    return {"gsa-human": one, "obia": other}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Family, dict[str, Drs]]]:
    made, drs = members(), {name: Drs(f"{name}.test") for name in ("gsa-human", "obia")}
    for name, data in made.items():
        data.routes = drs[name].routes()
        data.record = files_of(data, drs[name].host)  # type: ignore[method-assign]
    async with family(tmp_path_factory.mktemp("manifest"), made, [("gsa-human", "obia")]) as up:
        yield up, drs


def files_of(data: MemberData, host: str) -> Any:
    known = {person.accession: person for person in data.people}

    def record(accession: str) -> dict[str, dict[str, list[str]]]:
        return {name: {"drs": [f"drs://{host}/{accession}-{name}"]} for name in known[accession].terms}

    return record


@pytest.fixture
def site(running: tuple[Family, dict[str, Drs]]) -> tuple[Family, dict[str, Drs]]:
    up, drs = running
    for one in drs.values():
        one.__init__(one.host)  # type: ignore[misc]
    up.broker.__dict__.update(good={}, made={}, refused=set(), failing=False)
    up.caller = uuid.uuid4().hex
    return running


def granted(site: tuple[Family, dict[str, Drs]], *sets: tuple[str, str]) -> str:
    """The token of a caller with visas of these (member, data set)."""
    up, _ = site
    up.broker.good[up.caller] = tuple(f"{up.members[member].url}/datasets/{dataset}" for member, dataset in sets)
    return up.caller


def records(node: str, *uris: str) -> dict[str, Any]:
    individual = {"node": node, "accession": "A", "datasets": [{"accession": IMAGES, "drs": list(uris)}]}
    return {"records": [{"person": "P", "individuals": [individual]}], "format": "json"}


ALL = (("gsa-human", OPEN), ("gsa-human", CLOSED), ("obia", IMAGES))


async def post(site: tuple[Family, dict[str, Drs]], body: Any, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await site[0].client.post("/federation/v1/manifest", json=body, headers=headers)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(re.findall(r"^(?!#).*\n", text, re.M))), delimiter="\t"))


def expected(*, closed: bool) -> set[str]:
    """Brute force: the files of people who are in both members and visible at both."""
    shown = [n for n in range(PEOPLE) if closed or n % 2]
    human = {f"drs://gsa-human.test/HRI{n:02}-{OPEN if n % 2 else CLOSED}" for n in shown}
    return human | {f"drs://obia.test/OBII{n:02}-{IMAGES}" for n in shown}


@pytest.mark.parametrize("closed", [True, False])
async def test_only_files_of_people_seen_at_both_members(site: tuple[Family, dict[str, Drs]], closed: bool) -> None:
    token = granted(site, *(one for one in ALL if closed or one[1] != CLOSED))
    answer = await post(site, {"question": {"all": BOTH}}, token)
    assert answer.status_code == 200, answer.text
    listed = rows(answer.text)
    assert {row["drs_uri"] for row in listed} == expected(closed=closed)
    assert len(listed) == len(expected(closed=closed)), "each once"
    for row in listed:
        id = row["drs_uri"].rpartition("/")[2]
        assert row["sha-256"] == hashlib.sha256(id.encode()).hexdigest()
        assert (int(row["size"]), row["path"]) == (len(id), f"{row['dataset']}/{id}.bin")
    assert 'filename="manifest.tsv"' in answer.headers["content-disposition"]
    sent = {header for drs in site[1].values() for header in drs.tokens}
    assert f"Bearer {token}" not in sent, "members get tokens of their own"
    assert None not in sent


async def test_an_answers_records_make_the_same_manifest(site: tuple[Family, dict[str, Drs]]) -> None:
    token = granted(site, *ALL)
    up, _ = site
    asked = {"all": BOTH, "granularity": "record", "limit": 100}
    answer = await up.client.post("/federation/v1/search", json=asked, headers={"Authorization": f"Bearer {token}"})
    by_records = await post(site, {"records": answer.json()["records"], "format": "json"}, token)
    by_question = await post(site, {"question": {"all": BOTH}, "format": "json"}, token)
    assert by_records.json()["files"] == by_question.json()["files"] != []


async def test_pages_of_people_add_up_and_say_that_there_are_more(site: tuple[Family, dict[str, Drs]]) -> None:
    token = granted(site, *ALL)
    found: list[str] = []
    for skip in range(4):
        body = {"question": {"all": BOTH}, "format": "json", "limit": 8, "skip": skip}
        page = (await post(site, body, token)).json()
        assert (page["numRecords"], page["people"]) == (PEOPLE, 8 if skip < 3 else 6)
        assert page["totalSize"] == sum(file["size"] for file in page["files"])
        found += [file["drs_uri"] for file in page["files"]]
    assert sorted(found) == sorted(expected(closed=True))
    text = (await post(site, {"question": {"all": BOTH}, "limit": 8}, token)).text
    assert text.startswith("# 8 of 30 people (skip 0, limit 8)")


async def test_what_is_left_out_is_said_with_its_reason(site: tuple[Family, dict[str, Drs]]) -> None:
    token, drs = granted(site, *ALL), site[1]["gsa-human"]
    drs.codes = {f"HRI01-{OPEN}": 403, f"HRI03-{OPEN}": 404}
    drs.broken = {f"HRI05-{OPEN}": {"size": -1}, f"HRI09-{OPEN}": {"checksums": []}}
    told = (await post(site, {"question": {"all": BOTH}, "format": "json"}, token)).json()
    assert {one["object"]: one["reason"] for one in told["leftOut"]} == {
        f"gsa-human HRI01-{OPEN}": "no access",
        f"gsa-human HRI03-{OPEN}": "not there any more",
        f"gsa-human HRI05-{OPEN}": "the member's record of it breaks the standard",
        f"gsa-human HRI09-{OPEN}": "the member's record of it breaks the standard",
    }
    assert len(told["files"]) == 2 * PEOPLE - 4
    text = (await post(site, {"question": {"all": BOTH}}, token)).text
    assert len(re.findall(r"^# left out: gsa-human HRI0[1359]-", text, re.M)) == 4


@pytest.mark.parametrize("format", ["aria2", "wget"])
async def test_lists_for_programs_hold_urls_of_what_may_be_fetched(
    site: tuple[Family, dict[str, Drs]], format: str
) -> None:
    token = granted(site, *ALL)
    text = (await post(site, {"question": {"all": BOTH}, "format": format}, token)).text
    wanted = {uri.rpartition("/")[2] for uri in expected(closed=True) if "07" not in uri}
    assert set(re.findall(r"https://bytes\.test/([^?]+)\?sig=a&b=c", text)) == wanted
    for id in wanted:
        assert hashlib.sha256(id.encode()).hexdigest() in text
    assert len(re.findall(r"^# left out: .*07.*: no access$", text, re.M)) == 2


async def test_no_records_are_refused_with_where_to_ask(site: tuple[Family, dict[str, Drs]]) -> None:
    body = {"question": {"all": BOTH}}
    nobody, stranger = await post(site, body), await post(site, body, granted(site, ("obia", IMAGES)))
    assert (nobody.status_code, stranger.status_code) == (401, 403)
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert f"{site[0].members['gsa-human'].url}/dac/v1/requests" in stranger.json()["detail"]
    assert "HRI" not in nobody.text + stranger.text
    assert site[1]["gsa-human"].asked == [], "nothing was looked up for them"


async def test_a_member_that_is_down_fails_the_manifest(site: tuple[Family, dict[str, Drs]]) -> None:
    token = granted(site, *ALL)
    site[0].broker.refused.add(site[0].members["obia"].url)
    answer = await post(site, {"question": {"all": BOTH}}, token)
    assert answer.status_code == 403
    assert "obia refused" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "exactly one of 'question' and 'records'"),
        ({"question": {"all": BOTH}, "records": []}, "exactly one of"),
        ({"question": {"all": BOTH}, "format": "metalink"}, "format"),
        ({"question": {"all": BOTH}, "limit": 1001}, "limit"),
        ({"question": {"all": []}}, "at least one clause"),
        (records("evil", "drs://h/1"), "'evil' is not a member"),
        (records("obia", "http://h/1"), "records[0]: 'http://h/1' is not drs://HOST/ID"),
    ],
)  # fmt: skip
async def test_bad_requests_name_the_place(site: tuple[Family, dict[str, Drs]], body: Any, says: str) -> None:
    answer = await post(site, body)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert answer.json()["status"] == 400


async def test_too_many_files_are_refused_and_many_are_asked_for_in_parts(site: tuple[Family, dict[str, Drs]]) -> None:
    def body(number: int) -> dict[str, Any]:
        return records("obia", *(f"drs://obia.test/F{n}" for n in range(number)))

    assert (await post(site, body(10_001))).status_code == 413
    whole = await post(site, body(1201))
    assert len(whole.json()["files"]) == 1201
    assert site[1]["obia"].asked == [500, 500, 201]
