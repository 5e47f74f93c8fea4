"""The pages as a Flask blueprint: my requests, request access, and the committee's desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import structlog
import yaml
from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from werkzeug.exceptions import BadRequest, NotFound

from auth import errors
from auth.caller import Caller
from auth.dac import MAX_PAGE, Dac, View
from auth.openid import SignInFailed
from auth.pages.datasets import Datasets
from auth.pages.sign_in import SignIn
from web.pages import add_place, add_words, language, renew_session, say

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
CALLBACK = "/callback"
FOUND_AT_ONCE = 20  # data sets shown by one search
RECENT = 100  # requests among which the desk shows the decided ones
LIFE_CHOICES = (30, 90, 180, 365)  # days that a committee can choose from
DONE = {
    "submit": "The request was sent to the committee.",
    "close": "The request is closed.",
    "approve": "Approved. The applicant has access from now on.",
    "reject": "Rejected. The applicant will see your comment.",
    "return": "Returned to the applicant.",
    "revoke": "Revoked. Access has ended.",
}


class AccessPages:
    """The pages of one member.

    :param dac: the member's committees.
    :param datasets: the member's published data sets.
    """

    def __init__(self, sign_in: SignIn, dac: Dac, datasets: Datasets) -> None:
        self._sign_in = sign_in
        self._dac = dac
        self._datasets = datasets

    def register(self, app: Flask) -> None:
        """Add the pages to a member's application (made by ``web.pages.create_pages`` with sessions)."""
        pages = Blueprint("access", __name__, template_folder="templates")
        rule = pages.add_url_rule
        rule("/sign-in", "sign_in", self.sign_in)
        rule(CALLBACK, "callback", self.callback)
        rule("/sign-out", "sign_out", self.sign_out, methods=["POST"])
        rule("/requests", "mine", self.signed_in(self.mine))
        rule("/requests/new", "new", self.signed_in(self.new))
        rule("/requests/new", "create", self.signed_in(self.create), methods=["POST"])
        rule("/dac", "desk", self.signed_in(self.desk))
        rule("/dac/requests/<request_id>", "one", self.signed_in(self.one))
        rule("/dac/requests/<request_id>/<command>", "command", self.signed_in(self.command), methods=["POST"])
        pages.register_error_handler(errors.NotFound, lambda _: _page_of(NotFound()))
        pages.register_error_handler(errors.Unauthenticated, lambda _: redirect(url_for("access.sign_in")))
        app.register_blueprint(pages)
        app.context_processor(lambda: {"person": self._sign_in.caller(session)})
        add_words(app, yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))
        add_place(app, "My requests", "access.mine")
        add_place(app, "Committee desk", "access.desk")

    def signed_in(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Lead those who are not signed in to the broker; a form that was sent is lost, and the page says so."""

        @wraps(view)
        def guarded(**parts: str) -> Any:
            caller = self._sign_in.caller(session)
            if caller.subject is None:
                back = request.full_path if request.method == "GET" else url_for("access.mine")
                return redirect(url_for("access.sign_in", back=back.rstrip("?")))
            return view(caller, **parts)

        return guarded

    def sign_in(self) -> Any:
        """Send the browser to the broker."""
        back = request.args.get("back", "")
        if not back.startswith("/") or back.startswith(("//", "/\\")):
            back = url_for("access.mine")
        try:
            return redirect(self._sign_in.begin(session, back, language()))
        except SignInFailed as failure:
            return self._failed(failure)

    def callback(self) -> Any:
        """The browser comes back from the broker."""
        try:
            person, back = self._sign_in.finish(session, request.args.to_dict())
        except SignInFailed as failure:
            return self._failed(failure)
        renew_session(person)
        return redirect(back, 303)

    def sign_out(self) -> Any:
        """End the session at this member."""
        renew_session({})
        return redirect(f"{request.script_root}/", 303)

    def _failed(self, failure: SignInFailed) -> Any:
        log.info("sign_in_failed", reason=str(failure))
        denied = request.args.get("error") == "access_denied"
        return render_template("access/failed.html", denied=denied), 400

    def mine(self, caller: Caller) -> Any:
        """My own requests."""
        own = [view for view in self._dac.list(caller, limit=MAX_PAGE) if view.applicant == caller.subject]
        return render_template("access/mine.html", requests=own, titles=self._titles(own))

    def new(self, caller: Caller, message: str = "", status: int = 200) -> Any:  # noqa: ARG002
        """Find a data set, then say what it is wanted for."""
        wanted = request.values.get("dataset", "").strip()
        found = self._datasets.get(wanted) if wanted else None
        search = request.args.get("search", wanted if found is None else "").strip()[:200]
        hits = self._datasets.search(search, FOUND_AT_ONCE) if found is None else ()
        page = render_template(
            "access/new.html",
            dataset=found,
            search=search,
            hits=hits,
            message=message,
            purpose=request.form.get("purpose", ""),
            mail=request.form.get("mail", ""),
        )
        return page, status

    def create(self, caller: Caller) -> Any:
        """Make a request and send it to the committee."""
        form = request.form
        try:
            made = self._dac.create(
                caller, form.get("dataset", ""), form.get("purpose", ""), form.get("mail", "").strip()
            )
            self._dac.command(caller, made.id, "submit")
        except (errors.InvalidRequest, errors.Conflict) as problem:
            return self.new(caller, str(problem), 400)
        flash(say(DONE["submit"]))
        return redirect(url_for("access.mine"), 303)

    def desk(self, caller: Caller) -> Any:
        """What waits for this person's decision, and what was decided."""
        submitted = self._dac.list(caller, state="submitted", limit=MAX_PAGE)
        waiting = [view for view in reversed(submitted) if view.applicant != caller.subject]
        recent = self._dac.list(caller, limit=RECENT)
        decided = [view for view in recent if view.state != "submitted" and view.applicant != caller.subject]
        titles = self._titles([*waiting, *decided])
        return render_template("access/desk.html", waiting=waiting, decided=decided, titles=titles)

    def one(self, caller: Caller, request_id: str, message: str = "", status: int = 200) -> Any:
        """One request, with what this person may do to it."""
        view = self._dac.get(caller, request_id)
        page = render_template(
            "access/one.html",
            view=view,
            own=view.applicant == caller.subject,
            titles=self._titles([view]),
            choices=LIFE_CHOICES,
            message=message,
        )
        return page, status

    def command(self, caller: Caller, request_id: str, command: str) -> Any:
        """Do it: the click is a POST by the person who is signed in (row 64)."""
        days = request.form.get("days", str(LIFE_CHOICES[-1]))
        if not (days.isascii() and days.isdecimal()):
            raise BadRequest("days is a whole number")
        try:
            self._dac.command(caller, request_id, command, request.form.get("comment", ""), int(days))
        except errors.InvalidRequest as problem:
            return self.one(caller, request_id, str(problem), 400)
        except errors.Conflict as problem:
            return self.one(caller, request_id, str(problem), 409)
        except errors.Forbidden as problem:
            return self.one(caller, request_id, str(problem), 403)
        flash(say(DONE[command]))
        desk = request.form.get("from") == "desk"
        return redirect(url_for("access.desk") if desk else url_for("access.one", request_id=request_id), 303)

    def _titles(self, views: list[View]) -> dict[str, str]:
        cards = {view.dataset: self._datasets.get(view.dataset) for view in views}
        return {accession: card.title for accession, card in cards.items() if card is not None}


def _page_of(error: NotFound) -> Any:
    page = render_template("error.html", code=error.code, name=error.name, message="No such request.")
    return page, error.code
