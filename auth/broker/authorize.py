"""/authorize: who asks, who is signed in, what is released (OpenID Connect Core 3.1.2, RFC 9207)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError
from flask import Flask, Response, abort, redirect, request, session

from auth.broker.consent import Consents
from auth.broker.pages import Pages
from auth.broker.server import BrokerServer, check_parameters
from auth.broker.tables import Account
from web.pages import allow_form_target, cookieless


class Authorize:
    """The authorization endpoint."""

    def __init__(self, server: BrokerServer, pages: Pages) -> None:
        self._server = server
        self._pages = pages
        self._consents = Consents(server.engine, server.clock)

    def register(self, app: Flask) -> None:
        """Add the endpoint and where its consent page leads."""
        app.add_url_rule("/authorize", "authorize", self.ask)
        app.add_url_rule("/authorize", "authorize_by_post", self.by_post, methods=["POST"])
        app.add_url_rule("/consent", "consent", self.decide, methods=["POST"])

    def ask(self) -> Any:
        """Sign-in page, consent page, or the answer where both are settled."""
        try:
            grant, account = self._request()
            if account is None or grant.prompt == "login":
                allow_form_target(grant.redirect_uri)
                return self._pages.ask_to_sign_in(self._again())
            scope = grant.request.scope
            if self._must_ask(grant, account, scope):
                return self._consent_page(grant, account)
            return self._answer(grant, account)
        except OAuth2Error as error:
            return self._refuse(error)

    @cookieless
    def by_post(self) -> Any:
        """Turn a POST (OpenID Connect Core 3.1.2.1) into a GET, with which the browser sends its cookie."""
        return redirect(f"{request.script_root}/authorize?{urlencode(list(request.form.items(multi=True)))}", 303)

    def decide(self) -> Any:
        """Record what the person decided on the consent page."""
        try:
            grant, account = self._request()
            if account is None or account.sub != request.form.get("account"):
                return redirect(f"{request.script_root}{self._again()}", 303)
            if request.form.get("decision") != "allow":
                return self._answer(grant, None)
            self._consents.remember(account.sub, grant.client.client_id, grant.request.scope)
            return self._answer(grant, account)
        except OAuth2Error as error:
            return self._refuse(error)

    def _request(self) -> tuple[Any, Account | None]:
        check_parameters(request.args)
        account = self._pages.person()
        if account is not None and self._too_old():
            account = None
        return self._server.get_consent_grant(end_user=account), account

    def _too_old(self) -> bool:
        limit = request.args.get("max_age", "")
        return limit.isdecimal() and self._server.clock() - int(session["auth_time"]) > int(limit)

    def _must_ask(self, grant: Any, account: Account, scope: str) -> bool:
        agreed = self._consents.covers(account.sub, grant.client.client_id, scope)
        if request.args.get("prompt") == "none" and not agreed:
            raise ConsentRequiredError(redirect_uri=grant.redirect_uri, state=request.args.get("state"))
        return not agreed or grant.prompt == "consent"

    def _consent_page(self, grant: Any, account: Account) -> str:
        allow_form_target(grant.redirect_uri)
        action = f"{request.script_root}/consent?{urlencode(list(request.args.items()))}"
        return self._pages.ask_for_consent(grant.client.client_id, grant.request.scope, account, action)

    def _answer(self, grant: Any, account: Account | None) -> Response:
        user = (account, int(session["auth_time"])) if account is not None else None
        response = self._server.create_authorization_response(grant.request, grant_user=user, grant=grant)
        return self._name_issuer(response)

    def _refuse(self, error: OAuth2Error) -> Any:
        """Tell the client where its address was validated, otherwise the person (RFC 6749 4.1.2.1)."""
        if not error.redirect_uri:
            abort(400, error.get_error_description() or str(error.error))
        error.state = request.args.get("state")
        return self._name_issuer(self._server.handle_error_response(None, error))

    def _name_issuer(self, response: Response) -> Response:
        """Add ``iss`` (RFC 9207 2), in errors too."""
        if response.location:
            response.location = add_params_to_uri(response.location, [("iss", self._server.settings.public_url)])
        return response

    def _again(self) -> str:
        """This request for after sign-in, without what asked for signing in."""
        pairs = []
        for name, value in request.args.items():
            if name == "prompt":
                value = " ".join(word for word in value.split() if word != "login")
            if name not in ("lang", "max_age") and value:
                pairs.append((name, value))
        return f"/authorize?{urlencode(pairs)}"
