"""A person with a browser, who watches for what no page may do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Request, expect

from tests.browser.judging import faults

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}
REFUSED = re.compile(r"console: Failed to load resource: the server responded with a status of (400|404|409)")
MOST_STOPS = 400  # presses of Tab on one page


class Visitor:
    """One browser context with one page.

    :ivar problems: console errors, exceptions of scripts, and requests that left this machine.
    """

    def __init__(self, context: BrowserContext) -> None:
        context.set_default_timeout(20_000)
        self.context = context
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        context.on("request", self._asked)

    def open(self, url: str) -> None:
        """Go to a page by its address."""
        self.page.goto(url)

    def look(self, name: str) -> None:
        """Judge the page on a wide screen and on a phone; ``name`` is for pictures and messages."""
        self.page.wait_for_load_state("load")
        before = self.page.viewport_size
        assert before is not None
        for size in (WIDE, PHONE):
            self.page.set_viewport_size(size)
            self._keep(f"{name}-{size['width']}.png")
            assert [f"{name} at {size['width']} px: {fault}" for fault in faults(self.page)] == []
        self.page.set_viewport_size(before)

    def sign_in(self, user: Mapping[str, str], button: str = "Sign in") -> None:
        """Name and password at the broker."""
        self.page.get_by_label(re.compile("^(User name|用户名)$")).fill(user["name"])
        self.page.get_by_label(re.compile("^(Password|密码)$")).fill(user["password"])
        self.page.get_by_role("button", name=button, exact=True).click()

    def tab_to(self, wanted: Locator) -> None:
        """Press Tab until ``wanted`` has the focus; each stop on the way must show that it has it."""
        expect(wanted).to_be_visible()
        for _ in range(MOST_STOPS):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} cannot be reached with Tab on {self.page.url}")

    def press(self, wanted: Locator) -> None:
        """Tab to a link or button and press Enter."""
        self.tab_to(wanted)
        self.page.keyboard.press("Enter")

    def type_into(self, wanted: Locator, text: str) -> None:
        """Tab to a field and type."""
        self.tab_to(wanted)
        self.page.keyboard.type(text)

    def stops(self) -> list[str]:
        """Every stop of a walk through the page by Tab; the ones that do not show the focus begin with ``!``."""
        seen: list[str] = []
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            stop = str(self.page.evaluate(STOP))
            if stop in seen:
                return seen
            if stop:  # after the last the browser's own window has its turn
                seen.append(stop)
        raise AssertionError(f"no end of Tab stops on {self.page.url}")

    def was_refused(self) -> None:
        """The browser itself notes an answer of 400, 404 or 409 for a page: here it is expected."""
        assert self.problems
        assert [problem for problem in self.problems if not REFUSED.match(problem)] == []
        self.problems.clear()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.problems.append(f"left this machine: {request.url}")

    def _keep(self, name: str) -> None:
        folder = os.environ.get("GSANODE_SHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / name, full_page=True)


STOP = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return "";
  if (!element.dataset.stop) element.dataset.stop = String(document.querySelectorAll("[data-stop]").length + 1);
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth;
  const mark = outlined && inside ? "" : "!";
  return mark + element.dataset.stop + " " + element.tagName.toLowerCase() + " " + element.innerText.slice(0, 40);
}"""
