"""The front page as a Flask blueprint on the base template: the search over the family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import yaml
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from markupsafe import escape

from auth.openid import SignInFailed
from federation.manifest_formats import FORMATS
from federation.pages import variants
from federation.pages.answers import Answers, Questions
from federation.pages.facets import FACETS
from federation.pages.form import Form, Unreadable, conditions, question
from federation.pages.terms import SEX, Term, Vocabulary, value_name, vocabulary
from federation.pages.visitor import SignInEnded, Visitor
from federation.streaming import LINES
from federation.tokens import TokenRefused
from web.errors import Failure
from web.pages import add_place, add_words, csrf_token, language, say
from web.sign_in import SignInPages

HERE = Path(__file__).parent
EXAMPLES = (
    ("Heart disease and a chest CT", (("term", "HP:0001626"), ("modality", "CT"), ("body", "CHEST"))),
    ("Who carries 19-44908684-T-C?", (("variant", "19-44908684-T-C"),)),
    ("MRI of people who do not have hypertension", (("without", "HP:0000822"), ("modality", "MR"))),
)
OWN_REFUSED = "The broker does not accept its own sign-in. Sign out and try again."
View = Callable[..., Any]


class FrontPage:
    """The search page, its parts, and what they look up.

    :param visitor: who signed in; None where the gateway has no broker.
    """

    def __init__(self, questions: Questions, visitor: Visitor | None) -> None:
        self._questions = questions
        self._visitor = visitor
        self._answers = Answers(questions)

    def register(self, app: Flask) -> None:
        """Add the pages to the gateway's application."""
        pages = Blueprint(
            "family", __name__, template_folder="templates", static_folder="static", static_url_path="/static/family"
        )
        pages.add_url_rule("/", "front", self._signed_in(self.front))
        pages.add_url_rule("/parts/<name>", "part", self._signed_in(self.part))
        pages.add_url_rule("/terms", "terms", self.terms)
        pages.add_url_rule("/variant", "variant", self.variant)
        if self._visitor is not None:
            pages.add_url_rule("/manifest", "manifest", self._signed_in(self.manifest), methods=["POST"])
            for path, name, method, view in SignInPages(self._visitor.sign_in, SignInFailed, "family.front").routes():
                pages.add_url_rule(path, name, view, methods=[method])
            caller = self._visitor.caller
            app.context_processor(lambda: {"person": caller()})
        app.register_blueprint(pages)
        add_words(app, yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))
        add_place(app, "Search", "family.front")

    def _signed_in(self, view: View) -> View:
        """``view`` with the caller's token; who was signed in and is no more goes through the broker again."""

        def asked(**parts: str) -> Any:
            try:
                return view(token=self._visitor.token() if self._visitor else None, **parts)
            except (SignInEnded, TokenRefused) as ended:
                if isinstance(ended, TokenRefused) and self._visitor and self._visitor.kept.is_young():
                    abort(403, OWN_REFUSED)
                if request.endpoint == "family.front":
                    return redirect(url_for("family.sign_in", back=request.full_path.rstrip("?")))
                abort(401, "The sign-in has ended. Reload the page.")

        return asked

    def front(self, token: str | None) -> Any:
        """The form and the members, and the answer to what was filled in: at once, or in parts for a script."""
        form, words = Form.of(request.args), vocabulary(self._questions.terms())
        wrong, found = None, []
        try:
            found = conditions(form, words)
        except Unreadable as error:
            wrong = error
        live = request.args.get("live") == "1"
        shown = None if live or not found or wrong else self._answers.whole(found, words, _skip(), token)
        nodes = self._questions.nodes()
        page = render_template(
            "federation/front.html",
            form=form,
            wrong=wrong,
            found=found,
            shown=shown,
            nodes=nodes,
            counts=self._questions.counts(),
            examples=[(say(text), _address(asked)) for text, asked in EXAMPLES],
            **_common(form, words, nodes),
        )
        return page, 400 if wrong else 200

    def part(self, token: str | None, name: str) -> Any:
        """A part of the answer by itself, for the page's own script: no other site may spend budgets by links to it."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            abort(403, "This is a part of the search page; open the page itself.")
        form, words = Form.of(request.args), vocabulary(self._questions.terms())
        nodes = self._questions.nodes()
        try:
            found = conditions(form, words)
        except Unreadable as error:
            abort(400, str(error))
        common = _common(form, words, nodes)
        if name == "answer" and found and request.headers.get("Accept") == LINES:
            if self._visitor is not None:
                csrf_token()  # of the forms in it: once the answer has begun, the browser can be given no session
            lines = stream_with_context(self._lines(found, token, common))
            return Response(lines, content_type=LINES, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        template, shown = self._part(name, found, words, token)
        return render_template(f"federation/parts/{template}.html", **shown, **common)

    def _lines(self, found: Sequence[Any], token: str | None, common: Mapping[str, Any]) -> Iterator[bytes]:
        """Each member's answer as it comes, then the whole: HTML in a line of JSON each."""
        try:
            for name, shown in self._answers.streamed(found, _skip(), token):
                html = render_template(f"federation/parts/{name}.html", **{name: shown}, **common)
                yield orjson.dumps({name: html}) + b"\n"
        except TokenRefused:
            if self._visitor and self._visitor.kept.is_young():
                yield orjson.dumps({"answer": f'<p class="note warn">{escape(say(OWN_REFUSED))}</p>'}) + b"\n"
            else:
                yield orjson.dumps({"ended": True}) + b"\n"

    def _part(
        self, name: str, found: Sequence[Any], words: Vocabulary, token: str | None
    ) -> tuple[str, dict[str, Any]]:
        if name == "answer" and found:
            return "answer", {"answer": self._answers.joined(found, _skip(), token)}
        if name == "condition" and (number := _number("n", len(found))) is not None:
            return "condition", {"row": self._answers.alone(found[number : number + 1], token)[0]}
        if name in FACETS:
            involved = [node for node in request.args.getlist("node") if node][:4]
            exact = request.args.get("exact") == "1"
            shown = self._answers.breakdown(name, found, words, involved, token, exact=exact)
            return "breakdown", {"breakdown": shown}
        abort(404)

    def manifest(self, token: str | None) -> Any:
        """The manifest of a search, as a file."""
        form, words = Form.of(request.form), vocabulary(self._questions.terms())
        format = request.form.get("format", "tsv")
        if format not in FORMATS:
            abort(400, f"format: allowed are {', '.join(FORMATS)}")
        try:
            asked = question(conditions(form, words))
            made, content = self._questions.manifest({"question": asked, "format": format}, token)
        except Unreadable as error:
            abort(400, str(error))
        except Failure as failure:
            page = render_template("error.html", code=failure.status, name=say("No manifest"), message=failure.message)
            return page, failure.status
        headers = {"Content-Disposition": f'attachment; filename="{made.file}"', "Cache-Control": "no-store"}
        return Response(content, content_type=made.media_type, headers=headers)

    def terms(self) -> Any:
        """Terms that fit what is typed so far."""
        words = vocabulary(self._questions.terms())
        found = words.suggest(request.args.get("q", "")[:100])
        return jsonify([{"id": term.id, "label": _said(term), "broad": not term.nodes} for term in found])

    def variant(self) -> Any:
        """How the variant box understands what is typed."""
        typed, assembly = request.args.get("text", "")[: variants.LONGEST], request.args.get("assembly", "")
        try:
            read = variants.read(typed, assembly or variants.ASSEMBLIES[0])
        except variants.NotAVariant as error:
            return jsonify({"ok": False, "said": str(error)})
        return jsonify({"ok": True, "said": read.understood, "assembly": read.asked["assemblyId"]})


def _common(form: Form, words: Vocabulary, nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the page and its parts both show."""
    parameters = form.parameters()
    live = [("live", "1")] if request.values.get("live") == "1" else []

    def part(name: str, **more: Any) -> str:
        given = [
            (key, str(one)) for key, value in more.items() for one in (value if isinstance(value, list) else [value])
        ]
        return f"{url_for('family.part', name=name)}?{urlencode([*parameters, *given])}"

    return {
        "assemblies": variants.ASSEMBLIES,
        "formats": FORMATS,
        "facets": FACETS,
        "names": {node["id"]: node["name"] for node in nodes},
        "urls": {node["id"]: node["url"] for node in nodes},
        "parameters": parameters,
        "part": part,
        "page": lambda skip: _address([*parameters, *([("skip", str(skip))] if skip else []), *live]),
        "back": _address([*parameters, *live]) if parameters else url_for("family.front"),
        "chips": lambda field: [(typed, _chip(typed, words)) for typed in form.many[field]],
        "sexes": [(term.id, _said(term)) for term in words.terms if term.id in SEX],
        "choices": {
            name: [(value, value_name(name, value, language())) for value in sorted(words.fields.get(name, ()))]
            for name in ("modality", "bodyPart", "manufacturer")
        },
    }


def _chip(typed: str, words: Vocabulary) -> str:
    term = words.find(typed)
    return typed if term is None else _said(term)


def _said(term: Term) -> str:
    return term.name(language())


def _address(parameters: Sequence[tuple[str, str]]) -> str:
    return f"{url_for('family.front')}?{urlencode(parameters)}"


def _skip() -> int:
    return _number("skip", 10_000) or 0


def _number(name: str, below: int) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 7 and int(text) < below else None
