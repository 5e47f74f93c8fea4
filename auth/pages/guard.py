"""Who may open the access pages: those who are signed in; and what all of these pages need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from flask import redirect, request, session, url_for

from auth import errors
from auth.access_request import View
from auth.caller import Caller
from auth.pages.datasets import Datasets
from auth.sign_in import SignIn

STATUS = {errors.InvalidRequest: 400, errors.Conflict: 409, errors.Forbidden: 403}
REFUSED = tuple(STATUS)


class Guard:
    """Leads those who are not signed in to the broker; a form that was sent is lost, and the page says so."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in

    def __call__(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """``view`` for signed-in people, who are its first argument."""

        @wraps(view)
        def guarded(**parts: str) -> Any:
            caller = self._sign_in.caller(session)
            if caller.subject is None:
                back = request.full_path if request.method == "GET" else url_for("access.mine")
                return redirect(url_for("access.sign_in", back=back.rstrip("?")))
            return view(caller, **parts)

        return guarded

    def caller(self) -> Caller:
        """Who is signed in."""
        return self._sign_in.caller(session)


def titles(datasets: Datasets, views: Iterable[View]) -> dict[str, str]:
    """Titles of the data sets of some requests, as far as they exist, by accession."""
    cards = {view.dataset: datasets.get(view.dataset) for view in views}
    return {accession: card.title for accession, card in cards.items() if card is not None}
