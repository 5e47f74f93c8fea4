"""Signing in at another institution's broker, and with a one-time code, over two real brokers in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from adapters.catalog.engine import connect
from auth.broker.settings import BrokerSettings
from tests.auth.broker.running import CHEAP, PASSWORD, Clock, Running, broker_serving, tables
from tests.auth.broker.test_second_factor import STEP, app
from tests.browser.conftest import Visits
from tests.browser.visitor import PHONE, Visitor
from tests.support import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MING = {"name": "ming", "password": PASSWORD}
CODE = re.compile("^(Code|验证码)$")


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """A broker, and the institution at which its people may sign in; ming has an account at both."""
    folder = tmp_path_factory.mktemp("brokers")
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    callback = f"{urls[0]}/sign-in/institution/callback"
    home = {"client_id": "home", "name": "GSA Family", "redirect_uris": [callback], "client_secret": "s3cret"}
    institution = {"id": "institution", "name": "The Institution", "issuer": urls[1]}
    institution |= {"client_id": "home", "client_secret": "s3cret"}
    with ExitStack() as stack:
        made = []
        for number, (clients, upstreams) in enumerate((([], [institution]), ([home], []))):
            engine = connect(f"sqlite:///{folder}/{number}.db")
            stack.callback(engine.dispose)
            tables(engine)
            settings = BrokerSettings.model_validate(
                {
                    "public_url": urls[number],
                    "database": str(engine.url),
                    "clients": clients,
                    "upstreams": upstreams,
                    "passwords": CHEAP.model_dump(),
                }
            )
            running = Running(settings, engine, Clock())
            stack.enter_context(broker_serving(settings, engine, running.clock))
            running.account()
            made.append(running)
        yield made[0], made[1]


def type_code(visitor: Visitor, code: str, button: str) -> None:
    visitor.page.get_by_label(CODE).fill(code)
    visitor.page.get_by_role("button", name=button, exact=True).click()


def test_an_institution_signs_its_people_in(brokers: tuple[Running, Running], visits: Visits) -> None:
    home, institution = brokers
    visitor = visits()
    page = visitor.page
    visitor.open(f"{home.url}/account")
    visitor.look("upstream-choice")
    page.get_by_role("link", name="The Institution").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(institution.url)}/"))
    visitor.sign_in(MING)
    expect(page.get_by_role("heading", level=1)).to_have_text("Allow GSA Family to know this about you?")
    visitor.look("upstream-consent")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page).to_have_url(f"{home.url}/account")
    expect(page.get_by_text("Ming Li").first).to_be_visible()
    visitor.look("upstream-account")
    expect(page.get_by_role("link", name="Second factor")).to_have_count(0)


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_a_one_time_code_is_set_up_asked_for_and_removed(
    brokers: tuple[Running, Running], visits: Visits, language: str
) -> None:
    home = brokers[0]
    said = {
        "en-GB": ("Sign in", "Turn on", "Remove", "Sign out", "One-time code"),
        "zh-CN": ("登录", "启用", "取消", "退出登录", "一次性验证码"),
    }
    enter, turn_on, remove, leave, asked = said[language]
    visitor = visits(language, **PHONE)
    page = visitor.page
    visitor.open(f"{home.url}/account/second-factor")
    visitor.sign_in(MING, enter)
    expect(page.locator("img.qr")).to_be_visible()
    visitor.look(f"factor-{language}")
    link = unquote(page.locator("a[href^='otpauth:']").get_attribute("href") or "")
    type_code(visitor, app(link, home.clock()), turn_on)
    expect(page.get_by_role("button", name=remove, exact=True)).to_be_visible()
    visitor.look(f"factor-on-{language}")

    visitor.open(f"{home.url}/account")
    page.get_by_role("button", name=leave, exact=True).first.click()
    home.clock.ahead += STEP
    visitor.open(f"{home.url}/account/second-factor")
    visitor.sign_in(MING, enter)
    expect(page.get_by_role("heading", level=1)).to_have_text(asked)
    visitor.look(f"code-{language}")
    type_code(visitor, app(link, home.clock()), enter)
    expect(page.get_by_role("button", name=remove, exact=True)).to_be_visible()

    home.clock.ahead += STEP
    type_code(visitor, app(link, home.clock()), remove)
    expect(page).to_have_url(f"{home.url}/account")
    home.clock.ahead += STEP
