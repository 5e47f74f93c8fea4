"""Access requests over HTTP: ``specs/dac.yaml`` behind the real application (rows 62, 63, 65 of the attack table)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.dac_site import REQUESTS, Site
from tests.node.dac_site import site as site


async def test_a_request_goes_from_draft_to_revoked(site: Site) -> None:
    id = await site.created()
    assert (await site.do("alice", id, "submit")).json()["state"] == "submitted"
    returned = (await site.do("dora", id, "return", {"comment": "which genes?"})).json()
    assert (returned["state"], returned["comment"]) == ("returned", "which genes?")
    assert (await site.do("alice", id, "submit", {})).json()["commands"] == ["remove", "comment", "close"]
    approved = (await site.do("dora", id, "approve", {"days": 2})).json()
    assert approved == {
        "id": id,
        "dataset": "HRA000001",
        "committee": "HDAC000001",
        "applicant": "alice",
        "purpose": "to learn",
        "use": {},
        "state": "approved",
        "comment": "",
        "approvals": 1,
        "quorum": 1,
        "renews": None,
        "created_at": "2027-01-15T08:00:00Z",
        "submitted_at": "2027-01-15T08:00:00Z",
        "decided_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-17T08:00:00Z",
        "role": "committee",
        "commands": ["comment", "note", "revoke"],
    }
    assert (await site.do("dora", id, "revoke")).json()["state"] == "revoked"
    seen = await site.get(f"{REQUESTS}/{id}", "alice")
    assert seen.headers["Cache-Control"] == "no-store"
    assert (seen.json()["state"], seen.json()["commands"]) == ("revoked", [])
    score = (await site.get("/dac/v1/datasets/HRA000001/sharing-score")).json()
    assert score == {
        "dataset": "HRA000001",
        "tier": "controlled",
        "score": 100.0,
        "received": 1,
        "processed": 1,
        "approved": 1,
        "mean_processing_seconds": 0.0,
    }


@pytest.mark.parametrize("command", ["submit", "approve", "reject", "return", "revoke", "close"])
async def test_every_command_without_sign_in_is_401(site: Site, command: str) -> None:
    id = await site.created()
    for target in (id, "unknown"):
        answer = await site.post(f"{REQUESTS}/{target}/{command}")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert set(answer.json()) == {"status", "title", "detail"}
    assert (await site.post(f"{REQUESTS}/{id}/{command}", "nobody")).status_code == 401


async def test_reading_and_drafting_without_sign_in_is_401(site: Site) -> None:
    id = await site.created()
    assert (await site.get(REQUESTS)).status_code == 401
    assert (await site.get(f"{REQUESTS}/{id}")).status_code == 401
    assert (await site.post(REQUESTS, None, {"dataset": "HRA000001", "purpose": "x"})).status_code == 401
    assert (await site.client.post(REQUESTS)).status_code == 401


async def test_ATTACKS_62_what_one_may_not_see_looks_absent(site: Site) -> None:
    """Another person's request and one that never was: same status, same body, for reading and for every command."""
    id = await site.created()
    await site.do("alice", id, "submit")
    paths = ["", *(f"/{command}" for command in ("submit", "approve", "reject", "return", "revoke", "close"))]
    for path in paths:
        send = site.get if not path else site.post
        hidden, unknown = (
            await send(f"{REQUESTS}/{id}{path}", "mallory"),
            await send(f"{REQUESTS}/{'0' * 16}{path}", "mallory"),
        )
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.content == unknown.content
    assert (await site.get(REQUESTS, "mallory")).json() == {"requests": []}


async def test_ATTACKS_63_applicant_does_not_decide(site: Site) -> None:
    id = await site.created()
    await site.do("alice", id, "submit")
    assert (await site.do("alice", id, "approve")).status_code == 403
    assert (await site.do("dora", id, "submit")).status_code == 403
    assert (await site.do("dora", id, "approve")).status_code == 200
    assert (await site.do("dora", id, "approve")).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dataset": "HRA000001"}, 400),
        ({"purpose": "x"}, 400),
        ({"dataset": "HRA000001", "purpose": ""}, 400),
        ({"dataset": "HRA000001", "purpose": "   "}, 400),
        ({"dataset": "HRA000001", "purpose": 1}, 400),
        ({"dataset": "HRA000001", "purpose": "x", "state": "approved"}, 400),
        ({"dataset": "HRA000001", "purpose": "x", "mail": "a@b\nBcc: c@d"}, 400),
        (None, 400),
        ([], 400),
        ({"dataset": "HRA999999", "purpose": "x"}, 404),
        ({"dataset": "HRA000002", "purpose": "x"}, 409),
    ],
)
async def test_bad_drafts(site: Site, body: Any, status: int) -> None:
    answer = await site.post(REQUESTS, "alice", body)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert (await site.get(REQUESTS, "alice")).json() == {"requests": []}


@pytest.mark.parametrize(
    ("command", "body", "status"),
    [
        ("approve", {"days": 0}, 400),
        ("approve", {"days": 1096}, 400),
        ("approve", {"days": "1"}, 400),
        ("approve", {"subject": "dora"}, 400),
        ("reject", None, 400),
        ("return", {"comment": " "}, 400),
        ("return", {"comment": "x" * 10_001}, 400),
        ("delete", None, 404),
    ],
)
async def test_bad_commands(site: Site, command: str, body: Any, status: int) -> None:
    id = await site.created()
    await site.do("alice", id, "submit")
    assert (await site.do("dora", id, command, body)).status_code == status
    assert (await site.get(f"{REQUESTS}/{id}", "dora")).json()["state"] == "submitted"


async def test_lists_are_filtered_and_paged(site: Site) -> None:
    ids = [await site.created() for _ in range(3)]
    await site.do("alice", ids[0], "submit")
    assert len((await site.get(REQUESTS, "alice")).json()["requests"]) == 3
    assert [r["id"] for r in (await site.get(f"{REQUESTS}?state=submitted", "alice")).json()["requests"]] == [ids[0]]
    assert [r["id"] for r in (await site.get(REQUESTS, "dora")).json()["requests"]] == [ids[0]]
    pages = [(await site.get(f"{REQUESTS}?limit=2&skip={skip}", "alice")).json()["requests"] for skip in (0, 2)]
    assert sorted(r["id"] for page in pages for r in page) == sorted(ids)
    assert (await site.get(f"{REQUESTS}?dataset=HRA000009", "alice")).json() == {"requests": []}
    for query in ("limit=0", "limit=501", "skip=-1", "state=lost", "limit=x"):
        assert (await site.get(f"{REQUESTS}?{query}", "alice")).status_code == 400


async def test_a_sharing_score_is_public_and_of_published_sets_only(site: Site) -> None:
    assert (await site.get("/dac/v1/datasets/HRA000002/sharing-score")).json()["score"] == 100
    assert (await site.get("/dac/v1/datasets/HRA000001/sharing-score")).json()["score"] is None
    assert (await site.get("/dac/v1/datasets/HRA999999/sharing-score")).status_code == 404
