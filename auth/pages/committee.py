"""Pages of those who decide: the desk, the one click, and who sits in the committee."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from auth import errors
from auth.caller import Caller
from auth.dac import MAX_PAGE, Dac
from auth.pages.datasets import Datasets
from auth.pages.guard import REFUSED, titles
from auth.pages.requests import COUNTED, DONE
from web.pages import say

Route = tuple[str, str, str, Callable[..., Any]]
RECENT = 100  # requests among which the desk shows the decided ones
SEATS = "/dac/committees/<committee>"


class CommitteePages:
    """The desk of one person, over all committees they decide in."""

    def __init__(self, dac: Dac, datasets: Datasets) -> None:
        self._dac = dac
        self._datasets = datasets

    def routes(self) -> Iterator[Route]:
        """Path, name, method and view of every page."""
        yield "/dac", "desk", "GET", self.desk
        yield "/dac/approve/<secret>", "one_click", "GET", self.one_click
        yield "/dac/approve/<secret>", "clicked", "POST", self.clicked
        yield "/dac/committees", "committees", "GET", self.committees
        yield f"{SEATS}/seat", "seat", "POST", self.seat
        yield f"{SEATS}/unseat", "unseat", "POST", self.unseat
        yield f"{SEATS}/delegate", "delegate", "POST", self.delegate
        yield f"{SEATS}/recall", "recall", "POST", self.recall

    def desk(self, caller: Caller) -> Any:
        """What waits for this person's decision, and what was decided."""
        submitted = self._dac.list(caller, state="submitted", limit=MAX_PAGE)
        waiting = [view for view in reversed(submitted) if view.role == "committee"]
        recent = self._dac.list(caller, limit=RECENT)
        decided = [view for view in recent if view.state != "submitted" and view.role == "committee"]
        named = titles(self._datasets, [*waiting, *decided])
        return render_template("access/desk.html", waiting=waiting, decided=decided, titles=named)

    def one_click(self, caller: Caller, secret: str) -> Any:
        """What the link in the mail leads to; opening it decides nothing (row 64)."""
        try:
            view = self._dac.approvable(caller, secret)
        except (errors.Conflict, errors.Forbidden) as problem:
            return render_template("access/used.html", message=str(problem)), 409
        found = self._dac.dossier(caller, view.id)
        named = titles(self._datasets, [view])
        return render_template("access/approve.html", view=view, dossier=found, secret=secret, titles=named)

    def clicked(self, caller: Caller, secret: str) -> Any:
        """The one click."""
        try:
            view = self._dac.approve_by_link(caller, secret)
        except (errors.Conflict, errors.Forbidden) as problem:
            return render_template("access/used.html", message=str(problem)), 409
        flash(say(COUNTED if view.state == "submitted" else DONE["approve"]))
        return redirect(url_for("access.one", request_id=view.id), 303)

    def committees(self, caller: Caller) -> Any:
        """Who sits in my committees, and who stands in for whom."""
        found = self._dac.committees.mine(caller)
        return render_template("access/committees.html", committees=found, me=caller.subject)

    def seat(self, caller: Caller, committee: str) -> Any:
        """Give somebody a seat, or change it."""
        form = request.form
        subject, mail, chair = form.get("subject", "").strip(), form.get("mail", "").strip(), "chair" in form
        return self._done(lambda: self._dac.committees.seat(caller, committee, subject, mail, chair=chair))

    def unseat(self, caller: Caller, committee: str) -> Any:
        """Take a seat away."""
        return self._done(lambda: self._dac.committees.unseat(caller, committee, request.form.get("subject", "")))

    def delegate(self, caller: Caller, committee: str) -> Any:
        """Lend my seat, from the beginning of one day to the end of another (UTC)."""
        form = request.form

        def act() -> object:
            starts_at, ends_at = _day("from", form.get("from", "")), _day("until", form.get("until", "")) + 86400
            to, mail = form.get("to", "").strip(), form.get("mail", "").strip()
            return self._dac.committees.delegate(caller, committee, to, starts_at, ends_at, mail)

        return self._done(act)

    def recall(self, caller: Caller, committee: str) -> Any:
        """End a delegation."""
        return self._done(lambda: self._dac.committees.recall(caller, committee, request.form.get("delegation", "")))

    def _done(self, act: Callable[[], object]) -> Any:
        try:
            act()
        except REFUSED as problem:
            flash(str(problem), "bad")
        else:
            flash(say("Saved."))
        return redirect(url_for("access.committees"), 303)


def _day(name: str, given: str) -> int:
    """Epoch seconds at which a day begins (UTC).

    :raises InvalidRequest: if it is none.
    """
    try:
        day = dt.date.fromisoformat(given.strip())
    except ValueError as error:
        raise errors.InvalidRequest(f"{name}: a day such as 2026-01-31 is needed") from error
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())
