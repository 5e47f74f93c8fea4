"""The review desk: originals that wait, beside what would be archived, for the reviewers of their collections alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, url_for

from adapters.deid.errors import Reason
from adapters.deid.redaction import Box
from adapters.images.review import BadBoxes, NotWaiting, Reviews, boxes_of
from auth.caller import Caller
from auth.policy import Policy
from web.pages import add_place, add_words, say

HERE = Path(__file__).parent
Guard = Callable[[Callable[..., Any]], Callable[..., Any]]
NOT_YOURS = "Only reviewers whom the operator has appointed for a collection see its images here."

WHY = {
    Reason.PIXELS_NOT_LOOKED_AT: "Its pixels may carry text, and nobody has looked.",
    Reason.TEXT_IN_PIXELS: "A program has found text that it cannot blank.",
}


class ReviewPages:
    """The pages.

    :param policy: says for which collections somebody is reviewer.
    :param guard: leads those who are not signed in to the sign-in, and gives a view the caller.
    """

    def __init__(self, reviews: Reviews, policy: Policy, guard: Guard) -> None:
        self._reviews = reviews
        self._policy = policy
        self._guard = guard

    def register(self, app: Flask) -> None:
        """Add the pages to the member's application."""
        pages = Blueprint(
            "review", __name__, template_folder="templates", static_folder="static", static_url_path="/static/review"
        )
        for path, name, method, view in (
            ("/review", "desk", "GET", self.desk),
            ("/review/<int:id>", "one", "GET", self.one),
            ("/review/<int:id>", "decide", "POST", self.decide),
            ("/review/<int:id>/original.png", "original", "GET", self.original),
            ("/review/<int:id>/redacted.png", "redacted", "GET", self.redacted),
        ):
            pages.add_url_rule(path, name, self._guard(view), methods=[method])
        pages.register_error_handler(NotWaiting, _absent)
        app.register_blueprint(pages)
        app.add_template_filter(_why, "why")
        add_words(app, yaml.safe_load((HERE / "review_words.yaml").read_text(encoding="utf-8")))
        add_place(app, "Image review", "review.desk")

    def desk(self, caller: Caller) -> Any:
        """What waits."""
        waiting = self._reviews.waiting(self._collections(caller))
        return render_template("node/review_desk.html", waiting=waiting)

    def one(self, caller: Caller, id: int) -> Any:
        """One object: the original beside what would be archived."""
        collections = self._collections(caller)
        found, looks = self._reviews.opened(id, collections, str(caller.subject))
        given = request.args.get("boxes")
        boxes, problem = list(found.boxes), ""
        if given is not None:
            try:
                boxes = boxes_of(given)
            except BadBoxes as error:
                problem = str(error)
        return self._page(collections, found=found, looks=looks, boxes=boxes, problem=problem, text=given)

    def _page(self, collections: frozenset[str], *, boxes: list[Box], text: str | None, **given: Any) -> str:
        order = [one.id for one in self._reviews.waiting(collections)]
        at = order.index(given["found"].id) if given["found"].id in order else -1
        lines = "\n".join(" ".join(map(str, box)) for box in boxes)
        return render_template(
            "node/review_one.html",
            **given,
            lines=lines if not given["problem"] else text,
            boxes=lines,
            frame=max(1, min(request.args.get("frame", 1, int), given["looks"].frames or 1)),
            following=order[at + 1] if -1 < at < len(order) - 1 else None,
            before=order[at - 1] if at > 0 else None,
        )

    def decide(self, caller: Caller, id: int) -> Any:
        """Accept or reject."""
        collections, by = self._collections(caller), str(caller.subject)
        decision, text = request.form.get("decision"), request.form.get("boxes", "")
        if decision not in ("accept", "reject"):
            abort(400, "decision: accept or reject")
        try:
            if decision == "accept":
                self._reviews.accept(id, collections, boxes_of(text), by)
                flash(say("Accepted. It goes on to the archive with what you blanked."))
            else:
                self._reviews.reject(id, collections, by)
                flash(say("Rejected. Its original leaves quarantine."))
        except BadBoxes as error:
            flash(str(error), "bad")
            return redirect(url_for("review.one", id=id, boxes=text), 303)
        waiting = self._reviews.waiting(collections, 1)
        return redirect(url_for("review.one", id=waiting[0].id) if waiting else url_for("review.desk"), 303)

    def original(self, caller: Caller, id: int) -> Response:
        """A frame as it came in."""
        return self._picture(caller, id, blanked=False)

    def redacted(self, caller: Caller, id: int) -> Response:
        """A frame as it would be archived."""
        return self._picture(caller, id, blanked=True)

    def _picture(self, caller: Caller, id: int, *, blanked: bool) -> Response:
        try:
            boxes = boxes_of(request.args.get("boxes", "")) if blanked else None
        except BadBoxes as error:
            abort(400, str(error))
        frame = request.args.get("frame", 1, int)
        picture = self._reviews.picture(id, self._collections(caller), frame, boxes)
        return Response(picture, mimetype="image/png", headers={"Cache-Control": "no-store"})

    def _collections(self, caller: Caller) -> frozenset[str]:
        """Collections whose reviewer the caller is; a caller who is none goes no further."""
        held = self._policy.held(caller, "reviewer", int(time.time()))
        if not held:
            abort(403, say(NOT_YOURS))
        return held


def _why(reason: str) -> str:
    """A reason in the language of the answer, if it is one of those for which images wait."""
    kind = reason.partition(":")[0]
    return next((say(text) for one, text in WHY.items() if one == kind), reason)


def _absent(_: NotWaiting) -> Any:
    message = say("No such image waits. Perhaps somebody else has decided about it.")
    return render_template("error.html", code=404, name="Not Found", message=message), 404
