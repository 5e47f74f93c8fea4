"""Pages of requests: mine, a new one, one of them, and what its state allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from auth import duo, errors
from auth.caller import Caller
from auth.dac import MAX_PAGE, Dac
from auth.pages.datasets import Datasets
from auth.pages.guard import REFUSED, STATUS, titles
from web.pages import say

Route = tuple[str, str, str, Callable[..., Any]]

FOUND_AT_ONCE = 20  # data sets shown by one search
LIFE_CHOICES = (30, 90, 180, 365)  # days that a committee can choose from
DONE = {
    "submit": "The request was sent to the committee.",
    "close": "The request is closed.",
    "approve": "Approved. The applicant has access from now on.",
    "reject": "Rejected. The applicant will see your comment.",
    "return": "Returned to the applicant.",
    "revoke": "Revoked. Access has ended.",
}
COUNTED = "Your approval counts. It takes effect with the approvals of others."


class RequestPages:
    """Requests as their applicants, co-members and committees see them."""

    def __init__(self, dac: Dac, datasets: Datasets) -> None:
        self._dac = dac
        self._datasets = datasets

    def routes(self) -> Iterator[Route]:
        """Path, name, method and view of every page."""
        yield "/requests", "mine", "GET", self.mine
        yield "/requests/new", "new", "GET", self.new
        yield "/requests/new", "create", "POST", self.create
        yield "/dac/requests/<request_id>", "one", "GET", self.one
        yield "/dac/requests/<request_id>/edit", "edit", "GET", self.edit
        yield "/dac/requests/<request_id>/edit", "change", "POST", self.change
        yield "/dac/requests/<request_id>/renew", "renew", "POST", self.renew
        yield "/dac/requests/<request_id>/<command>", "command", "POST", self.command

    def mine(self, caller: Caller) -> Any:
        """What I asked for, and what I share."""
        own = [view for view in self._dac.list(caller, limit=MAX_PAGE) if view.role != "committee"]
        return render_template("access/mine.html", requests=own, titles=titles(self._datasets, own))

    def new(self, caller: Caller, message: str = "", status: int = 200) -> Any:  # noqa: ARG002
        """Find a data set, then say what it is wanted for."""
        wanted = request.values.get("dataset", "").strip()
        found = self._datasets.get(wanted) if wanted else None
        if found is None or found.tier != "controlled":
            search = request.args.get("search", wanted if found is None else "").strip()[:200]
            hits = self._datasets.search(search, FOUND_AT_ONCE) if found is None else ()
            page = render_template("access/find.html", dataset=found, search=search, hits=hits, message=message)
            return page, status
        given = request.form if request.method == "POST" else MultiDict[str, str]()
        return self._form(found.accession, found.title, given, None, message), status

    def create(self, caller: Caller) -> Any:
        """Make a request, and send it to the committee unless it shall stay a draft."""
        form = request.form
        try:
            made = self._dac.create(
                caller,
                form.get("dataset", ""),
                form.get("purpose", ""),
                form.get("mail", "").strip(),
                _use(form),
            )
            if "draft" not in form:
                self._dac.command(caller, made.id, "submit")
        except (errors.InvalidRequest, errors.Conflict) as problem:
            return self.new(caller, str(problem), 400)
        if "draft" in form:
            flash(say("Saved. Only you can see it until you send it."))
            return redirect(url_for("access.one", request_id=made.id), 303)
        flash(say(DONE["submit"]))
        return redirect(url_for("access.mine"), 303)

    def one(self, caller: Caller, request_id: str, message: str = "", status: int = 200) -> Any:
        """One request with its papers, and what this person may do to it."""
        found = self._dac.dossier(caller, request_id)
        page = render_template(
            "access/one.html",
            dossier=found,
            view=found.view,
            me=caller.subject,
            titles=titles(self._datasets, [found.view]),
            choices=LIFE_CHOICES,
            message=message,
        )
        return page, status

    def edit(self, caller: Caller, request_id: str, message: str = "", status: int = 200) -> Any:
        """The form of a draft or returned request, filled in."""
        view = self._dac.get(caller, request_id)
        if "edit" not in view.commands:
            return redirect(url_for("access.one", request_id=request_id), 303)
        given: Mapping[str, Any] = request.form if request.method == "POST" else _filled(view.purpose, view.use)
        title = titles(self._datasets, [view]).get(view.dataset, "")
        return self._form(view.dataset, title, given, request_id, message), status

    def change(self, caller: Caller, request_id: str) -> Any:
        """Save the form."""
        form = request.form
        mail = form.get("mail", "").strip()
        try:
            self._dac.edit(caller, request_id, purpose=form.get("purpose", ""), mail=mail or None, use=_use(form))
        except errors.InvalidRequest as problem:
            return self.edit(caller, request_id, str(problem), 400)
        except (errors.Conflict, errors.Forbidden) as problem:
            return self.one(caller, request_id, str(problem), STATUS[type(problem)])
        flash(say("Saved."))
        return redirect(url_for("access.one", request_id=request_id), 303)

    def renew(self, caller: Caller, request_id: str) -> Any:
        """Draft what continues this request."""
        try:
            made = self._dac.renew(caller, request_id)
        except (errors.Conflict, errors.Forbidden) as problem:
            return self.one(caller, request_id, str(problem), STATUS[type(problem)])
        flash(say("This draft continues your access. Check it, then send it to the committee."))
        return redirect(url_for("access.one", request_id=made.id), 303)

    def command(self, caller: Caller, request_id: str, command: str) -> Any:
        """Do it: the click is a POST by the person who is signed in (row 64)."""
        days = request.form.get("days", str(LIFE_CHOICES[-1]))
        if not (days.isascii() and days.isdecimal()):
            raise BadRequest("days is a whole number")
        try:
            done = self._dac.command(caller, request_id, command, request.form.get("comment", ""), int(days))
        except REFUSED as problem:
            return self.one(caller, request_id, str(problem), STATUS[type(problem)])
        flash(say(COUNTED if command == "approve" and done.state == "submitted" else DONE[command]))
        desk = request.form.get("from") == "desk"
        return redirect(url_for("access.desk") if desk else url_for("access.one", request_id=request_id), 303)

    def _form(self, dataset: str, title: str, given: Mapping[str, Any], request_id: str | None, message: str) -> str:
        terms = self._dac.terms(dataset)
        return render_template(
            "access/form.html",
            dataset=dataset,
            title_of_set=title,
            terms=terms,
            kinds=duo.rules().kinds,
            flags=[flag for flag in duo.rules().flags if any(flag in term.asks for term in terms)],
            given=given,
            chosen=given.getlist("kinds") if isinstance(given, MultiDict) else given.get("kinds", ()),
            request_id=request_id,
            message=message,
        )


def _use(form: MultiDict[str, str]) -> dict[str, Any]:
    """The answers about the use in a form."""
    answers = {flag: form.get(flag) == "yes" for flag in duo.rules().flags if form.get(flag) in ("yes", "no")}
    return {"kinds": form.getlist("kinds"), "disease": form.get("disease", "").strip(), **answers}


def _filled(purpose: str, use: Mapping[str, Any]) -> dict[str, Any]:
    """What a form shows of a request; the address stays as it is unless a new one is given."""
    said = {flag: "yes" if value else "no" for flag, value in use.items() if isinstance(value, bool)}
    return {"purpose": purpose, "kinds": use.get("kinds", ()), "disease": use.get("disease", ""), **said}
