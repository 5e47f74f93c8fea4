"""Sign-in, consent and sessions, as a browser meets them."""

from __future__ import annotations

import html

import pytest
import requests

from auth.broker.accounts import AccountError, create
from tests.auth.broker.running import (
    CHEAP,
    CLI,
    FULL,
    PASSWORD,
    WEB,
    Browser,
    Form,
    Running,
    answer_of,
)


def test_passwords_are_stored_as_argon2id_only(broker: Running, ming: str) -> None:
    from auth.broker.accounts import find

    account = find(broker.engine, ming)
    assert account is not None
    assert account.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), (" x", PASSWORD), ("x\n", PASSWORD), ("x", "short")])
def test_bad_accounts_are_refused_with_what_is_allowed(broker: Running, name: str, password: str) -> None:
    with pytest.raises(AccountError, match=r"1 to 100|8 to 1024"):
        create(broker.engine, name, password, "X", settings=CHEAP)


def test_account_name_is_taken(broker: Running, ming: str) -> None:
    with pytest.raises(AccountError, match="taken"):
        broker.account("ming")


@pytest.mark.parametrize("name", ["ming", "nobody at all"])
def test_lock_out_treats_known_and_unknown_names_alike(browser: Browser, name: str) -> None:
    name = name if name == "ming" else f"nobody {id(browser)}"
    wrong = [browser.submit(browser.authorize(), name=name, password="wrong password") for _ in range(4)]
    assert [page.status_code for page in wrong] == [401, 401, 401, 429]
    right = browser.submit(browser.authorize(), name=name, password=PASSWORD)
    assert right.status_code == 429
    browser.broker.clock.ahead = 901
    late = browser.submit(browser.authorize(), name="ming", password=PASSWORD)
    assert late.is_redirect


def test_row_52_session_id_is_new_after_sign_in_and_old_one_dead(browser: Browser) -> None:
    page = browser.authorize()
    before = dict(browser.http.cookies)
    browser.sign_in(page)
    after = dict(browser.http.cookies)
    assert set(before) == set(after)
    assert before != after
    fixed = requests.get(f"{browser.broker.url}/account", cookies=before, timeout=30)
    assert "password" in Form(fixed.text).fields


def test_cookie_is_http_only_and_lax(browser: Browser) -> None:
    cookie = browser.authorize().headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_sign_out_ends_the_session_on_the_server(browser: Browser) -> None:
    browser.sign_in(browser.authorize())
    kept = dict(browser.http.cookies)
    browser.submit(browser.get("/account"))
    again = requests.get(f"{browser.broker.url}/account", cookies=kept, timeout=30)
    assert "password" in Form(again.text).fields


def test_session_ends_with_time(browser: Browser) -> None:
    browser.sign_in(browser.authorize())
    assert "password" not in Form(browser.get("/account").text).fields
    browser.broker.clock.ahead = browser.broker.settings.lifetimes.session + 1
    assert "password" in Form(browser.get("/account").text).fields


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}], ids=["no token", "other site", "null"]
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/account/withdraw", "/device", "/consent"])
def test_row_52_65_forms_of_other_sites_are_refused(browser: Browser, path: str, headers: dict[str, str]) -> None:
    browser.sign_in(browser.authorize())
    token = Form(browser.get("/account").text).fields["csrf"]
    data = {"csrf": token} if headers else {}
    answer = browser.http.post(browser.broker.url + path, data=data, headers=headers, timeout=30)
    assert answer.status_code == 403


def test_form_token_of_another_session_is_refused(browser: Browser, broker: Running) -> None:
    other = Form(Browser(broker).authorize().text).fields["csrf"]
    assert browser.submit(browser.authorize(), csrf=other, name="ming", password=PASSWORD).status_code == 403


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-out", ""])
def test_sign_in_leads_only_to_own_pages(browser: Browser, back: str) -> None:
    answer = browser.submit(browser.authorize(), back=back, name="ming", password=PASSWORD)
    assert answer.headers["Location"] == "/account"


def test_row_59_consent_shows_everything_and_is_escaped(browser: Browser) -> None:
    page = browser.sign_in(browser.authorize(client_id="web", redirect_uri=WEB))
    text = page.text
    assert "<b>Web</b>" not in text
    assert html.escape("<b>Web</b> & co") in text
    for part in ("Who you are", "Your name", "Your Passport", "Lasting access", "Ming Li"):
        assert part in text
    for issuer in browser.broker.settings.issuers:
        assert issuer.issuer in text


def test_row_59_refusing_tells_the_client(browser: Browser) -> None:
    answer = answer_of(browser.submit(browser.sign_in(browser.authorize()), decision="deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "st", browser.broker.url)
    assert "code" not in answer


def test_row_59_consent_is_remembered_for_these_scopes_only(browser: Browser) -> None:
    browser.code(scope="openid")
    assert "code" in answer_of(browser.authorize(scope="openid"))
    assert "code" in answer_of(browser.authorize(scope="openid", prompt="none"))
    assert answer_of(browser.authorize(scope="openid profile", prompt="none"))["error"] == "consent_required"
    assert "Your name" in browser.authorize(scope="openid profile").text
    assert "Who you are" in browser.authorize(scope="openid", prompt="consent").text
    other = browser.authorize(client_id="spa", redirect_uri=WEB, scope="openid", prompt="none")
    assert answer_of(other)["error"] == "consent_required"


def test_row_59_withdrawing_forgets_consent_and_ends_the_tokens(browser: Browser) -> None:
    tokens = browser.tokens()
    account = browser.get("/account")
    token = Form(account.text).fields["csrf"]
    assert "Command line" in account.text
    url = f"{browser.broker.url}/account/withdraw"
    browser.http.post(url, data={"csrf": token, "client_id": "cli"}, timeout=30)
    assert browser.broker.userinfo(tokens["access_token"]).status_code == 401
    assert answer_of(browser.authorize(prompt="none"))["error"] == "consent_required"


def test_prompt_login_and_max_age_ask_again_once(browser: Browser) -> None:
    browser.code()
    for more in ({"prompt": "login"}, {"max_age": "10"}):
        browser.broker.clock.ahead += 60
        page = browser.authorize(**more)
        assert "password" in Form(page.text).fields
        assert "code" in answer_of(browser.sign_in(page))


def test_consent_page_of_another_person_gives_no_code(browser: Browser, broker: Running) -> None:
    name = f"fang {id(browser)}"
    broker.account(name)
    page = browser.sign_in(browser.authorize())
    browser.submit(browser.get("/account"))
    second = browser.sign_in(browser.authorize(), name)
    answer = browser.submit(page, decision="allow", csrf=Form(second.text).fields["csrf"])
    assert answer.headers["Location"].startswith("/authorize?")
    assert "code=" not in answer.headers["Location"].replace("response_type=code&", "").replace("code_challenge", "")


def test_row_65_pages_cannot_be_framed_and_load_nothing_foreign(browser: Browser) -> None:
    page = browser.authorize()
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "用户名"), ("en", "User name"), ("fr", "User name")], ids=["zh", "en", "other"]
)
def test_pages_speak_chinese_and_english(broker: Running, lang: str, words: str) -> None:
    by_header = requests.get(f"{broker.url}/sign-in", headers={"Accept-Language": lang}, timeout=30)
    assert words in by_header.text
    if lang != "fr":
        chosen = requests.get(f"{broker.url}/sign-in?lang={lang}", headers={"Accept-Language": "fr"}, timeout=30)
        assert words in chosen.text
        assert chosen.cookies["lang"] == lang


def test_language_switch_keeps_the_request(browser: Browser) -> None:
    page = browser.authorize()
    link = html.unescape(page.text.split('lang="zh" hreflang', 1)[0].rsplit('href="', 1)[1].split('"')[0])
    page = browser.get("/authorize" + link)
    assert "用户名" in page.text
    assert "code" in answer_of(browser.submit(browser.sign_in(page), decision="allow"))


def test_unknown_pages_wear_the_family_look(broker: Running) -> None:
    answer = requests.get(f"{broker.url}/nothing", headers={"Accept-Language": "zh"}, timeout=30)
    assert answer.status_code == 404
    assert "页面不存在" in answer.text


def test_scope_list_is_complete_in_the_configuration() -> None:
    from auth.broker.pages import NAMES
    from auth.broker.settings import SCOPES

    assert set(NAMES) == set(SCOPES) == set(FULL.split())
    assert CLI != WEB
