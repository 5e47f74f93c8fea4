"""To another OpenID provider and back: an account is found, or made, for who signed in there."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, abort, redirect, request, session

from auth.broker import accounts
from auth.broker.pages import Pages
from auth.broker.server import BrokerServer
from auth.openid import SignInFailed
from web.pages import say

log = structlog.get_logger(__name__)

UNREACHABLE = "Signing in there did not work. Try again, or sign in another way."


class UpstreamPages:
    """Where the browser leaves for a provider, and where it comes back."""

    def __init__(self, server: BrokerServer, pages: Pages) -> None:
        self._server = server
        self._pages = pages

    def register(self, app: Flask) -> None:
        """Add both to the application."""
        app.add_url_rule("/sign-in/<id>", "upstream", self.leave)
        app.add_url_rule("/sign-in/<id>/callback", "upstream_callback", self.come_back)

    def leave(self, id: str) -> Any:
        """Send the browser to the provider."""
        upstream = self._server.upstreams.get(id) or abort(404)
        back = self._pages.own_page(request.args.get("back", ""))
        try:
            return redirect(upstream.begin(session, back), 303)
        except SignInFailed as error:
            return self._failed(id, back, error)

    def come_back(self, id: str) -> Any:
        """Believe the provider's answer if this browser asked for it, and sign the person in."""
        upstream = self._server.upstreams.get(id) or abort(404)
        try:
            subject, name, back = upstream.finish(session, request.args.to_dict())
        except SignInFailed as error:
            return self._failed(id, "/account", error)
        account = accounts.federated(self._server.engine, upstream.issuer, upstream.id, subject, name)
        if account is None:
            return self._pages.ask_to_sign_in(back, say("This account is disabled."), 403)
        return self._pages.enter(account, back)

    def _failed(self, id: str, back: str, error: SignInFailed) -> Any:
        log.warning("upstream_sign_in_failed", upstream=id, reason=str(error))
        return self._pages.ask_to_sign_in(back, say(UNREACHABLE), 502)
