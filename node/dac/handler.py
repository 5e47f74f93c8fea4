"""Handler of the DAC contract: reads what is asked, lets ``auth.dac`` decide, writes the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import anyio.to_thread
import connexion
from connexion.lifecycle import ConnexionResponse

from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from auth.dac import GRANT_DAYS, Dac
from node.dac.bodies import Body, committee_body, dossier_body, moment, request_body, score_body

Answer = tuple[Body, int, dict[str, str]]
Nothing = tuple[None, int, dict[str, str]]
T = TypeVar("T")

PRIVATE = {"Cache-Control": "no-store"}
DOWNLOAD = {**PRIVATE, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


class DacHandler:
    """Who asks comes from the bearer token, everything else is decided by ``dac``."""

    def __init__(self, dac: Dac, clearinghouse: Clearinghouse) -> None:
        self._dac = dac
        self._clearinghouse = clearinghouse

    async def list_requests(
        self, dataset: str | None = None, state: str | None = None, skip: int = 0, limit: int = 100
    ) -> Answer:
        """The caller's own requests, and those that wait for or were decided by the caller's committees."""
        rows = await self._as_caller(self._dac.list, dataset=dataset, state=state, skip=skip, limit=limit)
        return {"requests": [request_body(row) for row in rows]}, 200, PRIVATE

    async def create_request(self, body: Body | None = None) -> Answer:
        """A draft, seen by its applicant only."""
        given = {"dataset": "", "purpose": "", **(body or {})}
        return request_body(await self._as_caller(self._dac.create, **given)), 201, PRIVATE

    async def get_request(self, request_id: str) -> Answer:
        """One request with its papers."""
        return dossier_body(await self._as_caller(self._dac.dossier, request=request_id)), 200, PRIVATE

    async def edit_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Change what the body gives."""
        return request_body(await self._as_caller(self._dac.edit, request=request_id, **(body or {}))), 200, PRIVATE

    async def renew_request(self, request_id: str, body: Body | None = None) -> Answer:  # noqa: ARG002
        """A draft that continues the request."""
        return request_body(await self._as_caller(self._dac.renew, request=request_id)), 201, PRIVATE

    async def submit_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Hand a draft, or a returned request, to the committee."""
        return await self._command(request_id, "submit", body)

    async def approve_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Grant access."""
        return await self._command(request_id, "approve", body)

    async def reject_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Refuse access."""
        return await self._command(request_id, "reject", body)

    async def return_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Ask the applicant to change the request."""
        return await self._command(request_id, "return", body)

    async def revoke_request(self, request_id: str, body: Body | None = None) -> Answer:
        """End a grant at once."""
        return await self._command(request_id, "revoke", body)

    async def close_request(self, request_id: str, body: Body | None = None) -> Answer:
        """Take a request, or a granted access, back."""
        return await self._command(request_id, "close", body)

    async def comment_on_request(self, request_id: str, body: Body | None = None) -> Answer:
        """A comment, or a note of the committee."""
        given = {"text": "", **(body or {})}
        return {"id": await self._as_caller(self._dac.papers.comment, request=request_id, **given)}, 201, PRIVATE

    async def attach_to_request(self, request_id: str, name: str, body: bytes | None = None) -> Answer:
        """A document, whose kind its name and its first bytes must agree on."""
        content = body or b""
        paper = await self._as_caller(self._dac.papers.attach, request=request_id, name=name, content=content)
        return {"id": paper.id}, 201, PRIVATE

    async def get_attachment(self, request_id: str, attachment_id: str) -> ConnexionResponse:
        """The bytes of a document: to be kept, never to be shown by the browser."""
        name, content = await self._as_caller(self._dac.papers.read, request=request_id, attachment=attachment_id)
        headers = {**DOWNLOAD, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        return ConnexionResponse(200, content_type="application/octet-stream", body=content, headers=headers)

    async def detach_from_request(self, request_id: str, attachment_id: str) -> Nothing:
        """Take a document back."""
        return await self._done(self._dac.papers.detach, request=request_id, attachment=attachment_id)

    async def invite_to_request(self, request_id: str, body: Body | None = None) -> Answer:
        """An invitation, mailed where an address is given."""
        mail = (body or {}).get("mail", "")
        return {"link": await self._as_caller(self._dac.co_members.invite, request=request_id, mail=mail)}, 201, PRIVATE

    async def remove_from_request(self, request_id: str, subject: str) -> Nothing:
        """Take a co-member out, or leave."""

        def act(caller: Caller) -> None:
            if caller.subject == subject:
                self._dac.co_members.leave(caller, request_id)
            else:
                self._dac.co_members.remove(caller, request_id, subject)

        return await self._done(act)

    async def accept_invitation(self, secret: str, body: Body | None = None) -> Answer:  # noqa: ARG002
        """Become co-member."""
        joined = await self._as_caller(self._dac.co_members.join, secret=secret)
        return {"request": joined.request, "dataset": joined.dataset}, 200, PRIVATE

    async def list_committees(self) -> Answer:
        """The caller's committees."""
        found = await self._as_caller(self._dac.committees.mine)
        return {"committees": [committee_body(one) for one in found]}, 200, PRIVATE

    async def seat_member(self, committee_id: str, subject: str, body: Body | None = None) -> Nothing:
        """Give a person a seat."""
        return await self._done(self._dac.committees.seat, committee=committee_id, subject=subject, **(body or {}))

    async def unseat_member(self, committee_id: str, subject: str) -> Nothing:
        """Take a seat away."""
        return await self._done(self._dac.committees.unseat, committee=committee_id, subject=subject)

    async def delegate_seat(self, committee_id: str, body: Body | None = None) -> Answer:
        """Lend the caller's seat."""
        given = body or {}

        def act(caller: Caller) -> str:
            return self._dac.committees.delegate(
                caller,
                committee_id,
                given.get("to", ""),
                moment("from", given.get("from", "")),
                moment("until", given.get("until", "")),
                given.get("mail", ""),
            )

        return {"id": await self._as_caller(act)}, 201, PRIVATE

    async def recall_delegation(self, committee_id: str, delegation_id: str) -> Nothing:
        """End a delegation."""
        return await self._done(self._dac.committees.recall, committee=committee_id, delegation=delegation_id)

    async def get_sharing_score(self, accession: str) -> Body:
        """The sharing score of a published data set; public."""
        tier, work = await anyio.to_thread.run_sync(self._dac.workload, accession)
        return score_body(accession, tier, work)

    async def _command(self, request_id: str, name: str, body: Body | None) -> Answer:
        given = body or {}
        comment, days = given.get("comment", ""), given.get("days", GRANT_DAYS)
        view = await self._as_caller(self._dac.command, request=request_id, name=name, comment=comment, days=days)
        return request_body(view), 200, PRIVATE

    async def _done(self, command: Callable[..., object], **arguments: Any) -> Nothing:
        await self._as_caller(command, **arguments)
        return None, 204, PRIVATE

    async def _as_caller(self, command: Callable[..., T], **arguments: Any) -> T:
        caller = await self._clearinghouse.bearer(connexion.request.headers.get("Authorization"))
        return await anyio.to_thread.run_sync(partial(command, caller, **arguments))
