"""A member's pages with real sign-in at a real broker: ask, decide, revoke, and what must not work."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml

from tests.auth.broker.running import Form
from tests.auth.pages.conftest import Site
from tests.auth.pages.visitor import Visitor
from tests.auth.pages.visitor import ming as ming
from tests.auth.pages.visitor import wang as wang

ROOT = Path(__file__).parents[3]


def test_sign_in_through_the_broker_and_back_to_the_page_asked_for(site: Site, ming: Visitor) -> None:
    page = ming.get("/requests/new?dataset=HRA000128")
    assert page.url == f"{site.url}/requests/new?dataset=HRA000128"
    assert "Ming Li" in page.text
    assert "HRA000128" in page.text


def test_no_token_ever_reaches_an_address_or_the_browser(site: Site, ming: Visitor) -> None:
    page = ming.get("/requests")
    for step in [*page.history, page]:
        assert "token=" not in step.url
        assert "eyJ" not in step.url
    assert all("eyJ" not in value for value in ming.http.cookies.values())


def test_request_approve_revoke(site: Site, ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask()
    assert "Waiting for decision" in ming.get("/requests").text
    desk = wang.get("/dac")
    assert f"/dac/requests/{request_id}/approve" in desk.text
    assert "Ming Li" in desk.text
    approved = wang.post(f"/dac/requests/{request_id}/approve")
    assert approved.status_code == 303
    mine = ming.get(f"/dac/requests/{request_id}")
    assert "Approved" in mine.text
    assert "/revoke" not in mine.text
    assert wang.post(f"/dac/requests/{request_id}/revoke").status_code == 303
    assert "Revoked" in ming.get(f"/dac/requests/{request_id}").text


def test_row_64_opening_the_link_decides_nothing_and_a_second_click_is_a_conflict(ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    assert wang.get(f"/dac/requests/{request_id}/approve").status_code == 405
    assert "Waiting for decision" in wang.get(f"/dac/requests/{request_id}").text
    assert wang.post(f"/dac/requests/{request_id}/approve", days="30").status_code == 303
    assert wang.post(f"/dac/requests/{request_id}/approve").status_code == 409


@pytest.mark.parametrize("command", ["approve", "reject", "return", "revoke"])
def test_row_63_nobody_decides_on_their_own_request(ming: Visitor, command: str) -> None:
    request_id = ming.ask()
    assert ming.post(f"/dac/requests/{request_id}/{command}", comment="x").status_code == 403
    assert "Waiting for decision" in ming.get(f"/dac/requests/{request_id}").text


def test_row_62_requests_of_others_look_absent(site: Site, ming: Visitor) -> None:
    request_id = ming.ask()
    mallory = Visitor(site, "mallory")
    there, absent = mallory.get(f"/dac/requests/{request_id}"), mallory.get("/dac/requests/nothing")
    assert (there.status_code, there.text) == (404, absent.text)
    assert mallory.post(f"/dac/requests/{request_id}/approve").status_code == 404
    assert request_id not in mallory.get("/dac").text


def test_row_65_csrf_and_foreign_origins(site: Site, ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    url = f"{site.url}/dac/requests/{request_id}/approve"
    assert wang.http.post(url, timeout=30).status_code == 403
    token = Form(wang.get("/requests/new?dataset=HRA000128").text).fields["csrf"]
    for origin in ("https://evil.example", "null", site.broker):
        answer = wang.http.post(url, data={"csrf": token}, headers={"Origin": origin}, timeout=30)
        assert answer.status_code == 403
    other = Form(ming.get("/requests/new?dataset=HRA000128").text).fields["csrf"]
    assert wang.http.post(url, data={"csrf": other}, timeout=30).status_code == 403
    assert "Waiting for decision" in ming.get(f"/dac/requests/{request_id}").text


def test_row_65_what_people_write_is_escaped(ming: Visitor, wang: Visitor) -> None:
    request_id = ming.ask("HRA000777")
    for page in (wang.get("/dac"), wang.get(f"/dac/requests/{request_id}"), ming.get("/requests/new?search=exomes")):
        assert "<img" not in page.text.split("<main")[1]
        assert "<script" not in page.text
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("command", ["return", "reject"])
def test_comment_is_needed_and_shown_to_the_applicant(ming: Visitor, wang: Visitor, command: str) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    refused = wang.post(f"/dac/requests/{request_id}/{command}")
    assert refused.status_code == 400
    assert "comment" in refused.text
    wang.post(f"/dac/requests/{request_id}/{command}", comment="Who keeps the data safe?")
    assert "Who keeps the data safe?" in ming.get(f"/dac/requests/{request_id}").text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"dataset": "HRA000128", "purpose": " "}, 400),
        ({"dataset": "HRA000128", "purpose": "x", "mail": "no mail"}, 400),
        ({"dataset": "HRA000001", "purpose": "x"}, 400),
        ({"dataset": "HRA999999", "purpose": "x"}, 404),
        ({}, 400),
    ],
)
def test_bad_requests_say_what_is_wrong(ming: Visitor, fields: dict[str, str], status: int) -> None:
    answer = ming.post("/requests/new", **fields)
    assert answer.status_code == status
    if fields.get("purpose", "").strip() and status == 400:
        assert fields["purpose"] in answer.text  # nothing typed is lost


@pytest.mark.parametrize("days", ["0", "-1", "x", "99999", "٣"])
def test_bad_lengths_of_access(ming: Visitor, wang: Visitor, days: str) -> None:
    request_id = ming.ask()
    wang.get("/dac")
    assert wang.post(f"/dac/requests/{request_id}/approve", days=days).status_code == 400


def test_unknown_command(ming: Visitor) -> None:
    request_id = ming.ask()
    assert ming.post(f"/dac/requests/{request_id}/delete").status_code == 404


def _answer(ming: Visitor) -> tuple[str, dict[str, str]]:
    """Walk to the broker's answer without following it."""
    ming.get("/requests")
    ming.post("/sign-out")
    start = ming.http.get(f"{ming.site.url}/sign-in", allow_redirects=False, timeout=30)
    answer = ming.http.get(start.headers["Location"], allow_redirects=False, timeout=30)
    url = answer.headers["Location"]
    assert url.startswith(f"{ming.site.url}/callback?")
    return url, {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("name", ["iss", "state", "code"])
@pytest.mark.parametrize("value", ["", "other", None])
def test_row_51_answers_of_others_are_refused(site: Site, ming: Visitor, name: str, value: str | None) -> None:
    url, answer = _answer(ming)
    changed = {key: text for key, text in {**answer, name: value}.items() if text is not None}
    page = ming.http.get(url.partition("?")[0], params=changed, timeout=30)
    assert page.status_code == 400
    assert "Sign-in did not work" in page.text
    assert "Ming Li" not in page.text


def test_row_52_answer_is_good_in_its_own_browser_and_once(site: Site, ming: Visitor) -> None:
    url, _ = _answer(ming)
    assert requests.get(url, timeout=30).status_code == 400
    assert Visitor(site, "mallory").http.get(url, timeout=30).status_code == 400
    assert ming.http.get(url, timeout=30).status_code == 200
    assert ming.http.get(url, timeout=30).status_code == 400


def test_row_51_an_attempt_that_failed_is_over(ming: Visitor) -> None:
    url, answer = _answer(ming)
    wrong = ming.http.get(url.partition("?")[0], params={**answer, "iss": "https://evil.example"}, timeout=30)
    assert wrong.status_code == 400
    assert ming.http.get(url, timeout=30).status_code == 400


def test_row_52_session_is_new_after_sign_in(site: Site, ming: Visitor) -> None:
    ming.http.get(f"{site.url}/sign-in", allow_redirects=False, timeout=30)
    before = {cookie.value for cookie in ming.http.cookies}
    ming.get("/requests")
    assert before
    assert not before & {cookie.value for cookie in ming.http.cookies}


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example"])
def test_sign_in_leads_back_to_this_member_only(site: Site, ming: Visitor, back: str) -> None:
    ming.get("/requests")
    page = ming.http.get(f"{site.url}/sign-in", params={"back": back}, timeout=30)
    assert page.url == f"{site.url}/requests"


def test_session_ends_with_time_and_with_sign_out(site: Site, ming: Visitor) -> None:
    ming.get("/requests")
    kept = ming.http.cookies.copy()
    ming.post("/sign-out")
    answer = requests.get(f"{site.url}/requests", cookies=kept, allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    ming.get("/requests")
    site.clock.ahead = 8 * 3600 + 1
    answer = ming.http.get(f"{site.url}/requests", allow_redirects=False, timeout=30)
    assert answer.headers["Location"].startswith("/sign-in")


def test_broker_down_is_said_calmly(tmp_path: Path) -> None:
    from auth.keys import KeyRing
    from auth.openid import SignInFailed
    from auth.sign_in import ClientSettings, SignIn
    from tests.support import free_port

    sign_in = SignIn(ClientSettings(f"http://127.0.0.1:{free_port()}", "m", "http://x/cb"), KeyRing(None))  # type: ignore[arg-type]
    with pytest.raises(SignInFailed, match="cannot be reached"):
        sign_in.begin({}, "/", "en")


class _Texts(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.lang = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.lang = dict(attrs)["lang"] or ""

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_pages_in_chinese(ming: Visitor, wang: Visitor) -> None:
    ming.ask()
    for visitor in (ming, wang):
        visitor.http.headers["Accept-Language"] = "zh-CN,zh;q=0.9"
    page = _Texts(ming.get("/requests").text)
    assert page.lang == "zh-CN"
    assert {"我的申请", "申请访问", "待审批", "退出登录"} <= set(page.texts)
    assert "批准一年" in _Texts(wang.get("/dac").text).texts


def test_the_broker_is_asked_to_speak_the_language_chosen_here(site: Site, ming: Visitor) -> None:
    ming.http.get(f"{site.url}/nowhere", params={"lang": "zh"}, timeout=20)
    answer = ming.http.get(f"{site.url}/sign-in", timeout=20, allow_redirects=False)
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["ui_locales"] == ["zh"]
    page = requests.get(answer.headers["Location"], timeout=20)
    assert _Texts(page.text).lang == "zh-CN"


FOLDERS = {
    "auth/broker": ["auth/broker/words.yaml", "web/templates/words.yaml"],
    "auth/pages": ["auth/pages/words.yaml", "web/templates/words.yaml"],
    "web": ["web/templates/words.yaml"],
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_text_has_its_chinese(folder: str) -> None:
    known = {word for file in FOLDERS[folder] for word in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))}
    said: set[str] = set()
    for template in (ROOT / folder).rglob("*.html"):
        spoken = re.findall(r"""_\(\s*(?:"([^"]+)"|'([^']+)')""", template.read_text(encoding="utf-8"))
        said |= {one or other for one, other in spoken}
    for module in (ROOT / folder).rglob("*.py"):
        said |= set(re.findall(r'(?<!\w)say\("([^"]+)"', module.read_text(encoding="utf-8")))
    assert said - known == set()


def test_texts_kept_in_tables_have_their_chinese() -> None:
    from auth.broker.pages import LOCKED, NAMES, WRONG
    from auth.pages.requests import COUNTED, DONE

    broker = yaml.safe_load((ROOT / "auth/broker/words.yaml").read_text(encoding="utf-8"))
    pages = yaml.safe_load((ROOT / "auth/pages/words.yaml").read_text(encoding="utf-8"))
    assert {LOCKED[0], WRONG[0], *NAMES.values()} <= set(broker)
    tables = (ROOT / "auth/pages/templates/access/person.html").read_text(encoding="utf-8")
    kept = set(re.findall(r'": "([^"]+)"', "".join(re.findall(r"{% set .*?%}", tables, re.S))))
    assert len(kept) > 40
    assert {*DONE.values(), COUNTED, "My requests", "Committee desk", *kept} - set(pages) == set()


def test_the_pages_name_all_that_the_rules_know() -> None:
    """Kinds of use, flags, commands and reasons have words in both languages."""
    from auth import duo
    from auth.access_request import COMMANDS, STATES

    pages = yaml.safe_load((ROOT / "auth/pages/words.yaml").read_text(encoding="utf-8"))
    tables = (ROOT / "auth/pages/templates/access/person.html").read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z_]+)": "', tables))
    assert {*duo.rules().kinds, *duo.rules().flags, *COMMANDS, *STATES} - named == set()
    terms = [{"id": id, "modifiers": [{"id": "X:1"}]} for id in (*duo.rules().terms, "DUO:0009999")]
    uses = [{}, *({"kinds": [kind], "disease": "X:1"} for kind in duo.rules().kinds)]
    uses += [{"kinds": ["disease"], **dict.fromkeys(duo.rules().flags, said)} for said in (True, False)]
    reasons = {one.reason for term in terms for use in uses for one in duo.findings([term], use)}
    assert len(reasons) >= 10
    assert reasons - set(pages) == set()
