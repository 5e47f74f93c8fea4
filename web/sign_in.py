"""The three pages of signing in through a broker: to the broker, back from it, and out."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

import structlog
from flask import redirect, render_template, request, session, url_for

from web.pages import language, renew_session

log = structlog.get_logger(__name__)

CALLBACK = "/callback"


class SignIn(Protocol):
    """An OpenID client (``auth.sign_in.SignIn``)."""

    def begin(self, session: MutableMapping[str, Any], back: str, language: str) -> str:
        """Where to send the browser."""
        ...

    def finish(self, session: MutableMapping[str, Any], answer: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Data for the new session, and where the person wanted to go."""
        ...


class SignInPages:
    """The pages of one process.

    :param failed: what ``sign_in`` raises.
    :param home: endpoint to which who signed in without wanting to go anywhere is led.
    """

    def __init__(self, sign_in: SignIn, failed: type[Exception], home: str) -> None:
        self._sign_in = sign_in
        self._failure = failed
        self._home = home

    def routes(self) -> list[tuple[str, str, str, Callable[[], Any]]]:
        """Path, name, method and view of each page."""
        return [
            ("/sign-in", "sign_in", "GET", self.sign_in),
            (CALLBACK, "callback", "GET", self.callback),
            ("/sign-out", "sign_out", "POST", self.sign_out),
        ]

    def sign_in(self) -> Any:
        """Send the browser to the broker."""
        back = request.args.get("back", "")
        if not back.startswith("/") or back.startswith(("//", "/\\")):
            back = url_for(self._home)
        try:
            return redirect(self._sign_in.begin(session, back, language()))
        except self._failure as failure:
            return self._failed(failure)

    def callback(self) -> Any:
        """The browser comes back from the broker."""
        try:
            person, back = self._sign_in.finish(session, request.args.to_dict())
        except self._failure as failure:
            return self._failed(failure)
        renew_session(person)
        return redirect(back, 303)

    def sign_out(self) -> Any:
        """End the session here."""
        renew_session({})
        return redirect(f"{request.script_root}/", 303)

    def _failed(self, failure: Exception) -> Any:
        log.info("sign_in_failed", reason=str(failure))
        denied = request.args.get("error") == "access_denied"
        return render_template("sign_in_failed.html", denied=denied), 400
