"""The pages that people use: sign in, consent, approve a device, see and withdraw what was released."""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect, render_template, request, session

from auth.broker import accounts, attempts, device
from auth.broker.accounts import SignIn, SignInRefused
from auth.broker.consent import Consents
from auth.broker.server import BrokerServer
from auth.broker.settings import PASSPORT_SCOPE
from auth.broker.tables import Account, DeviceCode
from web.pages import renew_session, say

RETURNS = ("/authorize?", "/device", "/account")  # where sign-in may lead: this application's own pages

LOCKED = ("Too many failed attempts. Wait 15 minutes and try again.", 429)
WRONG = ("Wrong name or password.", 401)
NAMES = {
    "openid": "Who you are",
    "profile": "Your name",
    PASSPORT_SCOPE: "Your Passport",
    "offline_access": "Lasting access",
}


class Pages:
    """Views over the session of one browser."""

    def __init__(self, server: BrokerServer) -> None:
        self._server = server
        self._sign_in = SignIn(server.engine, server.settings.passwords)
        self._consents = Consents(server.engine, server.clock)

    def register(self, app: Flask) -> None:
        """Add the pages to the application."""
        app.add_url_rule("/", "home", lambda: redirect("account"))
        app.add_url_rule("/sign-in", "sign_in", self.sign_in, methods=["GET", "POST"])
        app.add_url_rule("/sign-out", "sign_out", self.sign_out, methods=["POST"])
        app.add_url_rule("/account", "account", self.account)
        app.add_url_rule("/account/withdraw", "withdraw", self.withdraw, methods=["POST"])
        app.add_url_rule("/device", "device", self.device)
        app.add_url_rule("/device", "device_decision", self.device_decision, methods=["POST"])

    def person(self) -> Account | None:
        """Who is signed in with this browser."""
        sub = session.get("sub")
        return accounts.find(self._server.engine, sub) if sub else None

    def ask_to_sign_in(self, back: str, message: str = "", status: int = 200) -> tuple[str, int]:
        """The sign-in page; afterwards the browser goes to ``back``."""
        upstreams = list(self._server.upstreams.values())
        return render_template("broker/sign_in.html", back=back, message=message, upstreams=upstreams), status

    def ask_for_code(self, back: str, message: str = "", status: int = 200) -> tuple[str, int]:
        """The page that asks for the code of the second factor."""
        return render_template("broker/one_time_code.html", back=back, message=message), status

    def enter(self, account: Account, back: str) -> Any:
        """Sign a person in under a new session (row 52), and lead on to one of our own pages."""
        renew_session({"sub": account.sub, "auth_time": self._server.clock()})
        return redirect(request.script_root + self.own_page(back), 303)

    @staticmethod
    def own_page(back: str) -> str:
        """``back`` if it is a page of this application that sign-in may lead to, else the account page."""
        return back if back.startswith(RETURNS) else "/account"

    def ask_for_consent(
        self, client_id: str, scope: str, account: Account, action: str, *, device_code: str = ""
    ) -> str:
        """The page that shows what is released (row 59); its form goes to ``action``."""
        scopes = scope.split()
        return render_template(
            "broker/consent.html",
            client=self._server.query_client(client_id),
            account=account,
            scopes=scopes,
            issuers=[issuer.issuer for issuer in self._server.settings.issuers] if PASSPORT_SCOPE in scopes else [],
            action=action,
            device=device_code,
        )

    def sign_in(self) -> Any:
        """Check name and password; then, where the account has a second factor, ask for its code."""
        if request.method == "GET":
            return self.ask_to_sign_in("/account")
        back = self.own_page(request.form.get("back", ""))
        try:
            account = self._sign_in.check(
                request.form.get("name", "").strip(), request.form.get("password", ""), self._server.clock()
            )
        except SignInRefused as refused:
            text, status = LOCKED if refused.locked else WRONG
            return self.ask_to_sign_in(back, say(text), status)
        if self._server.factors.has(account.sub):
            renew_session({"pending": account.sub, "since": self._server.clock()})
            return self.ask_for_code(back)
        return self.enter(account, back)

    def sign_out(self) -> Any:
        """End the session."""
        renew_session({})
        return redirect("sign-in", 303)

    def account(self) -> Any:
        """What this person released, and to whom."""
        account = self.person()
        if account is None:
            return self.ask_to_sign_in("/account")
        given = [
            (client, consent.scope.split(), consent.granted_at)
            for consent in self._consents.of(account.sub)
            if (client := self._server.query_client(consent.client_id)) is not None
        ]
        second_factor = self._server.factors.has(account.sub)
        page = "broker/account.html"
        return render_template(page, account=account, given=given, names=NAMES, second_factor=second_factor)

    def withdraw(self) -> Any:
        """Take consent back; the client's tokens end at once."""
        account = self.person()
        if account is None:
            return self.ask_to_sign_in("/account")
        self._server.tokens.withdraw(account.sub, request.form.get("client_id", ""))
        return redirect(f"{request.script_root}/account", 303)

    def device(self) -> Any:
        """Type the code that the command line shows (RFC 8628 3.3), then see what it asks for."""
        code = device.normal(request.args.get("user_code", ""))
        account = self.person()
        if account is None:
            return self.ask_to_sign_in("/device" + (f"?user_code={code}" if code else ""))
        if not code:
            return render_template("broker/device.html", code="", message="")
        waiting, message = self._waiting(account, code)
        if waiting is None:
            return render_template("broker/device.html", code=code, message=message), 404
        action = f"{request.script_root}/device"
        return self.ask_for_consent(waiting.client_id, waiting.scope, account, action, device_code=code)

    def device_decision(self) -> Any:
        """Record what the person decided about the device."""
        account = self.person()
        code = device.normal(request.form.get("user_code", ""))
        if account is None:
            return self.ask_to_sign_in("/device")
        waiting, message = self._waiting(account, code)
        if waiting is None:
            return render_template("broker/device.html", code=code, message=message), 404
        allow = request.form.get("decision") == "allow"
        now = self._server.clock()
        device.decide(
            self._server.engine, self._server.tokens, waiting, account.sub, int(session["auth_time"]), now, allow
        )
        return render_template("broker/device_done.html", allowed=allow)

    def _waiting(self, account: Account, code: str) -> tuple[DeviceCode | None, str]:
        """The device of a user code; wrong codes are counted per person (row 55)."""
        now, settings = self._server.clock(), self._server.settings.passwords
        key = f"user_code:{account.sub}"
        if attempts.blocked(self._server.engine, key, now):
            return None, say("Too many wrong codes. Wait 15 minutes and try again.")
        found = device.waiting(self._server.engine, code, now)
        if found is None:
            attempts.failed(self._server.engine, key, now, settings.lock_after, settings.lock_seconds)
            return None, say("This code is unknown or has expired.")
        return found, ""
