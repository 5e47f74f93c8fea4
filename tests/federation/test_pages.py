"""The front page: what people type, what they are told, in both languages."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from auth.policy import Floor, PublicGranularity
from tests.federation.family import KEY, Family, MemberData, Person, family
from tests.federation.test_join import IMAGES, OPEN, controlled

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


async def test_members_are_shown_and_nothing_is_asked_yet(running: Family) -> None:
    text = await page(running)
    assert "GSA-HUMAN" in text
    assert "figure" not in text
    assert '<option value="HP:1">' in text
    assert "<option>MR</option>" in text


async def test_a_joined_number_above_the_floor_with_each_condition(running: Family) -> None:
    text = await page(running, term="HP:1", modality="MR", body="BRAIN")
    assert figure(text) == "45", "47 shared, rounded down to 45"
    assert "Rounded down to a multiple of 5" in text
    assert '<th scope="row">HP:1</th>' in text
    assert '<th scope="row">MR · BRAIN</th>' in text
    assert "16-byte pseudonyms" in text


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


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"term": "no such thing"}, "No member uses the term “no such thing”"),
        ({"variant": "rs123"}, "“rs123” is not a variant"),
        ({"variant": "99-1-A-C"}, "is not a variant"),
        ({"variant": "1-5-A-C", "assembly": "hg17"}, "Choose GRCh38 or GRCh37"),
        ({"term": "<script>alert(1)</script>"}, "<script>alert(1)</script>”"),
    ],
)
async def test_what_cannot_be_read_is_said_beside_the_form(running: Family, fields: dict[str, Any], says: str) -> None:
    assert says in await page(running, 400, **fields)


async def test_typed_text_is_escaped(running: Family) -> None:
    answer = await running.client.get("/", params={"term": '"><script>alert(1)</script>'})
    assert "<script>alert(1)" not in answer.text


async def test_an_unknown_id_is_answered_with_the_members_words(running: Family) -> None:
    assert "no member knows the term 'NOPE:5'" in await page(running, term="NOPE:5")


async def test_the_page_speaks_chinese(running: Family) -> None:
    text = await page(running, lang="zh", term="HP:9", modality="MR")
    assert figure(text) == "少于 10"
    for english in ("Phenotype", "Search<", "People", "Members", "answered<"):
        assert english not in text, english
    bad = await page(running, 400, lang="zh", variant="rs123")
    assert "“rs123”不是变异" in bad
