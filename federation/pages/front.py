"""The front page as a Flask blueprint on the base template; it asks the gateway as anybody may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from pathlib import Path
from typing import Any, Protocol

import orjson
import yaml
from flask import Blueprint, Flask, render_template, request

from federation.pages.form import ASSEMBLIES, FIELDS, Condition, Unreadable, conditions, question
from web.errors import Failure
from web.pages import add_place, add_words, say

HERE = Path(__file__).parent
LISTED_TERMS = 3000


class Questions(Protocol):
    """What the page asks of the gateway, from a thread of its own."""

    def overview(self) -> Mapping[str, Any]:
        """``nodes`` with their health, ``terms`` of all nodes, ``counts`` by node and entry type."""
        ...

    def answers(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any] | Failure]:
        """The answer of each federated question, or why there is none; all are asked at once."""
        ...


class FrontPage:
    """The page at ``/``."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    def register(self, app: Flask) -> None:
        """Add the page to the gateway's application."""
        pages = Blueprint(
            "family", __name__, template_folder="templates", static_folder="static", static_url_path="/static/family"
        )
        pages.add_url_rule("/", "front", self.front)
        app.register_blueprint(pages)
        add_words(app, yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))
        add_place(app, "Search", "family.front")

    def front(self) -> tuple[str, int]:
        """The members, the form, and the answer to what was filled in."""
        values = {field: request.args.get(field, "").strip()[:300] for field in FIELDS}
        values["assembly"] = values["assembly"] or ASSEMBLIES[0]
        overview = self._questions.overview()
        wrong, found, status = None, [], 200
        try:
            found = conditions(values, overview["terms"])
        except Unreadable as error:
            wrong, status = error, 400
        result = self._result(found) if found else None
        page = render_template(
            "federation/front.html",
            values=values,
            assemblies=ASSEMBLIES,
            wrong=wrong,
            result=result,
            nodes=overview["nodes"],
            names={node["id"]: node["name"] for node in overview["nodes"]},
            counts=overview["counts"],
            terms=[t for t in overview["terms"] if _of_people(t)][:LISTED_TERMS],
            modalities=_values(overview["terms"], "modality"),
            parts=_values(overview["terms"], "bodyPart"),
        )
        return page, status

    def _result(self, found: Sequence[Condition]) -> dict[str, Any]:
        """The joined answer, and beside it the answer to each condition alone."""
        whole = question(found)
        alone = [{"all": [condition.clause], "granularity": "count"} for condition in found]
        try:
            joined, *singles = self._questions.answers([whole, *alone])
        except TookTooLong:
            joined, singles = Failure(503, say("The members took too long to answer.")), []
        return {
            "joined": joined,
            "failed": isinstance(joined, Failure),
            "conditions": [
                {"condition": condition, "answer": answer, "failed": isinstance(answer, Failure)}
                for condition, answer in zip(found, singles, strict=False)
            ],
            "request": orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode(),
        }


def _of_people(term: Mapping[str, Any]) -> bool:
    return "individual" in term.get("scopes", ()) and term.get("type") != "alphanumeric"


def _values(terms: Sequence[Mapping[str, Any]], field: str) -> list[str]:
    """Values of an alphanumeric term, as its nodes list them."""
    return sorted({value for term in terms if term["id"] == field for value in term.get("values", ())})
