"""The page on which a signed-in person reads, accepts and withdraws terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from auth.accepted_terms import Acceptances
from auth.caller import Caller
from auth.errors import InvalidRequest
from auth.pages.committee import Route
from web.pages import say


class TermsPages:
    """What one person accepted of what the member offers."""

    def __init__(self, acceptances: Acceptances) -> None:
        self._acceptances = acceptances

    def routes(self) -> Iterator[Route]:
        """Path, name, method and view of every page."""
        yield "/terms", "terms", "GET", self.read
        yield "/terms/accept", "accept_terms", "POST", self.accept
        yield "/terms/withdraw", "withdraw_terms", "POST", self.withdraw

    def read(self, caller: Caller, message: str = "", status: int = 200) -> Any:
        """Every version of terms, with what this person said to it."""
        agreements = self._acceptances.mine(caller)
        return render_template("access/terms.html", agreements=agreements, message=message), status

    def accept(self, caller: Caller) -> Any:
        """Accept the terms that the form names."""
        try:
            self._acceptances.accept(caller, request.form.get("terms", ""))
        except InvalidRequest as problem:
            return self.read(caller, say(str(problem)), 400)
        flash(say("Accepted. Your next Passport says so."))
        return redirect(url_for("access.terms"), 303)

    def withdraw(self, caller: Caller) -> Any:
        """Withdraw what was accepted."""
        self._acceptances.withdraw(caller, request.form.get("terms", ""))
        flash(say("Withdrawn. What you could open by it is closed from now on."))
        return redirect(url_for("access.terms"), 303)
