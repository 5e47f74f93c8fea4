"""One-time codes (RFC 6238): set up, asked for, good once, and locked after guesses."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
import yaml
from click.testing import Result
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from adapters.catalog.engine import connect
from auth.broker import accounts
from auth.broker.second_factor import STEP, SecondFactors, _step
from auth.broker.tables import Account, Base
from auth.login import BrokerClient, SignInFailed
from auth.sealing import Seal
from migrations.schema import upgrade
from node.commands.account import account
from tests.auth.broker.running import CHEAP, CLI, PASSWORD, Browser, Form, Running, answer_of

RFC_SECRET = b"12345678901234567890"
RFC_CODES = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
"""RFC 6238 appendix B, SHA-1, of which an app with six digits shows the last six."""


@pytest.mark.parametrize(("now", "code"), RFC_CODES.items())
def test_codes_of_the_standard(now: int, code: str) -> None:
    assert _step(RFC_SECRET, code, now) == now // STEP
    assert _step(RFC_SECRET, f" {code[:3]} {code[3:]} ", now) == now // STEP
    assert _step(RFC_SECRET, code, now + STEP) == now // STEP
    assert _step(RFC_SECRET, code, now + 2 * STEP) is None
    assert _step(RFC_SECRET, code, now + 3600) is None


@pytest.mark.parametrize("code", ["", "28708", "2870820", "28708a", "٢٨٧٠٨٢", "-87082", "287082\x00"])
def test_what_is_no_code(code: str) -> None:
    assert _step(RFC_SECRET, code, 59) is None


@pytest.fixture
def factors(engine: Engine) -> SecondFactors:
    Base.metadata.create_all(engine)
    with Session(engine) as db, db.begin():
        db.add(Account(sub="s", name="ming", display_name="M", password_hash="x", created_at=1))
    return SecondFactors(engine, Seal(bytes(32)), CHEAP)


def app(link: str, now: int) -> str:
    """What an authenticator app shows that was told ``link``."""
    import base64

    secret = base64.b32decode(parse_qs(urlsplit(link).query)["secret"][0])
    return TOTP(secret, 6, SHA1(), 30).generate(now).decode()


def test_each_code_is_good_once_over_both_databases(factors: SecondFactors, engine: Engine) -> None:
    now = 1_800_000_000
    enrolment = factors.enrol("s", "ming", "GSA Family")
    assert factors.enrol("s", "ming", "GSA Family") == enrolment  # shown again until it is confirmed
    assert not factors.has("s")
    assert not factors.confirm("s", "000000" if app(enrolment.link, now) != "000000" else "000001", now)
    assert factors.confirm("s", app(enrolment.link, now), now)
    assert factors.has("s")
    assert not factors.takes("s", app(enrolment.link, now), now)
    assert factors.takes("s", app(enrolment.link, now + STEP), now + STEP)
    assert not factors.takes("s", app(enrolment.link, now), now + STEP)  # an older one neither
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM second_factor")).all())
    assert enrolment.secret not in stored
    factors.remove("s")
    assert not factors.has("s")


def test_guesses_lock_the_codes_of_the_account(factors: SecondFactors) -> None:
    now = 1_800_000_000
    enrolment = factors.enrol("s", "ming", "GSA Family")
    assert factors.confirm("s", app(enrolment.link, now), now)
    now += STEP
    right = app(enrolment.link, now)
    for _ in range(CHEAP.lock_after):
        assert not factors.takes("s", f"{(int(right) + 1) % 10**6:06}", now)
    assert factors.blocked("s", now)
    assert not factors.takes("s", right, now)
    now += CHEAP.lock_seconds
    assert factors.takes("s", app(enrolment.link, now), now)


def set_up(browser: Browser) -> str:
    """Turn the second factor on in the account pages; its ``otpauth`` link."""
    browser.sign_in(browser.authorize())
    page = browser.get("/account/second-factor")
    link = unquote(re.search(r'href="(otpauth:[^"]+)"', page.text)[1]).replace("&amp;", "&")  # type: ignore[index]
    assert "data:image/svg+xml" in page.text
    wrong = browser.submit(page, code="000000")
    assert (wrong.status_code, "not right" in wrong.text) == (401, True)
    assert browser.submit(page, code=app(link, browser.broker.clock())).status_code == 303
    return link


def sign_out(browser: Browser) -> None:
    browser.submit(browser.get("/account"))
    browser.broker.clock.ahead += STEP


def test_row_52_sign_in_asks_for_the_code_before_anything_is_released(browser: Browser, ming: str) -> None:
    link = set_up(browser)
    sign_out(browser)
    page = browser.submit(browser.authorize(), name="ming", password=PASSWORD)
    assert (page.status_code, Form(page.text).fields.keys()) == (200, {"csrf", "back", "code"})
    # Between password and code nobody is signed in.
    assert "password" in Form(browser.get("/account").text).fields
    assert answer_of(browser.authorize(prompt="none"))["error"] == "login_required"
    refused = browser.submit(page, code="12345")
    assert refused.status_code == 401
    entered = browser.submit(refused, code=app(link, browser.broker.clock()))
    assert entered.headers["Location"].startswith("/authorize?")
    consent = browser.get(entered.headers["Location"])
    assert "code" in answer_of(browser.submit(consent, decision="allow"))


def test_row_52_the_code_alone_signs_nobody_in(browser: Browser, broker: Running, ming: str) -> None:
    link = set_up(browser)
    sign_out(browser)
    stranger = Browser(broker)
    csrf = Form(stranger.authorize().text).fields["csrf"]
    data = {"csrf": csrf, "back": "/account", "code": app(link, broker.clock())}
    answer = stranger.http.post(f"{broker.url}/sign-in/code", data=data, timeout=30, allow_redirects=False)
    assert not answer.is_redirect
    # And the password is forgotten after a while.
    page = browser.submit(browser.authorize(), name="ming", password=PASSWORD)
    broker.clock.ahead += 301
    late = browser.submit(page, code=app(link, broker.clock()))
    assert "password" in Form(late.text).fields


def test_removing_needs_a_code_of_now(browser: Browser, ming: str) -> None:
    link = set_up(browser)
    page = browser.get("/account/second-factor")
    assert "otpauth" not in page.text
    assert browser.submit(page, code=app(link, browser.broker.clock())).status_code == 401  # used to turn it on
    browser.broker.clock.ahead += STEP
    assert browser.submit(page, code=app(link, browser.broker.clock())).status_code == 303
    sign_out(browser)
    assert browser.submit(browser.authorize(), name="ming", password=PASSWORD).is_redirect


def test_the_command_line_says_where_to_go(browser: Browser, broker: Running, ming: str) -> None:
    set_up(browser)
    with pytest.raises(SignInFailed, match="gsanode login"):
        BrokerClient(broker.url, "cli", CLI).sign_in("ming", PASSWORD)


def test_an_operator_removes_it_for_a_lost_phone(tmp_path: Path) -> None:
    config, database, secret = tmp_path / "broker.yaml", f"sqlite:///{tmp_path}/broker.db", "ab" * 32
    given = {"kind": "broker", "public_url": "http://127.0.0.1:1", "database": database, "listen": {"port": 1}}
    config.write_text(yaml.safe_dump({**given, "key_secret": secret}))
    engine = connect(database)
    upgrade(engine, "broker")
    sub = accounts.create(engine, "ming", PASSWORD, "Ming", settings=CHEAP)
    factors, now = SecondFactors(engine, Seal(bytes.fromhex(secret)), CHEAP), 1_800_000_000
    assert factors.confirm(sub, app(factors.enrol(sub, "ming", "GSA").link, now), now)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(account, ["second-factor", *arguments, "--config", str(config)])

    assert command("ming").stdout == "asked\n"
    assert command("nobody at all").exit_code == 1
    assert command("ming", "--remove").stdout == "not asked\n"
    assert not factors.has(sub)
    engine.dispose()


def test_nobody_sees_or_changes_it_without_signing_in(broker: Running) -> None:
    for path in ("/account/second-factor", "/account/second-factor/remove"):
        answer = requests.get(f"{broker.url}{path}", timeout=30)
        assert "otpauth" not in answer.text
        assert answer.status_code in (200, 405)
