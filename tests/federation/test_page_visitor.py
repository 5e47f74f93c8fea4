"""Who looks at the front page: the token stays on the server, ends in time, and is never another visitor's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from adapters.catalog.engine import connect, writing
from auth.sealing import Seal
from auth.sessions import Base, Sessions
from auth.sign_in import ClientSettings, SignIn
from federation.manifest_formats import FORMATS, Format
from federation.pages import FrontPage
from federation.pages.visitor import KeptToken, Visitor
from federation.tokens import TokenRefused
from web.errors import Failure
from web.pages import create_pages, renew_session

URL = "http://gateway.test"
TERMS = [{"id": "HP:1", "type": "ontologyTerm", "scopes": ["individual"], "nodes": ["a"]}]
SECRET = "access-token-of-a-person"


class Gateway:
    """Notes with which token it is asked."""

    def __init__(self) -> None:
        self.tokens: list[str | None] = []
        self.refusing = False
        self.manifests: list[Any] = []

    def terms(self) -> Sequence[Mapping[str, Any]]:
        return TERMS

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "a", "name": "A", "url": "http://a.test", "entryTypes": ["individual"], "services": []}]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        return {"dataset": {}, "individual": {}}

    def answers(
        self, questions: Sequence[Mapping[str, Any]], token: str | None
    ) -> Sequence[Mapping[str, Any] | Failure]:
        if self.refusing:
            raise TokenRefused("the access token is expired")
        self.tokens.append(token)
        return [Failure(503, "nobody answers")] * len(questions)

    def begun(
        self, question: Mapping[str, Any], token: str | None, tell: Callable[[dict[str, Any]], None]
    ) -> Future[dict[str, Any] | Failure]:
        done: Future[dict[str, Any] | Failure] = Future()
        if self.refusing:
            done.set_exception(TokenRefused("the access token is expired"))
        else:
            self.tokens.append(token)
            done.set_result(Failure(503, "nobody answers"))
        return done

    def seen(self, variants: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, bool]]:
        return [{} for _ in variants]

    def manifest(self, body: Mapping[str, Any], token: str | None) -> tuple[Format, bytes]:
        self.tokens.append(token)
        self.manifests.append(body)
        return FORMATS[body["format"]], b"listed"


class Site:
    """The pages, a browser, and a clock."""

    def __init__(self, engine: Engine) -> None:
        self.now = 1_000_000
        self.engine = engine
        self.gateway = Gateway()
        self.kept = KeptToken(Seal(bytes(32)), lambda: self.now)
        sign_in = SignIn(ClientSettings("http://broker.test", "gateway", f"{URL}/callback"), None, lambda: self.now)  # type: ignore[arg-type]
        self.app = create_pages("tests", public_url=URL, title="T", words={}, sessions=Sessions(engine))
        FrontPage(self.gateway, Visitor(sign_in, self.kept)).register(self.app)
        self.app.add_url_rule("/enter", "enter", self.enter)
        self.browser = self.app.test_client()

    def enter(self) -> str:
        """Stands for the way back from the broker."""
        kept = self.kept.keep({"access_token": SECRET, "expires_in": 900})
        renew_session({"sub": "s", "name": "Rui", "until": self.now + 8 * 3600, **kept})
        return "in"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    engine = connect(f"sqlite:///{tmp_path}/gateway.db")
    with writing(engine).begin() as connection:
        Base.metadata.create_all(connection)
    yield Site(engine)
    engine.dispose()


def test_questions_are_asked_as_the_visitor(site: Site) -> None:
    site.browser.get("/?term=HP:1")
    assert set(site.gateway.tokens) == {None}
    site.browser.get("/enter")
    site.gateway.tokens.clear()
    page = site.browser.get("/?term=HP:1")
    assert set(site.gateway.tokens) == {SECRET}
    assert b"Rui" in page.data
    other = site.app.test_client()
    site.gateway.tokens.clear()
    other.get("/?term=HP:1")
    assert set(site.gateway.tokens) == {None}


def test_the_token_leaves_the_server_in_no_form_and_lies_sealed(site: Site) -> None:
    answer = site.browser.get("/enter")
    page = site.browser.get("/?term=HP:1")
    assert SECRET not in f"{answer.headers}{page.headers}{page.text}"
    with site.engine.connect() as connection:
        stored = str(connection.execute(text("SELECT data FROM web_session")).all())
    assert "sealed" in stored
    assert SECRET not in stored


def test_who_was_signed_in_and_is_no_more_goes_through_the_broker_again(site: Site) -> None:
    site.browser.get("/enter")
    site.gateway.tokens.clear()
    site.now += 900
    page = site.browser.get("/?term=HP:1&live=1")
    assert page.status_code == 302
    assert page.headers["Location"] == "/sign-in?back=/?term%3DHP:1%26live%3D1"
    assert site.browser.get("/parts/answer?term=HP:1").status_code == 401
    assert site.gateway.tokens == [], "nobody was asked, and never as nobody in particular"


def test_a_refused_token_leads_to_the_broker_once_and_never_round_and_round(site: Site) -> None:
    site.browser.get("/enter")
    site.gateway.refusing = True
    site.now += 60
    assert site.browser.get("/?term=HP:1").status_code == 302
    site.browser.get("/enter")
    fresh = site.browser.get("/?term=HP:1")
    assert fresh.status_code == 403
    assert "The broker does not accept its own sign-in" in fresh.text


def test_an_answer_that_comes_in_lines_tells_when_the_sign_in_has_ended(site: Site) -> None:
    site.browser.get("/enter")

    def lines() -> list[dict[str, Any]]:
        answer = site.browser.get("/parts/answer?term=HP:1", headers={"Accept": "application/x-ndjson"})
        assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
        return [json.loads(line) for line in answer.text.splitlines()]

    (told,) = lines()
    assert "nobody answers" in told["answer"]
    assert site.gateway.tokens[-1] == SECRET
    site.gateway.refusing = True
    (told,) = lines()
    assert "does not accept its own sign-in" in told["answer"], "not to the broker and back for ever"
    site.now += 60
    assert lines() == [{"ended": True}]
    assert 'id="again" href="/sign-in?back=' in site.browser.get("/?term=HP:1&live=1").text


def test_a_session_sealed_with_another_secret_is_over(site: Site) -> None:
    site.browser.get("/enter")
    site.kept._seal = Seal(bytes([1]) * 32)
    assert site.browser.get("/?term=HP:1").status_code == 302


def form_token(client: FlaskClient, app: Flask) -> str:
    page = client.get("/").text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_a_manifest_is_made_for_the_visitor_from_a_form_of_this_session_alone(site: Site) -> None:
    site.browser.get("/enter")
    fields = {"term": "HP:1", "format": "json"}
    assert site.browser.post("/manifest", data=fields).status_code == 403
    assert site.gateway.manifests == []
    token = form_token(site.browser, site.app)
    site.gateway.tokens.clear()
    elsewhere = {"Origin": "http://evil.test"}
    assert site.browser.post("/manifest", data={**fields, "csrf": token}, headers=elsewhere).status_code == 403
    made = site.browser.post("/manifest", data={**fields, "csrf": token})
    assert (made.data, made.headers["Content-Disposition"]) == (b"listed", 'attachment; filename="manifest.json"')
    assert site.gateway.tokens == [SECRET]
    asked = {"all": [{"entryType": "individual", "filters": [{"id": "HP:1"}]}], "none": []}
    assert site.gateway.manifests == [{"question": asked, "format": "json"}]
    wrong = site.browser.post("/manifest", data={"term": "HP:1", "format": "exe", "csrf": token})
    assert wrong.status_code == 400


def test_signing_out_forgets_the_token(site: Site) -> None:
    site.browser.get("/enter")
    token = form_token(site.browser, site.app)
    assert site.browser.post("/sign-out", data={"csrf": token}).status_code == 303
    with site.app.test_request_context("/"):
        assert "token" not in session
    site.gateway.tokens.clear()
    site.browser.get("/?term=HP:1")
    assert set(site.gateway.tokens) == {None}
    with site.engine.connect() as connection:
        assert "sealed" not in str(connection.execute(text("SELECT data FROM web_session")).all())


@pytest.mark.parametrize("back", ["//evil.test", "https://evil.test", "/\\evil.test", "evil"])
def test_the_way_back_stays_here(site: Site, back: str) -> None:
    begun: list[str] = []

    class Begins:
        def begin(self, session: Any, back: str, language: str) -> str:
            begun.append(back)
            return "http://broker.test/authorize"

    from web.sign_in import SignInPages

    pages = SignInPages(Begins(), RuntimeError, "family.front")  # type: ignore[arg-type]
    with site.app.test_request_context(f"/sign-in?back={back}"):
        pages.sign_in()
    assert begun == ["/"]
