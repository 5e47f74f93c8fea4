"""A broker, and what stands around it, on real sockets of this machine."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
import uvicorn
from sqlalchemy import Engine
from werkzeug.serving import WSGIRequestHandler, make_server

import node.app
from auth import jose, keys, sessions
from auth import tables as auth_tables
from auth.broker import accounts
from auth.broker import tables as broker_tables
from auth.broker.settings import BrokerSettings, PasswordSettings
from auth.keys import KeyRing
from auth.keyset import KeySet, SigningKey
from tests.support import free_port
from web.application import create_application

CHEAP = PasswordSettings(time_cost=1, memory_kib=8, parallelism=1, lock_after=3, lock_seconds=900)
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PASSPORT = "urn:ga4gh:params:oauth:token-type:passport"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLI = "http://127.0.0.1/gsanode"
WEB = "http://127.0.0.1/web"
PASSWORD = "correct horse battery"
FULL = "openid profile ga4gh_passport_v1 offline_access"


class Clock:
    """The machine's clock plus what a test has let pass, in epoch seconds."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return int(time.time()) + self.ahead


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Keep the test's output readable."""


@contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    """``app`` on 127.0.0.1, stopped at the end."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def tables(engine: Engine) -> None:
    """Make every table that a broker or a member's pages need."""
    for base in (keys.Base, auth_tables.Base, sessions.Base, broker_tables.Base):
        base.metadata.create_all(engine)


@contextmanager
def broker_serving(settings: BrokerSettings, engine: Engine, clock: Clock | None = None) -> Iterator[None]:
    """The whole broker, as its process serves it, on the port of its ``public_url``; stopped at the end."""
    app = create_application(node.app.broker(settings, engine, clock or Clock()))
    with serving_asgi(app, urlsplit(settings.public_url).port or 80):
        yield


@contextmanager
def serving_asgi(app: Any, port: int) -> Iterator[None]:
    """An ASGI application on 127.0.0.1, stopped at the end."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


class Member:
    """A member as the broker sees it: its address, its key, and the visas it gives for a subject."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.name = name
        self.key = SigningKey.generate()
        self.visas: list[Any] = []
        self.asked: list[str] = []
        self.delay = threading.Event()
        self.slow = False
        self.key_requests = 0

    def visa(self, sub: str, **claims: Any) -> str:
        """A visa of this member."""
        now = int(time.time())
        said = {"type": "ControlledAccessGrants", "asserted": now, "value": f"{self.url}/datasets/X", "by": "dac"}
        content = {"iss": self.url, "sub": sub, "iat": now, "exp": now + 600, "jti": secrets.token_hex(8)}
        content |= {"ga4gh_visa_v1": {**said, "source": f"{self.url}/dac/1"}, **claims}
        return jose.sign(content, self.key, typ="vnd.ga4gh.visa+jwt", headers={"jku": f"{self.url}/jwks"})

    def assertion(self, client_id: str, audience: str, **claims: Any) -> str:
        """A client assertion (RFC 7523)."""
        now = int(time.time())
        content = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60}
        content |= {"jti": secrets.token_hex(8), **claims}
        return jose.sign(
            {name: value for name, value in content.items() if value is not None},
            self.key,
            typ="client-authentication+jwt",
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Key set and visas."""
        import json

        answer: dict[str, Any] = {"ga4gh_passport_v1": self.visas}
        if environ["PATH_INFO"] in ("/.well-known/jwks.json", "/jwks"):
            self.key_requests += 1
            answer = {"keys": [self.key.public_jwk()]}
        else:
            self.asked.append(environ.get("HTTP_AUTHORIZATION", ""))
            if self.slow:
                self.delay.wait(30)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]


class Running:
    """A running broker."""

    def __init__(self, settings: BrokerSettings, engine: Engine, clock: Clock) -> None:
        self.settings = settings
        self.engine = engine
        self.clock = clock
        self.url = settings.public_url
        self.keys = KeyRing(engine)

    def account(self, name: str = "ming", password: str = PASSWORD, shown: str = "Ming Li") -> str:
        """Make an account, return its subject."""
        return accounts.create(self.engine, name, password, shown, settings=CHEAP)

    def post(self, path: str, **fields: str) -> requests.Response:
        """POST a form to the broker."""
        return requests.post(f"{self.url}/{path}", data=fields, timeout=20, allow_redirects=False)

    def userinfo(self, token: str) -> requests.Response:
        """UserInfo with a Bearer token."""
        return requests.get(f"{self.url}/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=20)

    def claims(self, token: str, typ: str = "at+jwt") -> dict[str, Any]:
        """Verified claims of a token of this broker."""
        return dict(jose.verify(token, KeySet.load(self.keys.public_jwks()), typ=(typ,)).claims)


class Browser:
    """What a browser does: cookies, redirects one at a time, forms of the main part of a page."""

    def __init__(self, broker: Running) -> None:
        self.http = requests.Session()
        self.broker = broker
        self.verifier = secrets.token_urlsafe(48)

    def parameters(self, client_id: str = "cli", redirect_uri: str = CLI, **more: str | None) -> dict[str, str]:
        """A complete authorization request; None leaves a parameter out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        given: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": FULL,
            "state": "st",
            "nonce": "no",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def authorize(self, **parameters: Any) -> requests.Response:
        """GET /authorize."""
        return self.get("/authorize", params=self.parameters(**parameters))

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET without following redirects."""
        return self.http.get(urljoin(self.broker.url, path), allow_redirects=False, timeout=20, **options)

    def submit(self, page: requests.Response, **answers: str) -> requests.Response:
        """Submit the form of a page."""
        form = Form(page.text)
        data = {**form.fields, **answers}
        return self.http.post(urljoin(page.url, form.action), data=data, allow_redirects=False, timeout=20)

    def sign_in(self, page: requests.Response, name: str = "ming", password: str = PASSWORD) -> requests.Response:
        """Fill in the sign-in page; the page that follows."""
        answer = self.submit(page, name=name, password=password)
        return self.get(answer.headers["Location"]) if answer.is_redirect else answer

    def code(self, **parameters: Any) -> dict[str, str]:
        """Walk through sign-in and consent; the answer that the client gets."""
        page = self.authorize(**parameters)
        if not page.is_redirect and "password" in Form(page.text).fields:
            page = self.sign_in(page)
        if not page.is_redirect:
            page = self.submit(page, decision="allow")
        return answer_of(page)

    def tokens(self, client_id: str = "cli", redirect_uri: str = CLI, **more: Any) -> dict[str, Any]:
        """The whole code flow of a public client."""
        answer = self.code(client_id=client_id, redirect_uri=redirect_uri, **more)
        return dict(self.redeem(answer["code"], client_id, redirect_uri).json())

    def redeem(self, code: str, client_id: str = "cli", redirect_uri: str = CLI, **more: str) -> requests.Response:
        """Exchange a code."""
        fields = {"client_id": client_id, "code": code, "redirect_uri": redirect_uri, "code_verifier": self.verifier}
        return self.broker.post("token", grant_type="authorization_code", **{**fields, **more})


def answer_of(response: requests.Response) -> dict[str, str]:
    """Query parameters of the redirect to the client."""
    assert response.is_redirect, response.text[-800:]
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


class Form(HTMLParser):
    """First form of the main part of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._inside = False
        self._done = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = self._inside or tag == "main"
        if not self._inside or self._done:
            return
        if tag == "form":
            self.action = given.get("action", "")
        elif tag in ("input", "textarea") and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._done = self._done or (tag == "form" and self._inside)
