"""The whole life of a request on the pages, and the one click (rows 62 to 65 of the attack table)."""

from __future__ import annotations

import re

import pytest
import requests
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from auth.tables import Link, OutboxMail
from tests.auth.broker.running import Form
from tests.auth.pages.conftest import Site
from tests.auth.pages.visitor import Visitor
from tests.auth.pages.visitor import ming as ming
from tests.auth.pages.visitor import wang as wang

PDF = b"%PDF-1.7 a plan"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.fixture
def zhao(site: Site) -> Visitor:
    """The other committee member."""
    return Visitor(site, "zhao")


def mails(site: Site, recipient: str) -> list[OutboxMail]:
    with Session(site.engine) as session:
        query = select(OutboxMail).where(OutboxMail.recipient == site.subjects[recipient]).order_by(OutboxMail.id)
        return list(session.scalars(query))


def one_click(site: Site, request_id: str, recipient: str = "wang") -> str:
    """Path of the link in the mail that announced the request."""
    (mail,) = [mail for mail in mails(site, recipient) if request_id in mail.body]
    (link,) = re.findall(r"https?://\S+/dac/approve/\S+", mail.body)
    assert link.startswith(f"{site.url}/dac/approve/")
    return str(link.removeprefix(site.url))


def test_a_draft_is_saved_edited_and_sent(ming: Visitor, wang: Visitor) -> None:
    request_id = ming.draft(kinds="health")
    assert request_id not in wang.get("/dac").text
    assert wang.get(f"/dac/requests/{request_id}").status_code == 404
    form = ming.get(f"/dac/requests/{request_id}/edit")
    assert re.search(r'value="health" checked', form.text)
    page = ming.submit(form, purpose="Only ABCA4", kinds="methods", ethics_approval="yes")
    assert "Only ABCA4" in page.text
    assert "Development of methods" in page.text
    ming.post(f"/dac/requests/{request_id}/submit")
    seen = wang.get(f"/dac/requests/{request_id}").text
    for text in ("Only ABCA4", "Ethics approval is in place: Yes", "people differ on whether this use is covered"):
        assert text in seen
    assert "health or medical or biomedical research" in seen
    assert "Terms of the data set beside" not in ming.get(f"/dac/requests/{request_id}").text
    assert ming.get(f"/dac/requests/{request_id}/edit").url.endswith(request_id)  # not while it waits


def test_only_what_the_terms_ask_is_asked(ming: Visitor) -> None:
    page = ming.get("/requests/new?dataset=HRA000128").text
    assert "Ethics approval is in place" in page
    assert "The use is commercial" not in page


def test_row_65_documents_are_downloads_of_kinds_that_browsers_do_not_run(ming: Visitor, wang: Visitor) -> None:
    request_id = ming.draft()
    assert "The document was attached." in ming.upload(f"/dac/requests/{request_id}/attachments", "plan.pdf", PDF).text
    for name, content in (("x.svg", SVG), ("x.html", b"<script>"), ("x.pdf", SVG), ("x.png", b"<html>"), ("x", PDF)):
        page = ming.upload(f"/dac/requests/{request_id}/attachments", name, content)
        assert 'role="alert"' in page.text
    ming.upload(f"/dac/requests/{request_id}/attachments", "../../etc/cron.d/x.pdf", PDF)
    ming.post(f"/dac/requests/{request_id}/submit")
    page = wang.get(f"/dac/requests/{request_id}").text
    links = re.findall(r'href="(/dac/requests/\w+/attachments/\w+)">([^<]+)<', page)
    assert [name for _, name in links] == ["plan.pdf", "x.pdf"]  # a path is never more than its last part
    for link, name in links:
        answer = wang.get(link)
        assert answer.content == PDF
        assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert Visitor(wang.site, "mallory").get(link).status_code == 404


def test_a_file_that_is_too_large_is_refused(ming: Visitor) -> None:
    request_id = ming.draft()
    page = ming.upload(f"/dac/requests/{request_id}/attachments", "a.pdf", b"%PDF-" + bytes(5 << 20))
    assert "at most 5242880 are allowed" in page.text
    huge = ming.upload(f"/dac/requests/{request_id}/attachments", "a.pdf", b"%PDF-" + bytes(6 << 20))
    assert huge.status_code == 413


def test_other_forms_stay_small(ming: Visitor) -> None:
    request_id = ming.draft()
    big = {"text": "x" * (300 << 10)}
    assert ming.post(f"/dac/requests/{request_id}/comments", **big).status_code == 413


def test_an_invited_person_accepts_and_gets_access_of_their_own(
    site: Site, ming: Visitor, wang: Visitor, zhao: Visitor
) -> None:
    request_id = ming.draft()
    page = ming.submit(ming.get(f"/dac/requests/{request_id}"))  # sends it: invitations come before
    assert "Waiting for decision" in page.text
    assert ming.post(f"/dac/requests/{request_id}/members", mail="k@uni.example").status_code == 303
    assert "invite needs it to be draft or returned" in ming.get(f"/dac/requests/{request_id}").text
    request_id = ming.draft()
    ming.post(f"/dac/requests/{request_id}/members", mail="mallory@uni.example")
    page = ming.get(f"/dac/requests/{request_id}").text
    (link,) = re.findall(r"/requests/join/[\w-]+", page)
    guest = Visitor(site, "mallory")
    invitation = guest.get(link)
    assert "Ming Li" in invitation.text
    assert "PURPOSE" not in invitation.text
    joined = guest.submit(invitation)
    assert "You take part" in joined.text
    assert guest.get(link).status_code == 404
    assert guest.get(f"/dac/requests/{request_id}").status_code == 404  # a draft is the applicant's alone
    ming.post(f"/dac/requests/{request_id}/submit")
    assert "Mallory" in wang.get(f"/dac/requests/{request_id}").text
    wang.post(f"/dac/requests/{request_id}/approve")
    assert "Approved" in guest.get("/requests").text
    assert guest.post(f"/dac/requests/{request_id}/leave").status_code == 303
    assert guest.get(f"/dac/requests/{request_id}").status_code == 404


def test_comments_are_for_both_sides_and_notes_for_one(ming: Visitor, wang: Visitor, zhao: Visitor) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    wang.post(f"/dac/requests/{request_id}/comments", text="Which <b>genes</b>?")
    wang.post(f"/dac/requests/{request_id}/comments", text="I know the group.", internal="1")
    mine, theirs = (who.get(f"/dac/requests/{request_id}").text for who in (ming, zhao))
    assert "Which &lt;b&gt;genes&lt;/b&gt;?" in mine
    assert "I know the group." not in mine
    assert "I know the group." in theirs
    assert "for the committee alone" in theirs
    ming.post(f"/dac/requests/{request_id}/comments", text="Mine", internal="1")
    assert "Mine" not in zhao.get(f"/dac/requests/{request_id}").text


def test_renewal_continues_access(ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    wang.post(f"/dac/requests/{request_id}/approve", days="30")
    draft = ming.post(f"/dac/requests/{request_id}/renew").headers["Location"].rpartition("/")[2]
    assert "This draft continues your access." in ming.get(f"/dac/requests/{draft}").text
    ming.post(f"/dac/requests/{draft}/submit")
    assert "the request before" in wang.get(f"/dac/requests/{draft}").text
    wang.post(f"/dac/requests/{draft}/approve", days="365")
    assert "Closed" in ming.get(f"/dac/requests/{request_id}").text
    assert "continued by a renewal" in wang.get(f"/dac/requests/{request_id}").text


def test_row_64_one_click(site: Site, ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask()
    link = one_click(site, request_id)
    for _ in range(2):  # a mail program that looks at links decides nothing
        assert "Approve for one year" in wang.get(link).text
    assert "Waiting for decision" in ming.get(f"/dac/requests/{request_id}").text
    done = wang.submit(wang.get(link))
    assert "Approved. The applicant has access from now on." in done.text
    replayed = wang.post(link)
    assert replayed.status_code == 409
    assert "This link does nothing any more" in replayed.text


def test_row_64_the_link_is_one_persons(site: Site, ming: Visitor, wang: Visitor, zhao: Visitor) -> None:
    """Forwarded to the other member, the applicant, a stranger, nobody; tampered with: all the same."""
    request_id = ming.ask()
    link = one_click(site, request_id)
    tampered = link[:-1] + ("A" if link[-1] != "A" else "B")
    absent = "/dac/approve/" + "A" * 22
    for who in (zhao, ming, Visitor(site, "mallory")):
        pages = [who.get(path) for path in (link, tampered, absent)]
        assert {page.status_code for page in pages} == {404}
        assert len({page.text for page in pages}) == 1
        assert {who.post(path).status_code for path in (link, tampered)} == {404}
    wang.get("/dac")
    assert wang.post(tampered).status_code == 404
    assert wang.http.post(site.url + link, timeout=30).status_code == 403  # without the form's token
    assert requests.post(site.url + link, timeout=30).status_code == 403
    stranger = requests.get(site.url + link, timeout=30, allow_redirects=False)
    assert stranger.headers["Location"].startswith("/sign-in?back=")
    assert "Waiting for decision" in ming.get(f"/dac/requests/{request_id}").text


def test_row_64_the_link_ends(site: Site, ming: Visitor, wang: Visitor) -> None:
    """By time, by a decision made elsewhere, and when the request is sent again."""
    request_id = ming.ask()
    wang.get("/dac")
    link = one_click(site, request_id)
    wang.post(f"/dac/requests/{request_id}/return", comment="more")
    assert wang.post(link).status_code == 409
    ming.post(f"/dac/requests/{request_id}/submit")
    assert wang.post(link).status_code == 409
    assert "Waiting for decision" in ming.get(f"/dac/requests/{request_id}").text
    second = ming.ask()
    link = one_click(site, second)
    assert wang.get(link).status_code == 200
    with Session(site.engine) as session, session.begin():
        session.execute(update(Link).where(Link.request == second).values(expires_at=site.clock()))
    assert wang.get(link).status_code == 409
    assert wang.post(link).status_code == 409
    assert "Waiting for decision" in ming.get(f"/dac/requests/{second}").text


def test_committee_page(site: Site, wang: Visitor, zhao: Visitor, ming: Visitor) -> None:
    page = wang.get("/dac/committees")
    assert "Chair" in page.text
    assert "Add or change a member" in page.text
    assert "Add or change a member" not in zhao.get("/dac/committees").text
    assert "You sit in no committee" in ming.get("/dac/committees").text
    refused = wang.post("/dac/committees/DAC1/unseat", subject=site.subjects["wang"])
    assert refused.status_code == 303
    assert "the last chair cannot go" in wang.get("/dac/committees").text
    zhao.post("/dac/committees/DAC1/delegate", to=site.subjects["mallory"], until="2999-01-01", **{"from": "x"})
    assert "from: a day such as" in zhao.get("/dac/committees").text
    days = {"from": "2020-01-01", "until": "2020-06-01"}
    zhao.post("/dac/committees/DAC1/delegate", to=site.subjects["mallory"], **days)
    assert "until: it must lie ahead" in zhao.get("/dac/committees").text


def test_row_65_every_form_wants_the_token_of_its_session(site: Site, ming: Visitor) -> None:
    """No change by a POST from elsewhere: each route of the application is tried."""
    ming.get("/requests")
    tried = 0
    for rule in site.app.url_map.iter_rules():
        if "POST" in (rule.methods or ()):
            path = re.sub(r"<[^>]+>", "x", rule.rule)
            for data in ({}, {"csrf": "x"}):
                answer = ming.http.post(site.url + path, data=data, timeout=30, allow_redirects=False)
                assert answer.status_code == 403, path
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Frame-Options"] == "DENY"
            tried += 1
    assert tried == 19


def test_row_62_pages_of_hidden_and_absent_requests_are_one(site: Site, ming: Visitor) -> None:
    request_id, mallory = ming.draft(), Visitor(site, "mallory")
    mallory.get("/requests")
    token = Form(mallory.get("/requests/new?dataset=HRA000128").text).fields["csrf"]
    for rule in site.app.url_map.iter_rules():
        if "request_id" in rule.arguments:
            answers = []
            for id in (request_id, "0" * 16):
                path = rule.rule.replace("<request_id>", id).replace("<command>", "close")
                path = re.sub(r"<[^>]+>", "x", path)
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                given = {"csrf": token, "text": "x", "subject": "x", "purpose": "x"}
                data = given if method == "POST" else None
                file = {"file": ("a.pdf", PDF)} if rule.endpoint == "access.attach" else None
                answers.append(mallory.http.request(method, site.url + path, data=data, files=file, timeout=30))
            assert {answer.status_code for answer in answers} == {404}, rule.rule
            assert answers[0].text == answers[1].text
