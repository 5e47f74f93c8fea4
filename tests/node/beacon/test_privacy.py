"""What strangers must not learn: nothing below the floor, nothing of who is absent, nothing of another's request."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.node.beacon import oracle
from tests.node.beacon.conftest import BASE, Served, headers
from tests.node.beacon.test_oracle import random_question, sets_of
from tests.node.beacon.world import RARE, RARE_TISSUE

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATHS = ("/individuals", "/g_variants", "/imaging_studies", "/imaging_series", "/datasets")


def absent(served: Served) -> set[str]:
    """Accessions of people who exist nowhere: withdrawn, or only in data sets that do not exist."""
    existing = {p for people in oracle.met(served.world, [], None).values() for p in people}
    return {person.accession for person in served.world.people} - existing


@pytest.mark.parametrize("token", [None, "two", "three"])
async def test_withdrawn_and_unpublished_are_absent_from_every_path(served: Served, token: str | None) -> None:
    gone = absent(served)
    assert gone
    for path in (*PATHS, "/datasets/HRA000001/individuals", "/filtering_terms"):
        response = await served.get(path, token, **({} if path == "/filtering_terms" else {"limit": 0}))
        assert response.status_code == 200
        for accession in (*gone, "HRA000004", "HRA000005"):
            assert accession not in response.text, path


@pytest.mark.parametrize("kind", ["individuals", "g_variants"])
async def test_BEA_31_unpublished_withdrawn_and_unknown_data_sets_answer_alike(served: Served, kind: str) -> None:
    accessions = ("HRA000004", "HRA000005", "HRA999999")
    bodies = [(await served.get(f"/datasets/{accession}/{kind}", "two")).json() for accession in accessions]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["responseSummary"]["exists"] is False
    collections = [(await served.get(f"/datasets/{a}")).json() for a in accessions]
    assert collections[0] == collections[1] == collections[2]
    assert collections[0]["response"]["collections"] == []


async def test_BEA_31_a_person_below_the_floor_answers_as_nobody_does(served: Served) -> None:
    met = oracle.met(served.world, [], None)
    hidden = next(iter(sorted(met["HRA000003"] - met["HRA000001"] - met["HRA000002"])))
    gone = next(iter(sorted(absent(served))))
    for path in ("individuals/{}", "individuals/{}/g_variants", "individuals/{}/imaging_studies"):
        answers = [(await served.get("/" + path.format(a))).json() for a in (hidden, gone, "HRI999999")]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["responseSummary"]["exists"] is False
    seen = (await served.get(f"/individuals/{hidden}", "three")).json()
    assert [r["id"] for r in sets_of(seen)["HRA000003"]["results"]] == [hidden]


async def test_a_term_of_one_person_is_unknown_to_strangers(served: Served) -> None:
    for id in (RARE, "ORPHA:99"):
        response = await served.get("/individuals", None, filters=id)
        assert response.status_code == 400
        assert "unknown" in response.json()["error"]["errorMessage"]
    found = (await served.get("/individuals", "three", filters=RARE)).json()
    assert found["responseSummary"] == {"exists": True, "numTotalResults": 1}
    listed = [{t["id"] for t in (await served.get("/filtering_terms", token)).json()["response"]["filteringTerms"]}
              for token in (None, "three")]  # fmt: skip
    assert RARE not in listed[0]
    assert RARE in listed[1]


async def test_a_term_of_one_sample_is_unknown_although_its_person_is_seen_elsewhere(served: Served) -> None:
    for path in ("/individuals", "/biosamples"):
        for id in (RARE_TISSUE, "BTO:0000002"):
            assert (await served.get(path, None, filters=id)).status_code == 400
        found = (await served.get(path, "three", filters=RARE_TISSUE)).json()
        assert found["responseSummary"] == {"exists": True, "numTotalResults": 1}
    assert RARE_TISSUE not in (await served.get("/filtering_terms")).text
    assert RARE_TISSUE in (await served.get("/filtering_terms", "three")).text


async def test_records_never_show_submitters_names_or_links(served: Served) -> None:
    for token in (None, "two", "three"):
        text = (await served.get("/individuals", token, limit=0)).text
        assert "secret" not in text
        assert not any(person.link and person.link in text for person in served.world.people)


async def test_a_revoked_grant_shows_no_record(served: Served) -> None:
    answer = (await served.get("/individuals", "revoked", limit=0, includeResultsetResponses="ALL")).json()
    assert sets_of(answer)["HRA000002"]["results"] == []
    assert sets_of(answer)["HRA000002"]["resultsHandovers"][0]["url"].endswith("/requests")


async def test_BEA_28_test_mode_answers_without_credentials_and_without_data(served: Served) -> None:
    for path in (*PATHS, "/individuals/HRI000001", "/datasets/HRA000001/individuals"):
        answer = (await served.get(path, "not a token", testMode="true")).json()
        assert answer["meta"]["testMode"] is True
        assert answer["meta"]["receivedRequestSummary"]["testMode"] is True
        assert answer["responseSummary"]["exists"] is True
        assert "HRI" not in str(answer)
        assert "HRA" not in str(answer)


async def test_one_callers_answer_never_depends_on_anothers_request(served: Served) -> None:
    dice = random.Random(3)
    requests: list[tuple[str, str | None, dict[str, Any]]] = []
    for _ in range(30):
        filters, variant = random_question(dice, served.world)
        query: dict[str, Any] = {"filters": filters, "includeResultsetResponses": dice.choice(["ALL", "HIT"])}
        query["requestedGranularity"] = dice.choice(["boolean", "count", "record"])
        if variant:
            query["requestParameters"] = {"g_variant": variant}
        requests.append((dice.choice(PATHS[:4]), dice.choice([None, "two", "three", "revoked"]), query))
    alone = [await served.post(path, token, **query) for path, token, query in requests]
    order = [index for index in range(len(requests)) for _ in range(4)]
    dice.shuffle(order)

    async def again(index: int) -> bool:
        path, token, query = requests[index]
        return await served.post(path, token, **query) == alone[index]

    assert all(await asyncio.gather(*(again(index) for index in order)))


async def test_an_invalid_token_is_refused_in_the_beacon_envelope(served: Served) -> None:
    response = await served.client.get(f"{BASE}/individuals", headers=headers("forged"))
    assert response.status_code == 401
    assert response.json()["error"]["errorCode"] == 401
