"""What belongs to a request, over HTTP: papers, co-members, committees (rows 62, 63 and 65 of the attack table)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.dac_site import REQUESTS, Site
from tests.node.dac_site import site as site

PDF = b"%PDF-1.7 a plan"
TIMES = {"from": "2027-01-15T00:00:00Z", "until": "2027-02-15T00:00:00Z"}
OF_A_REQUEST: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("PATCH", "", {"body": {"purpose": "x"}}),
    *(("POST", f"/{name}", {"body": {}}) for name in ("submit", "approve", "reject", "return", "revoke", "close")),
    ("POST", "/renew", {"body": {}}),
    ("POST", "/comments", {"body": {"text": "x"}}),
    ("POST", "/comments", {"body": {"text": "x", "internal": True}}),
    ("POST", "/attachments?name=a.pdf", {"content": PDF}),
    ("GET", "/attachments/{attachment}", {}),
    ("DELETE", "/attachments/{attachment}", {}),
    ("POST", "/members", {"body": {"mail": "a@b.example"}}),
    ("DELETE", "/members/alice", {}),
    ("DELETE", "/members/{who}", {}),
]
ELSEWHERE: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", REQUESTS, {}),
    ("POST", REQUESTS, {"body": {"dataset": "HRA000001", "purpose": "x"}}),
    ("POST", "/dac/v1/invitations/x", {"body": {}}),
    ("GET", "/dac/v1/committees", {}),
    ("PUT", "/dac/v1/committees/HDAC000001/members/mallory", {"body": {"chair": True}}),
    ("DELETE", "/dac/v1/committees/HDAC000001/members/dora", {}),
    ("POST", "/dac/v1/committees/HDAC000001/delegations", {"body": {"to": "zed", **TIMES}}),
    ("DELETE", "/dac/v1/committees/HDAC000001/delegations/x", {}),
]


async def attached(site: Site, id: str) -> str:
    made = await site.send("POST", f"{REQUESTS}/{id}/attachments?name=plan.pdf", "alice", content=PDF)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_the_tables_hold_every_operation_of_the_contract() -> None:
    from web.contracts import document

    listed = {(method, _shape(f"{REQUESTS}/x{path}")) for method, path, _ in OF_A_REQUEST}
    listed |= {(method, _shape(path)) for method, path, _ in ELSEWHERE}
    declared = {
        (method.upper(), len(f"/dac/v1{path}".split("/")), path.rstrip("/").rpartition("/")[2].startswith("{"))
        for path, operations in document("dac")["paths"].items()
        for method in operations
        if method != "parameters" and path != "/datasets/{accession}/sharing-score"
    }
    assert {(method, length) for method, length in listed} == {(method, length) for method, length, _ in declared}


def _shape(path: str) -> int:
    return len(path.partition("?")[0].split("/"))


@pytest.mark.parametrize(("method", "path", "given"), [*OF_A_REQUEST, *ELSEWHERE])
async def test_everything_without_sign_in_is_401(site: Site, method: str, path: str, given: dict[str, Any]) -> None:
    id = await site.created()
    attachment = await attached(site, id)
    target = path if path.startswith("/dac") else f"{REQUESTS}/{id}{path}"
    for who in (None, "nobody"):
        answer = await site.send(method, target.format(attachment=attachment, who="bob"), who, **given)
        assert answer.status_code == 401, answer.text
        assert set(answer.json()) == {"status", "title", "detail"}


@pytest.mark.parametrize(("method", "path", "given"), OF_A_REQUEST)
async def test_ATTACKS_62_hidden_and_absent_are_one(site: Site, method: str, path: str, given: dict[str, Any]) -> None:
    """Same status, body and headers: for strangers, other committees, and the committee while it is a draft."""
    draft, submitted = await site.created(), await site.created()
    papers = {id: await attached(site, id) for id in (draft, submitted)}
    await site.do("alice", submitted, "submit")
    for who, id in (("mallory", submitted), ("eve", submitted), ("mallory", draft), ("dora", draft)):
        answers = [
            await site.send(method, f"{REQUESTS}/{one}{path.format(attachment=papers[id], who=who)}", who, **given)
            for one in (id, "0" * 16)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert dict(answers[0].headers) == dict(answers[1].headers)


@pytest.mark.parametrize(("method", "path", "given"), [row for row in ELSEWHERE if "/committees/" in row[1]])
async def test_ATTACKS_62_committees_of_others_look_absent(
    site: Site, method: str, path: str, given: dict[str, Any]
) -> None:
    for who in ("mallory", "eve", "alice"):
        answers = [
            await site.send(method, path.replace("HDAC000001", committee), who, **given)
            for committee in ("HDAC000001", "HDAC999999")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert (await site.get("/dac/v1/committees", "mallory")).json() == {"committees": []}


async def test_a_request_is_edited_shared_documented_and_discussed(site: Site) -> None:
    id = await site.created()
    use = {"kinds": ["disease"], "disease": "MONDO:0005045", "ethics_approval": True}
    edited = await site.send("PATCH", f"{REQUESTS}/{id}", "alice", {"purpose": "to learn more", "use": use})
    assert (edited.json()["purpose"], edited.json()["use"]) == ("to learn more", use)
    paper = await attached(site, id)
    invited = await site.post(f"{REQUESTS}/{id}/members", "alice", {"mail": "bob@uni.example"})
    secret = invited.json()["link"].rpartition("/")[2]
    joined = await site.post(f"/dac/v1/invitations/{secret}", "bob")
    assert joined.json() == {"request": id, "dataset": "HRA000001"}
    assert (await site.post(f"/dac/v1/invitations/{secret}", "mallory")).status_code == 404
    await site.do("alice", id, "submit")
    for who, internal in (("alice", False), ("bob", False), ("dora", False), ("dora", True)):
        said = await site.post(f"{REQUESTS}/{id}/comments", who, {"text": f"{who} {internal}", "internal": internal})
        assert said.status_code == 201
    shown = {who: (await site.get(f"{REQUESTS}/{id}", who)).json() for who in ("alice", "bob", "dora")}
    public = ["alice False", "bob False", "dora False"]
    assert [one["text"] for one in shown["alice"]["comments"]] == public
    assert [one["text"] for one in shown["bob"]["comments"]] == public
    assert [one["text"] for one in shown["dora"]["comments"]] == [*public, "dora True"]
    assert [shown[who]["role"] for who in shown] == ["applicant", "member", "committee"]
    assert "findings" not in shown["alice"]
    assert "history" not in shown["bob"]
    history = [one["action"] for one in shown["dora"]["history"]]
    assert history == ["create", "edit", "attach", "invite", "join", "submit", "comment", "comment", "comment", "note"]
    assert [one["id"] for one in shown["dora"]["attachments"]] == [paper]
    assert (await site.send("DELETE", f"{REQUESTS}/{id}/members/bob", "bob")).status_code == 204
    assert (await site.get(f"{REQUESTS}/{id}", "bob")).status_code == 404


async def test_ATTACKS_65_an_attachment_is_only_ever_a_download(site: Site) -> None:
    id = await site.created()
    name = 'a "plan" é.pdf'.replace('"', "")
    made = await site.send("POST", f"{REQUESTS}/{id}/attachments?name={name}", "alice", content=PDF)
    answer = await site.get(f"{REQUESTS}/{id}/attachments/{made.json()['id']}", "alice")
    assert answer.content == PDF
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20plan%20%C3%A9.pdf"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await site.send("DELETE", f"{REQUESTS}/{id}/attachments/{made.json()['id']}", "alice")).status_code == 204
    assert (await site.get(f"{REQUESTS}/{id}/attachments/{made.json()['id']}", "alice")).status_code == 404


async def test_ATTACKS_65_attachments_that_are_too_much(site: Site) -> None:
    id = await site.created()
    url = f"{REQUESTS}/{id}/attachments?name="
    for name, content, status in (
        ("a.pdf", b"", 400),
        ("a.pdf", b"%PDF-" + bytes(5 << 20), 400),
        ("a.pdf", b"%PDF-" + bytes(9 << 20), 413),
        ("a.svg", b"<svg onload=alert(1)>", 400),
        ("a.html", b"<script>", 400),
    ):
        assert (await site.send("POST", url + name, "alice", content=content)).status_code == status
    for _ in range(10):
        await attached(site, id)
    assert (await site.send("POST", url + "b.pdf", "alice", content=PDF)).status_code == 409


async def test_a_renewal_takes_the_place_of_what_it_renews(site: Site) -> None:
    id = await site.created()
    await site.do("alice", id, "submit")
    await site.do("dora", id, "approve", {"days": 2})
    again = await site.post(f"{REQUESTS}/{id}/renew", "alice")
    assert (again.status_code, again.json()["state"], again.json()["renews"]) == (201, "draft", id)
    assert (await site.post(f"{REQUESTS}/{id}/renew", "alice")).status_code == 409
    await site.do("alice", again.json()["id"], "submit")
    renewed = await site.do("dora", again.json()["id"], "approve", {"days": 30})
    assert renewed.json()["expires_at"] == "2027-02-14T08:00:00Z"
    assert (await site.get(f"{REQUESTS}/{id}", "alice")).json()["state"] == "closed"


async def test_committees_are_kept_by_their_chairs(site: Site) -> None:
    seats = "/dac/v1/committees/HDAC000001/members"
    assert (await site.send("PUT", f"{seats}/bob", "dora", {"mail": "bob@b.example"})).status_code == 204
    assert (await site.send("PUT", f"{seats}/eve", "bob", {})).status_code == 403
    assert (await site.send("DELETE", f"{seats}/dora", "dora")).status_code == 409
    assert (await site.send("PUT", f"{seats}/dora", "dora", {"chair": False})).status_code == 409
    lent = await site.post(
        "/dac/v1/committees/HDAC000001/delegations", "bob", {"to": "mallory", "mail": "m@b.example", **TIMES}
    )
    assert lent.status_code == 201
    (seen,) = (await site.get("/dac/v1/committees", "mallory")).json()["committees"]
    assert seen["delegations"] == [{"id": lent.json()["id"], "by": "bob", "to": "mallory", **TIMES}]
    assert (seen["quorum"], seen["chair"]) == (1, False)
    id = await site.created()
    await site.do("alice", id, "submit")
    assert (await site.get(f"{REQUESTS}/{id}", "mallory")).json()["role"] == "committee"
    recalled = await site.send("DELETE", f"/dac/v1/committees/HDAC000001/delegations/{lent.json()['id']}", "bob")
    assert recalled.status_code == 204
    assert (await site.get(f"{REQUESTS}/{id}", "mallory")).status_code == 404
    for times in (
        {"from": "x", "until": TIMES["until"]},
        {**TIMES, "until": "2027-01-14T00:00:00Z"},
        {**TIMES, "from": "2027-01-15"},
    ):
        wrong = await site.post("/dac/v1/committees/HDAC000001/delegations", "bob", {"to": "mallory", **times})
        assert wrong.status_code == 400, wrong.text
