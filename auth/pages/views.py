"""The access pages of a member as a Flask blueprint: sign in, ask for access, decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Flask, redirect, render_template, url_for
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
from auth.pages.terms import TermsPages
from auth.sign_in import SignIn
from web.pages import add_place, add_words
from web.sign_in import SignInPages

HERE = Path(__file__).parent


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
        for path, name, method, view in SignInPages(self._sign_in, SignInFailed, "access.mine").routes():
            pages.add_url_rule(path, name, view, methods=[method])
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


def _absent(_: errors.NotFound) -> Any:
    error = NotFound()
    page = render_template("error.html", code=error.code, name=error.name, message="No such request.")
    return page, error.code
