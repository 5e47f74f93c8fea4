"""What is filed and said about a request on its page: comments, documents, co-members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from flask import Response, flash, redirect, render_template, request, url_for

from auth import errors
from auth.caller import Caller
from auth.dac import Dac
from auth.pages.guard import REFUSED
from auth.papers import LARGEST
from web.pages import say, takes

Route = tuple[str, str, str, Callable[..., Any]]
OF_ONE = "/dac/requests/<request_id>"
AROUND = 1 << 16  # bytes of a form beside its file


class PaperPages:
    """Every change leads back to the page of the request, which says what went wrong."""

    def __init__(self, dac: Dac) -> None:
        self._dac = dac

    def routes(self) -> Iterator[Route]:
        """Path, name, method and view of every page."""
        yield f"{OF_ONE}/comments", "comment", "POST", self.comment
        yield f"{OF_ONE}/attachments", "attach", "POST", self.attach
        yield f"{OF_ONE}/attachments/<attachment>", "attachment", "GET", self.attachment
        yield f"{OF_ONE}/attachments/<attachment>/remove", "detach", "POST", self.detach
        yield f"{OF_ONE}/members", "invite", "POST", self.invite
        yield f"{OF_ONE}/members/remove", "remove", "POST", self.remove
        yield f"{OF_ONE}/leave", "leave", "POST", self.leave
        yield "/requests/join/<secret>", "invitation", "GET", self.invitation
        yield "/requests/join/<secret>", "join", "POST", self.join

    def comment(self, caller: Caller, request_id: str) -> Any:
        """Say something to the other side, or to the committee alone."""
        internal, text = "internal" in request.form, request.form.get("text", "")

        def act() -> str:
            self._dac.papers.comment(caller, request_id, text, internal=internal)
            return say("Noted for the committee alone." if internal else "The comment was added.")

        return self._done(request_id, act)

    @takes(LARGEST + AROUND)
    def attach(self, caller: Caller, request_id: str) -> Any:
        """Attach the chosen file."""
        file = request.files.get("file")

        def act() -> str:
            if file is None or not file.filename:
                raise errors.InvalidRequest("choose a file first")
            name = file.filename.replace("\\", "/").rpartition("/")[2]
            self._dac.papers.attach(caller, request_id, name, file.read())
            return say("The document was attached.")

        return self._done(request_id, act)

    def attachment(self, caller: Caller, request_id: str, attachment: str) -> Any:
        """The bytes, as a download and never as a page (row 65)."""
        name, content = self._dac.papers.read(caller, request_id, attachment)
        answer = Response(content, mimetype="application/octet-stream")
        answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def detach(self, caller: Caller, request_id: str, attachment: str) -> Any:
        """Take a document back."""

        def act() -> str:
            self._dac.papers.detach(caller, request_id, attachment)
            return say("The document was removed.")

        return self._done(request_id, act)

    def invite(self, caller: Caller, request_id: str) -> Any:
        """Invite a co-member; the link is shown too, for those who would rather send it themselves."""

        def act() -> str:
            link = self._dac.co_members.invite(caller, request_id, request.form.get("mail", "").strip())
            return say("Invitation for one person, valid once: {link}", link=link)

        return self._done(request_id, act)

    def remove(self, caller: Caller, request_id: str) -> Any:
        """Take a co-member out."""

        def act() -> str:
            self._dac.co_members.remove(caller, request_id, request.form.get("subject", ""))
            return say("The co-member was removed.")

        return self._done(request_id, act)

    def leave(self, caller: Caller, request_id: str) -> Any:
        """Leave a request."""
        self._dac.co_members.leave(caller, request_id)
        flash(say("You have left the request."))
        return redirect(url_for("access.mine"), 303)

    def invitation(self, caller: Caller, secret: str) -> Any:
        """What the invitation is about."""
        found = self._dac.co_members.invitation(caller, secret)
        return render_template(
            "access/join.html", invitation=found, secret=secret, own=found.applicant == caller.subject
        )

    def join(self, caller: Caller, secret: str) -> Any:
        """Accept it."""
        try:
            self._dac.co_members.join(caller, secret)
        except errors.Conflict as problem:
            flash(str(problem))
        else:
            flash(say("You take part. You will see the request here once it was sent."))
        return redirect(url_for("access.mine"), 303)

    def _done(self, request_id: str, act: Callable[[], str]) -> Any:
        try:
            flash(act())
        except REFUSED as problem:
            flash(str(problem), "bad")
        return redirect(url_for("access.one", request_id=request_id), 303)
