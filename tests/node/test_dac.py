"""Access requests over HTTP: ``specs/dac.yaml`` behind the real application (rows 62, 63, 65 of the attack table)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from adapters.catalog.engine import connect
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.committees import register_committee
from auth.dac import Dac
from auth.policy import DatasetRule
from auth.tables import Base
from node.app import AUTH_FAILURES
from node.dac import DacHandler
from tests.node.family import BROKER, PUBLIC_URL, Holders
from tests.support import running
from web.application import Assembly, create_application
from web.contracts import Contract

NOW = 1_800_000_000
RULES = {
    "HRA000001": DatasetRule("HRA000001", "controlled", "public", "HDAC000001"),
    "HRA000002": DatasetRule("HRA000002", "open", "public", None),
}
PEOPLE = {name: Caller(name, BROKER, (), NOW + 900) for name in ("alice", "dora", "mallory")}
REQUESTS = "/dac/v1/requests"


class Site:
    """A member's DAC face and a client of it; people sign in with their name as token."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.now = NOW

    async def get(self, path: str, who: str | None = None) -> httpx.Response:
        return await self.client.get(path, headers=_headers(who))

    async def post(self, path: str, who: str | None = None, body: Any = None) -> httpx.Response:
        return await self.client.post(path, headers=_headers(who), json=body)

    async def created(self) -> str:
        answer = await self.post(REQUESTS, "alice", {"dataset": "HRA000001", "purpose": "to learn"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def do(self, who: str, id: str, command: str, body: Any = None) -> httpx.Response:
        return await self.post(f"{REQUESTS}/{id}/{command}", who, body)


def _headers(who: str | None) -> dict[str, str]:
    return {} if who is None else {"Authorization": f"Bearer {who}"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    engine = connect(f"sqlite:///{tmp_path}/auth.db")
    Base.metadata.create_all(engine)
    register_committee(engine, "HDAC000001", "Committee", {"dora": ""}, NOW)
    dac = Dac(engine, BROKER, RULES.get, PUBLIC_URL, lambda: NOW)
    handler = DacHandler(dac, cast(Clearinghouse, Holders(dict(PEOPLE))))
    app = create_application(
        Assembly(name="member", contracts=[Contract("dac", "/dac/v1", handler)], failures=AUTH_FAILURES)
    )
    async with running(app, PUBLIC_URL) as client:
        yield Site(client)
    engine.dispose()


async def test_a_request_goes_from_draft_to_revoked(site: Site) -> None:
    id = await site.created()
    assert (await site.do("alice", id, "submit")).json()["state"] == "submitted"
    returned = (await site.do("dora", id, "return", {"comment": "which genes?"})).json()
    assert (returned["state"], returned["comment"]) == ("returned", "which genes?")
    assert (await site.do("alice", id, "submit", {})).json()["commands"] == ["close"]
    approved = (await site.do("dora", id, "approve", {"days": 2})).json()
    assert approved == {
        "id": id,
        "dataset": "HRA000001",
        "committee": "HDAC000001",
        "applicant": "alice",
        "purpose": "to learn",
        "state": "approved",
        "comment": "",
        "created_at": "2027-01-15T08:00:00Z",
        "submitted_at": "2027-01-15T08:00:00Z",
        "decided_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-17T08:00:00Z",
        "commands": ["revoke"],
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
