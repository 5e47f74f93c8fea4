"""Signing in at another OpenID provider: a real one on a socket, and one that lies (rows 51, 52, 53)."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from adapters.catalog.engine import connect
from auth import jose
from auth.broker.accounts import federated
from auth.broker.settings import BrokerSettings
from auth.broker.tables import Account, FederatedIdentity
from auth.keyset import SigningKey
from auth.openid import half_hash
from tests.auth.broker.running import (
    CHEAP,
    CLI,
    PASSWORD,
    Browser,
    Clock,
    Form,
    Running,
    answer_of,
    broker_serving,
    serving,
    tables,
)
from tests.support import free_port

ACCESS_TOKEN = "an-access-token"
CLIENT = {"client_id": "cli", "name": "Command line", "kind": "public", "redirect_uris": [CLI]}


class Liar:
    """A provider whose documents a test can change; it says ``iss`` in its answers only if told to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = SigningKey.generate()
        self.reset()

    def reset(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "u1", "name": "Ulla U"}
        self.nonce = ""
        self.forms: list[dict[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path == "/token":
            size = int(environ["CONTENT_LENGTH"])
            self.forms.append(dict(parse_qsl(environ["wsgi.input"].read(size).decode())))
        documents = {"/jwks": {"keys": [self.key.public_jwk()]}, "/token": self.token(), "/userinfo": self.userinfo}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(documents.get(path, self.metadata)).encode()]

    def token(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "sub": "u1", "aud": "home", "iat": now, "exp": now + 60, "nonce": self.nonce}
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        id_token = jose.sign(claims, self.key, typ="JWT")
        return {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token}


class Place:
    """A broker with two upstream providers: an institution that is itself a broker, and the liar."""

    def __init__(self, home: Running, institution: Running, liar: Liar) -> None:
        self.home, self.institution, self.liar = home, institution, liar


@pytest.fixture(scope="module")
def running_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, liar = tmp_path_factory.mktemp("upstream"), Liar()
    ports = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    callback = f"{urls[0]}/sign-in/institution/callback"
    member = {"client_id": "home", "name": "Home", "redirect_uris": [callback], "client_secret": "s3 cr+t:%"}
    upstreams = [
        {
            "id": "institution",
            "name": "The Institution",
            "issuer": urls[1],
            "client_id": "home",
            "client_secret": "s3 cr+t:%",
        },
        {"id": "liar", "name": "Liar & co", "issuer": liar.url, "client_id": "home", "client_secret": "x"},
        {"id": "gone", "name": "Gone", "issuer": f"http://127.0.0.1:{free_port()}", "client_id": "home"},
    ]
    with ExitStack() as stack:
        running = []
        for url, clients, given in ((urls[0], [CLIENT], upstreams), (urls[1], [member], [])):
            engine = connect(f"sqlite:///{folder}/{len(running)}.db")
            stack.callback(engine.dispose)
            tables(engine)
            settings = BrokerSettings.model_validate(
                {
                    "public_url": url,
                    "database": str(engine.url),
                    "clients": clients,
                    "upstreams": given,
                    "passwords": CHEAP.model_dump(),
                }
            )
            clock = Clock()
            stack.enter_context(broker_serving(settings, engine, clock))
            running.append(Running(settings, engine, clock))
        stack.enter_context(serving(liar, liar.port))
        running[1].account()
        yield Place(running[0], running[1], liar)


@pytest.fixture
def place(running_place: Place) -> Place:
    running_place.liar.reset()
    return running_place


def leave(browser: Browser, name: str, page: requests.Response) -> requests.Response:
    """Follow the link to a provider; its answer is the redirect there."""
    link = html.unescape(re.search(rf'href="(/sign-in/{name}\?[^"]*)"', page.text)[1])  # type: ignore[index]
    return browser.get(link)


def at_liar(place: Place, browser: Browser) -> dict[str, str]:
    """Begin signing in at the liar; what it was asked."""
    there = leave(browser, "liar", browser.authorize())
    assert there.headers["Location"].startswith(place.liar.url)
    asked = dict(parse_qsl(urlsplit(there.headers["Location"]).query))
    place.liar.nonce = asked["nonce"]
    return asked


def back(browser: Browser, asked: dict[str, str], **answer: str) -> requests.Response:
    given = {"code": "c0de", "state": asked["state"], **answer}
    return browser.get("/sign-in/liar/callback", params=given)


def test_sign_in_at_an_institution_and_on_to_the_client(place: Place) -> None:
    browser = Browser(place.home)
    page = leave(browser, "institution", browser.authorize())
    page = browser.get(page.headers["Location"])
    assert page.url.startswith(place.institution.url)
    page = browser.get(
        f"{place.institution.url}{browser.submit(page, name='ming', password=PASSWORD).headers['Location']}"
    )
    home = browser.submit(page, decision="allow")
    assert home.headers["Location"].startswith(f"{place.home.url}/sign-in/institution/callback?")
    consent = browser.get(browser.get(home.headers["Location"]).headers["Location"])
    assert "Ming Li" in consent.text
    answer = answer_of(browser.submit(consent, decision="allow"))
    tokens = browser.redeem(answer["code"]).json()
    said = place.home.userinfo(tokens["access_token"]).json()
    assert said["name"] == "Ming Li"
    with Session(place.home.engine) as db:
        known = db.scalars(select(FederatedIdentity).where(FederatedIdentity.sub == said["sub"])).one()
    assert known.issuer == place.institution.url


def test_the_same_person_has_the_same_account_and_never_a_password(place: Place) -> None:
    subjects = []
    for name in ("Ulla U", "Ulla V"):
        browser = Browser(place.home)
        place.liar.userinfo = {"sub": "u1", "name": name}
        assert back(browser, at_liar(place, browser)).status_code == 303
        account = browser.get("/account").text
        assert name in account
        assert "second-factor" not in account
        subjects.append(re.search(r"<code>([^<]+)</code>", account)[1])  # type: ignore[index]
    assert subjects[0] == subjects[1]
    for password in ("", "x" * 12):
        page = Browser(place.home).authorize()
        refused = Browser(place.home).submit(page, name="liar:u1", password=password)
        assert refused.status_code in (401, 403)


def test_the_client_proves_itself_and_its_code(place: Place) -> None:
    browser = Browser(place.home)
    asked = at_liar(place, browser)
    assert (asked["code_challenge_method"], asked["scope"], asked["client_id"]) == ("S256", "openid profile", "home")
    back(browser, asked)
    (form,) = place.liar.forms
    assert form["client_secret"] == "x"
    assert len(form["code_verifier"]) >= 43
    assert form["redirect_uri"] == asked["redirect_uri"] == f"{place.home.url}/sign-in/liar/callback"


LIES: dict[str, dict[str, Any]] = {
    "53 other iss": {"iss": "https://evil.example"},
    "53 other aud": {"aud": "another"},
    "53 other nonce": {"nonce": "replayed"},
    "53 no nonce": {"nonce": None},
    "53 expired": {"exp": 1},
    "53 at_hash of another token": {"at_hash": half_hash("another")},
    "53 no sub": {"sub": None},
    "53 userinfo of somebody else": {"sub": "u2"},
}


@pytest.mark.parametrize("claims", LIES.values(), ids=LIES.keys())
def test_row_51_53_lies_sign_nobody_in(place: Place, claims: dict[str, Any]) -> None:
    browser = Browser(place.home)
    asked = at_liar(place, browser)
    place.liar.claims = claims
    refused = back(browser, asked)
    assert (refused.status_code, "did not work" in refused.text) == (502, True)
    assert "password" in Form(browser.get("/account").text).fields


MIXED: dict[str, dict[str, str]] = {
    "51 iss of another": {"iss": "https://evil.example"},
    "52 other state": {"state": "other"},
    "52 no state": {"state": ""},
    "51 error": {"error": "access_denied"},
    "51 no code": {"code": ""},
}


@pytest.mark.parametrize("answer", MIXED.values(), ids=MIXED.keys())
def test_row_51_52_mixed_up_answers(place: Place, answer: dict[str, str]) -> None:
    browser = Browser(place.home)
    assert back(browser, at_liar(place, browser), **answer).status_code == 502
    assert "password" in Form(browser.get("/account").text).fields


def test_row_51_a_provider_that_promises_iss_must_name_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    promised = {**place.liar.metadata, "authorization_response_iss_parameter_supported": True}
    monkeypatch.setattr("auth.openid.Provider.metadata", lambda self: promised)
    browser = Browser(place.home)
    asked = at_liar(place, browser)
    assert back(browser, asked).status_code == 502
    asked = at_liar(place, browser)
    assert back(browser, asked, iss=place.liar.url).status_code == 303


def test_row_51_an_answer_is_good_at_its_own_callback_in_its_own_browser_and_once(place: Place) -> None:
    browser, other = Browser(place.home), Browser(place.home)
    asked = at_liar(place, browser)
    given = {"code": "c0de", "state": asked["state"]}
    assert browser.get("/sign-in/institution/callback", params=given).status_code == 502
    assert other.get("/sign-in/liar/callback", params=given).status_code == 502
    assert back(browser, asked).status_code == 303
    assert back(browser, asked).status_code == 502


def test_row_51_an_attempt_that_failed_is_over(place: Place) -> None:
    browser = Browser(place.home)
    asked = at_liar(place, browser)
    assert back(browser, asked, error="access_denied").status_code == 502
    assert back(browser, asked).status_code == 502


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/sign-out", ""])
def test_row_50_sign_in_leads_to_own_pages_only(place: Place, to: str) -> None:
    browser = Browser(place.home)
    there = browser.get("/sign-in/liar", params={"back": to})
    asked = dict(parse_qsl(urlsplit(there.headers["Location"]).query))
    place.liar.nonce = asked["nonce"]
    assert back(browser, asked).headers["Location"] == "/account"


def test_row_52_the_session_is_new_after_sign_in(place: Place) -> None:
    browser = Browser(place.home)
    asked = at_liar(place, browser)
    before = dict(browser.http.cookies)
    back(browser, asked)
    fixed = requests.get(f"{place.home.url}/account", cookies=before, timeout=30)
    assert "password" in Form(fixed.text).fields


def test_a_provider_that_is_not_there_is_said_calmly(place: Place) -> None:
    browser = Browser(place.home)
    page = leave(browser, "gone", browser.authorize())
    assert (page.status_code, "did not work" in page.text) == (502, True)
    assert "password" in Form(page.text).fields
    assert browser.get("/sign-in/nobody").status_code == 404


def test_a_disabled_account_stays_out(place: Place) -> None:
    browser = Browser(place.home)
    place.liar.userinfo = {"sub": "u9", "name": "Nine"}
    place.liar.claims = {"sub": "u9"}
    assert back(browser, at_liar(place, browser)).status_code == 303
    with Session(place.home.engine) as db, db.begin():
        db.execute(update(Account).where(Account.name == "liar:u9").values(disabled_at=1))
    again = Browser(place.home)
    refused = back(again, at_liar(place, again))
    assert (refused.status_code, "disabled" in refused.text) == (403, True)


def test_first_sign_ins_at_once_make_one_account(engine: Engine) -> None:
    tables(engine)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: federated(engine, "https://i.example", "i", "u1", "Ulla"), range(6)))
    assert len({account.sub for account in made if account}) == 1


def test_names_are_escaped_and_bounded(place: Place) -> None:
    browser = Browser(place.home)
    assert "Liar &amp; co" in browser.authorize().text
    place.liar.userinfo = {"sub": "u7", "name": "<script>" + "x" * 500}
    place.liar.claims = {"sub": "u7"}
    assert back(browser, at_liar(place, browser)).status_code == 303
    account = browser.get("/account").text
    assert "<script>x" not in account
    assert "x" * 101 not in account


def test_a_provider_is_configured_once() -> None:
    one = {"id": "a", "name": "A", "issuer": "https://a.example", "client_id": "x"}
    given = {"public_url": "https://b.example", "database": "x", "upstreams": [one, {**one, "id": "b"}]}
    with pytest.raises(ValueError, match="given twice"):
        BrokerSettings.model_validate(given)
