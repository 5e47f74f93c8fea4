"""The front page: what people type, what they are told, in both languages."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth.policy import Floor, PublicGranularity
from tests.federation.family import KEY, Family, MemberData, Person, family
from tests.federation.test_join import IMAGES, OPEN, controlled
from web.errors import Failure

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALF = PublicGranularity("count", "boolean")


def members() -> dict[str, MemberData]:
    human = [Person(f"HRI{n:06}", f"HRI{n:06}", {OPEN: ["HP:1"] + (["HP:2"] if n % 2 else [])}) for n in range(60)]
    images = [Person(f"OBII{n:06}", f"HRI{n:06}", {IMAGES: ["modality", "bodyPart"]}) for n in range(47)]
    images += [Person(f"OBII{n:06}", None, {IMAGES: []}) for n in range(47, 60)]
    fields = [
        {"id": "modality", "values": ["CT", "MR"], "label": "Modality"},
        {"id": "bodyPart", "values": ["BRAIN"], "label": "Body part"},
    ]
    one = MemberData(human, ("dataset", "individual", "genomicVariant"), ["HP:1", "HP:2", "HP:9"], public=HALF)
    other = MemberData(images, ("dataset", "individual", "imagingSeries"), fields=fields)
    one.datasets, one.partners = controlled(OPEN), {"obia": KEY}
    other.datasets, other.partners = controlled(IMAGES), {"gsa-human": KEY}
    one.floor = other.floor = Floor(10, 5)
    return {"gsa-human": one, "obia": other}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Family]:
    async with family(tmp_path_factory.mktemp("pages"), members(), [("gsa-human", "obia")]) as made:
        yield made


async def page(running: Family, status: int = 200, **fields: str) -> str:
    answer = await running.client.get("/", params=fields)
    assert answer.status_code == status, answer.text
    return html.unescape(re.sub(r"\s+", " ", answer.text))


def figure(text: str) -> str:
    found = re.search(r'class="figure">([^<]*)<', text)
    assert found, text
    return found[1]


async def part(running: Family, name: str, **fields: str) -> str:
    answer = await running.client.get(f"/parts/{name}", params=fields)
    assert answer.status_code == 200, answer.text
    return html.unescape(re.sub(r"\s+", " ", answer.text))


def bars(text: str) -> dict[str, str]:
    """Numbers of a plot by what its bars are called."""
    rows = re.findall(r'<th scope="row">([^<]+)</th>.*?<td class="num">([^<]*)<', text)
    return {label.strip(): number.strip() for label, number in rows}


async def test_members_are_shown_and_nothing_is_asked_yet(running: Family) -> None:
    text = await page(running)
    assert "GSA-HUMAN" in text
    assert 'class="figure"' not in text
    assert '<option value="MR">MRI</option>' in text


async def test_a_joined_number_above_the_floor_with_each_condition(running: Family) -> None:
    text = await page(running, term="HP:1", modality="MR", body="BRAIN")
    assert figure(text) == "45", "47 shared, rounded down to 45"
    assert "Rounded down to a multiple of 5" in text
    assert '<th scope="row">HP:1</th>' in text
    assert '<th scope="row">MRI · Brain</th>' in text
    assert "16-byte pseudonyms" in text


async def test_several_terms_must_all_hold(running: Family) -> None:
    both = await running.client.get("/", params=[("term", "HP:1"), ("term", "HP:2"), ("modality", "MR")])
    assert figure(html.unescape(both.text)) == "20", "23 of the 47 have both, rounded down"
    fewer = await running.client.get(
        "/", params=[("term", "HP:1"), ("term", "HP:2"), ("drop", "term:HP:2"), ("modality", "MR")]
    )
    assert figure(html.unescape(fewer.text)) == "45", "one taken away again, without any script"
    assert 'value="HP:2"' not in fewer.text


async def test_suppression_is_explained(running: Family) -> None:
    text = await page(running, term="HP:9", modality="MR")
    assert figure(text) == "fewer than 10"
    assert "Small numbers, and none at all, are not told" in text
    assert "below its floor: nothing told" in text


async def test_and_not(running: Family) -> None:
    text = await page(running, modality="MR", without="HP:2")
    assert figure(text) == "20", "24 of 47, rounded down"


async def test_a_variant_is_asked_0_based_and_told_as_yes(running: Family) -> None:
    text = await page(running, variant="chr1-55051215-g-ga", assembly="GRCh37")
    assert figure(text) == "yes"
    assert '"start": [ 55051214 ]' in text
    assert "1-55051215-G-GA (GRCh37)" in text
    assert "not how many" in text
    assert "not broken down into groups" in text, "each number would cost"


async def test_the_parts_of_a_live_page_say_what_the_whole_page_says(running: Family) -> None:
    asked = {"term": "HP:1", "modality": "MR"}
    live, whole = await page(running, **asked, live="1"), await page(running, **asked)
    assert 'class="figure"' not in live
    places = re.findall(r'data-(?:part|cells)="([^"]+)"', live)
    assert [place.partition("?")[0] for place in places] == ["/parts/answer", "/parts/condition", "/parts/condition"]
    parts = [html.unescape((await running.client.get(place)).text) for place in places]
    assert figure(parts[0]) == figure(whole) == "45"
    assert [re.findall(r'class="num" data-label="People">(\d+)', one) for one in parts[1:]] == [["60"], ["45"]]


async def test_groups_are_counted_with_the_floor_of_each(running: Family) -> None:
    text = await part(running, "modality", term="HP:1")
    assert bars(text) == {"CT": "45", "MRI": "45"}
    rare = await part(running, "modality", term="HP:9")
    assert "Every group is too small to be told." in rare


async def test_parts_are_for_the_page_itself(running: Family) -> None:
    answer = await running.client.get("/parts/sex?term=HP:1", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert (await running.client.get("/parts/nothing?term=HP:1")).status_code == 404
    assert (await running.client.get("/parts/condition?term=HP:1&n=7")).status_code == 404


async def test_terms_are_suggested_by_what_is_typed(running: Family) -> None:
    found = (await running.client.get("/terms", params={"q": "hp"})).json()
    assert [term["id"] for term in found][:3] == ["HP:1", "HP:2", "HP:9"]
    broad = (await running.client.get("/terms", params={"q": "heart mor", "lang": "en"})).json()
    assert broad == [{"id": "HP:0001627", "label": "Abnormal heart morphology", "broad": True}]
    chinese = (await running.client.get("/terms", params={"q": "心脏形态", "lang": "zh"})).json()
    assert [term["label"] for term in chinese] == ["心脏形态异常"]


async def test_the_variant_box_says_how_it_understands(running: Family) -> None:
    read = (await running.client.get("/variant", params={"text": "chr1:55,051,215 G>GA"})).json()
    assert read == {"ok": True, "said": "G → GA at chromosome 1, 55,051,215 (GRCh38)", "assembly": "GRCh38"}
    wrong = (await running.client.get("/variant", params={"text": "rs123"})).json()
    assert wrong["ok"] is False
    assert "dbSNP" in wrong["said"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"term": "no such thing"}, "No member uses the term “no such thing”"),
        ({"variant": "rs123"}, "“rs123” is a name in dbSNP"),
        ({"variant": "99-1-A-C"}, "There is no chromosome “99”"),
        ({"variant": "1-5-A-C", "assembly": "hg17"}, "Choose GRCh38 or GRCh37"),
        ({"term": "<script>alert(1)</script>"}, "<script>alert(1)</script>”"),
        ({"from": "ten"}, "An age is a whole number of years from 0 to 120, not “ten”"),
        ({"from": "40", "to": "40"}, "The age “to” must be above"),
        ({"sex": "other"}, "Choose one of the list"),
    ],
)
async def test_what_cannot_be_read_is_said_beside_the_form(running: Family, fields: dict[str, Any], says: str) -> None:
    assert says in await page(running, 400, **fields)


async def test_typed_text_is_escaped(running: Family) -> None:
    for field in ("term", "without", "variant", "from", "modality", "skip"):
        answer = await running.client.get("/", params={field: '"><script>alert(1)</script>'})
        assert "<script>alert(1)" not in answer.text


async def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own(running: Family) -> None:
    answer = await running.client.get("/", params={"term": "HP:1"})
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", answer.text) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1)', answer.text) == []


async def test_an_unknown_id_is_answered_with_the_members_words(running: Family) -> None:
    assert "no member knows the term 'NOPE:5'" in await page(running, term="NOPE:5")


async def test_the_page_speaks_chinese(running: Family) -> None:
    text = await page(running, lang="zh", term="HP:9", modality="MR")
    assert figure(text) == "少于 10"
    for english in ("Phenotype", "Search<", "People", "Members", "answered<", "Imaging", "Sign in"):
        assert english not in text, english
    bad = await page(running, 400, lang="zh", variant="rs123")
    assert "“rs123”是 dbSNP 的编号" in bad


class Guarded(MemberData):
    """Tells nobody unknown who carries a variant, as a member with budgets; its Beacon tells whether it is seen."""

    def debit(self, clauses: Any, caller: Any, *, numbers: bool, whole: str = "") -> None:
        if any(clause["entryType"] == "genomicVariant" for clause in clauses):
            raise Failure(401, "takes a sign-in")


async def test_anyone_is_told_whether_a_variant_is_seen_and_why_the_rest_takes_a_sign_in(tmp_path: Path) -> None:
    asked: list[tuple[dict[str, Any], str | None]] = []

    async def seen(request: Request) -> JSONResponse:
        body = await request.json()
        asked.append((body["query"], request.headers.get("authorization")))
        meta = {"beaconId": "org.g", "returnedGranularity": "boolean"}
        known = body["query"]["requestParameters"]["g_variant"]["start"] == [100]
        return JSONResponse({"meta": meta, "responseSummary": {"exists": known}})

    person = Person("HRI000001", None, {OPEN: ["HP:1"]})
    data = Guarded([person], ("dataset", "individual", "genomicVariant"), ["HP:1"], datasets=controlled(OPEN))
    data.routes = [Route("/ga4gh/beacon/v2/g_variants", seen, methods=["POST"])]
    async with family(tmp_path, {"gsa-human": data}) as guarded:
        text = await page(guarded, variant="1-101-A-C")
        assert "1-101-A-C (GRCh38)</strong><br>GSA-HUMAN: seen in people here" in text
        assert "only to people who signed in" in text
        assert "seen in people here" in await part(guarded, "answer", variant="1-101-A-C")
        assert "GSA-HUMAN: not seen, or not in data" in await page(guarded, variant="1-102-A-C")
        assert "GSA-HUMAN: 在此处的人群中出现过" in await page(guarded, lang="zh", variant="1-101-A-C")
        before = len(asked)
        assert "seen in people here" not in await page(guarded, term="HP:1")
        assert len(asked) == before, "asked only where a variant is"
        assert {(query["requestedGranularity"], token) for query, token in asked} == {("boolean", None)}


async def test_each_member_is_told_of_when_it_has_answered(running: Family) -> None:
    """The second one answers only after what the first one answered has been read."""
    side, heard = running.members["obia"].side, threading.Event()
    paid = side.debit

    def waiting(*given: Any, **more: Any) -> None:
        assert heard.wait(30)
        paid(*given, **more)

    object.__setattr__(side, "debit", waiting)
    asked = {"term": "HP:1", "modality": "MR"}
    told: list[dict[str, str]] = []
    try:
        lines = running.client.stream(
            "GET", "/parts/answer", params=asked, headers={"Accept": "application/x-ndjson"}, timeout=60
        )
        async with lines as answer:
            async for line in answer.aiter_lines():
                told.append(json.loads(line))
                heard.set()
    finally:
        heard.set()
        object.__setattr__(side, "debit", paid)
    assert [next(iter(line)) for line in told] == ["node", "node", "answer"]
    assert ["GSA-HUMAN" in told[0]["node"], "OBIA" in told[1]["node"]] == [True, True]
    assert figure(told[2]["answer"]) == figure(await page(running, **asked))
