"""Headless Chromium on the demo family's pages.

``GSANODE_SHOTS=DIR`` keeps a picture of every page that a test looks at, on a wide screen and on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import Visitor
from tests.support import program

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Visits = Callable[..., Visitor]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; stopped with the module, since its event loop would stand in the way of asynchronous tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def visits(chromium: Browser) -> Iterator[Visits]:
    """Makes people, each with cookies of their own; at the end nobody may have met a problem."""
    made: list[Visitor] = []

    def visit(language: str = "en-GB", width: int = 1280, height: int = 800, *, scripts: bool = True) -> Visitor:
        context = chromium.new_context(
            locale=language, viewport={"width": width, "height": height}, java_script_enabled=scripts
        )
        made.append(Visitor(context))
        return made[-1]

    yield visit
    for visitor in made:
        visitor.context.close()
    assert [problem for visitor in made for problem in visitor.problems] == []
