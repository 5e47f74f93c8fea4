"""The pages of every process: one Flask application with the family's base template, languages, sessions and guards.

Sessions live on the server (a store is passed in); the cookie carries an id only. Every form is protected by a token
of its session (``csrf_field()`` in templates). Addresses are built from ``public_url``, never from the Host header.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

import yaml
from flask import Flask, Response, abort, current_app, g, render_template, request, session, url_for
from flask.sessions import SessionInterface, SessionMixin
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup
from werkzeug.datastructures import CallbackDict
from werkzeug.exceptions import HTTPException

Words = Mapping[str, str]
View = TypeVar("View", bound=Callable[..., Any])

HERE = Path(__file__).parent
LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE_AGE = 365 * 86400  # seconds that the chosen language is remembered
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "
)


class SessionStore(Protocol):
    """Where sessions are kept (``auth.sessions.Sessions``)."""

    def load(self, session_id: str) -> dict[str, Any] | None:
        """Data of a session in force."""

    def create(self, data: dict[str, Any], *, signed_in: bool) -> str:
        """Store a new session, return its id."""

    def update(self, session_id: str, data: dict[str, Any]) -> None:
        """Replace the data of a session."""

    def end(self, session_id: str) -> None:
        """Forget a session."""


class StoredSession(CallbackDict[str, Any], SessionMixin):
    """A session that knows the id it was loaded under, and whether it must get a new one."""

    def __init__(self, session_id: str | None, data: Mapping[str, Any]) -> None:
        def changed(_: Any) -> None:
            self.modified = True

        super().__init__(dict(data), changed)
        self.session_id = session_id
        self.modified = False
        self.fresh_id = False


class _StoredSessions(SessionInterface):
    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def open_session(self, app: Flask, request: Any) -> StoredSession:
        given = request.cookies.get(self.get_cookie_name(app))
        data = self._store.load(given) if given and len(given) <= 64 else None
        return StoredSession(given if data is not None else None, data or {})

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, StoredSession) or not session.modified:
            return
        old = session.session_id
        if old is not None and session and not session.fresh_id:
            self._store.update(old, dict(session))
            return
        if old is not None:
            self._store.end(old)
        name, path = self.get_cookie_name(app), self.get_cookie_path(app)
        secure = bool(app.config["SESSION_COOKIE_SECURE"])
        if not session:
            response.delete_cookie(name, path=path, secure=secure, httponly=True, samesite="Lax")
            return
        new = self._store.create(dict(session), signed_in="sub" in session)
        response.set_cookie(name, new, path=path, secure=secure, httponly=True, samesite="Lax")


def create_pages(
    name: str,
    *,
    public_url: str,
    title: str,
    words: Words,
    sessions: SessionStore | None = None,
    templates: Path | None = None,
) -> Flask:
    """Build the Flask application of a process, on which pages are registered.

    :param name: import name of the caller.
    :param public_url: the process's own URL; the session cookie is named after it, since cookies ignore ports.
    :param title: what the pages call the process.
    :param words: Chinese for every English text of the templates.
    :param sessions: store of sessions; without one there are no forms.
    :param templates: folder of the caller's templates.
    """
    app = Flask(name, static_folder=str(HERE / "static"), static_url_path="/static", template_folder=None)
    folders = [str(folder) for folder in (templates, HERE / "templates") if folder]
    app.jinja_loader = ChoiceLoader([FileSystemLoader(folder) for folder in folders])
    app.config.update(
        PUBLIC_URL=public_url,
        TITLE=title,
        WORDS={**yaml.safe_load((HERE / "templates" / "words.yaml").read_text(encoding="utf-8")), **words},
        PLACES=[],
        SESSION_COOKIE_NAME=f"gsa_{hashlib.sha256(public_url.encode()).hexdigest()[:8]}",
        SESSION_COOKIE_SECURE=public_url.startswith("https://"),
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_PARTS=200,
    )
    if sessions is not None:
        app.session_interface = _StoredSessions(sessions)
        app.before_request(_guard)
    app.after_request(_protect)
    app.register_error_handler(HTTPException, _error_page)
    app.context_processor(_context)
    app.add_template_filter(_day, "day")
    return app


def add_words(app: Flask, words: Words) -> None:
    """Add the Chinese texts of a blueprint's templates."""
    app.config["WORDS"].update(words)


def add_place(app: Flask, text: str, endpoint: str) -> None:
    """Add a page to the navigation of every page."""
    app.config["PLACES"].append((text, endpoint))


def cookieless(view: View) -> View:
    """Mark a view that authenticates by its parameters alone, so that it needs no form token."""
    view.cookieless = True  # type: ignore[attr-defined]
    return view


def takes(size: int) -> Callable[[View], View]:
    """Mark a view whose forms may have ``size`` bytes, since they carry a file."""

    def mark(view: View) -> View:
        view.body_bytes = size  # type: ignore[attr-defined]
        return view

    return mark


def renew_session(data: Mapping[str, Any]) -> None:
    """Start a session over under a new id (on sign-in and sign-out), so that nobody can fix one beforehand."""
    session.clear()
    session.update(data)
    if isinstance(session._get_current_object(), StoredSession):  # type: ignore[attr-defined]
        session._get_current_object().fresh_id = True  # type: ignore[attr-defined]


def allow_form_target(url: str) -> None:
    """Let forms of this answer lead, through redirects, to the origin of ``url`` (browsers check the whole chain)."""
    parts = urlsplit(url)
    g.form_targets = [*g.get("form_targets", []), f"{parts.scheme}://{parts.netloc}"]


def language() -> str:
    """Language of the answer: ``?lang``, the cookie, OpenID's ``ui_locales``, then what the browser prefers."""
    wishes = (request.args.get("lang"), request.cookies.get("lang"), *request.args.get("ui_locales", "").split())
    for wish in wishes:
        if wish and wish.split("-")[0] in LANGUAGES:
            return wish.split("-")[0]
    return request.accept_languages.best_match(list(LANGUAGES), "en") or "en"


def say(text: str, **values: object) -> str:
    """``text`` in the language of the answer, with ``{name}`` filled in."""
    spoken = current_app.config["WORDS"].get(text, text) if language() == "zh" else text
    return str(spoken).format(**values) if values else str(spoken)


def csrf_token() -> str:
    """The form token of this session, made when first needed."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def csrf_field() -> Markup:
    """The hidden field that every form carries."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(csrf_token())


def _guard() -> None:
    """Refuse a change that did not come from a form of this session."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, "cookieless", False):
        return
    if hasattr(view, "body_bytes"):
        request.max_content_length = view.body_bytes
    origin = request.headers.get("Origin")
    own = urlsplit(current_app.config["PUBLIC_URL"])
    if origin is not None and origin != f"{own.scheme}://{own.netloc}":
        abort(403, "This form was sent from another site.")
    expected, given = session.get("csrf"), request.form.get("csrf", "")
    if not expected or not secrets.compare_digest(str(expected).encode(), given.encode()):
        abort(403, "This form is out of date. Go back, reload the page and try again.")


def _protect(response: Response) -> Response:
    targets = " ".join(["'self'", *g.get("form_targets", [])])
    response.headers.setdefault("Content-Security-Policy", POLICY + targets)
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    # Not "no-referrer": browsers then send "Origin: null" with our own forms.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie, Accept-Language"
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie("lang", request.args["lang"], max_age=COOKIE_AGE, samesite="Lax", httponly=True)
    return response


def _error_page(error: HTTPException) -> Any:
    if error.code is None or error.code < 400:
        return error
    page = render_template("error.html", code=error.code, name=error.name, message=error.description)
    return page, error.code


def _day(seconds: int) -> str:
    """Epoch seconds as a day, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat()


def _language_link(code: str) -> str:
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return "?" + urlencode([*pairs, ("lang", code)])


def _context() -> dict[str, Any]:
    return {
        "_": say,
        "csrf_field": csrf_field,
        "lang": language(),
        "languages": [(code, label, _language_link(code)) for code, label in LANGUAGES.items()],
        "places": [(text, url_for(endpoint), endpoint) for text, endpoint in current_app.config["PLACES"]],
        "title": current_app.config["TITLE"],
    }
