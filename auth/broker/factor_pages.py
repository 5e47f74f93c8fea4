"""The pages of the second factor: the code at sign-in, and setting it up or removing it on the account page."""

from __future__ import annotations

from typing import Any

import segno
from flask import Flask, redirect, render_template, request, session

from auth.broker import accounts
from auth.broker.pages import LOCKED, Pages
from auth.broker.server import BrokerServer
from auth.broker.tables import Account
from web.pages import say

PENDING_SECONDS = 300  # between password and code
WRONG = ("This code is not right. Each code is good once.", 401)


class FactorPages:
    """Views over the session of one browser."""

    def __init__(self, server: BrokerServer, pages: Pages) -> None:
        self._server = server
        self._factors = server.factors
        self._pages = pages

    def register(self, app: Flask) -> None:
        """Add the pages to the application."""
        app.add_url_rule("/sign-in/code", "one_time_code", self.code, methods=["POST"])
        app.add_url_rule("/account/second-factor", "second_factor", self.show)
        app.add_url_rule("/account/second-factor", "second_factor_confirm", self.confirm, methods=["POST"])
        app.add_url_rule("/account/second-factor/remove", "second_factor_remove", self.remove, methods=["POST"])

    def code(self) -> Any:
        """The second half of signing in: the password was right a moment ago, in this browser."""
        back = self._pages.own_page(request.form.get("back", ""))
        sub, now = session.get("pending"), self._server.clock()
        account = accounts.find(self._server.engine, sub) if sub else None
        if account is None or now - int(session["since"]) > PENDING_SECONDS:
            return self._pages.ask_to_sign_in(back)
        if not self._factors.takes(account.sub, request.form.get("code", ""), now):
            return self._pages.ask_for_code(back, *self._refusal(account))
        return self._pages.enter(account, back)

    def show(self) -> Any:
        """What to do: scan and confirm, or remove."""
        account = self._local()
        if account is None:
            return self._pages.ask_to_sign_in("/account/second-factor")
        return self._page(account)

    def confirm(self) -> Any:
        """Set up: the app shows the right code."""
        account = self._local()
        if account is None:
            return self._pages.ask_to_sign_in("/account/second-factor")
        if self._factors.has(account.sub):
            return redirect(f"{request.script_root}/account/second-factor", 303)
        if not self._factors.confirm(account.sub, request.form.get("code", ""), self._server.clock()):
            return self._page(account, *self._refusal(account))
        return redirect(f"{request.script_root}/account/second-factor", 303)

    def remove(self) -> Any:
        """Remove: who only found a browser open cannot."""
        account = self._local()
        if account is None:
            return self._pages.ask_to_sign_in("/account/second-factor")
        if not self._factors.takes(account.sub, request.form.get("code", ""), self._server.clock()):
            return self._page(account, *self._refusal(account))
        self._factors.remove(account.sub)
        return redirect(f"{request.script_root}/account", 303)

    def _local(self) -> Account | None:
        account = self._pages.person()
        return account if account is not None and account.password_hash else None

    def _refusal(self, account: Account) -> tuple[str, int]:
        text, status = LOCKED if self._factors.blocked(account.sub, self._server.clock()) else WRONG
        return say(text), status

    def _page(self, account: Account, message: str = "", status: int = 200) -> tuple[str, int]:
        if self._factors.has(account.sub):
            return render_template("broker/second_factor.html", enrolment=None, message=message), status
        enrolment = self._factors.enrol(account.sub, account.name, self._server.settings.name)
        picture = segno.make(enrolment.link, error="m").svg_data_uri(scale=5, border=3)
        page = render_template("broker/second_factor.html", enrolment=enrolment, picture=picture, message=message)
        return page, status
