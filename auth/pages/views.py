"""The access pages of a member as a Flask blueprint: sign in, ask for access, decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
import yaml
from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from werkzeug.exceptions import NotFound

from auth import errors
from auth.accepted_terms import Acceptances
from auth.dac import Dac
from auth.openid import SignInFailed
from auth.pages.committee import CommitteePages
from auth.pages.datasets import Datasets
from auth.pages.guard import Guard
from auth.pages.papers import PaperPages
from auth.pages.requests import RequestPages
from auth.pages.sign_in import SignIn
from auth.pages.terms import TermsPages
from web.pages import add_place, add_words, language, renew_session

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
CALLBACK = "/callback"


class AccessPages:
    """The pages of one member.

    :param dac: the member's committees.
    :param datasets: the member's published data sets.
    :param acceptances: the terms it offers.
    """

    def __init__(self, sign_in: SignIn, dac: Dac, datasets: Datasets, acceptances: Acceptances) -> None:
        self._sign_in = sign_in
        self._offers_terms = bool(acceptances.offered)
        requests = RequestPages(dac, datasets)
        self._parts = (requests, PaperPages(dac), CommitteePages(dac, datasets), TermsPages(acceptances))

    def register(self, app: Flask) -> None:
        """Add the pages to a member's application (made by ``web.pages.create_pages`` with sessions)."""
        pages, guard = Blueprint("access", __name__, template_folder="templates"), Guard(self._sign_in)
        pages.add_url_rule("/sign-in", "sign_in", self.sign_in)
        pages.add_url_rule(CALLBACK, "callback", self.callback)
        pages.add_url_rule("/sign-out", "sign_out", self.sign_out, methods=["POST"])
        for part in self._parts:
            for path, name, method, view in part.routes():
                pages.add_url_rule(path, name, guard(view), methods=[method])
        pages.register_error_handler(errors.NotFound, _absent)
        pages.register_error_handler(errors.Unauthenticated, lambda _: redirect(url_for("access.sign_in")))
        app.register_blueprint(pages)
        app.context_processor(lambda: {"person": guard.caller()})
        add_words(app, yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))
        add_place(app, "My requests", "access.mine")
        add_place(app, "Committee desk", "access.desk")
        if self._offers_terms:
            add_place(app, "Terms", "access.terms")

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


def _absent(_: errors.NotFound) -> Any:
    error = NotFound()
    page = render_template("error.html", code=error.code, name=error.name, message="No such request.")
    return page, error.code
