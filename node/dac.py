"""Requests for access and their decisions over HTTP (``specs/dac.yaml``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
import connexion

from auth.clearinghouse import Clearinghouse
from auth.dac import GRANT_DAYS, Dac
from auth.dac import View as AccessRequestView
from auth.score import sharing_score

Body = dict[str, Any]
Answer = tuple[Body, int, dict[str, str]]
T = TypeVar("T")

PRIVATE = {"Cache-Control": "no-store"}


class DacHandler:
    """Handler of the DAC contract: who asks comes from the bearer token, everything else is decided by ``dac``."""

    def __init__(self, dac: Dac, clearinghouse: Clearinghouse) -> None:
        self._dac = dac
        self._clearinghouse = clearinghouse

    async def list_requests(
        self, dataset: str | None = None, state: str | None = None, skip: int = 0, limit: int = 100
    ) -> Answer:
        """The caller's own requests, and those that wait for or were decided by the caller's committees."""
        rows = await self._as_caller(self._dac.list, dataset=dataset, state=state, skip=skip, limit=limit)
        return {"requests": [_body(row) for row in rows]}, 200, PRIVATE

    async def create_request(self, body: Body | None = None) -> Answer:
        """A draft, seen by its applicant only."""
        given = body or {}
        dataset, purpose, mail = given.get("dataset", ""), given.get("purpose", ""), given.get("mail", "")
        view = await self._as_caller(self._dac.create, dataset=dataset, purpose=purpose, mail=mail)
        return _body(view), 201, PRIVATE

    async def get_request(self, request_id: str) -> Answer:
        """One request."""
        return _body(await self._as_caller(self._dac.get, request=request_id)), 200, PRIVATE

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

    async def get_sharing_score(self, accession: str) -> Body:
        """The sharing score of a published data set; public."""
        tier, work = await anyio.to_thread.run_sync(self._dac.workload, accession)
        mean = work.mean_seconds
        return {
            "dataset": accession,
            "tier": tier,
            "score": sharing_score(tier, work),
            "received": work.received,
            "processed": work.processed,
            "approved": work.approved,
            "mean_processing_seconds": None if mean is None else round(mean, 1),
        }

    async def _command(self, request_id: str, name: str, body: Body | None) -> Answer:
        given = body or {}
        comment, days = given.get("comment", ""), given.get("days", GRANT_DAYS)
        view = await self._as_caller(self._dac.command, request=request_id, name=name, comment=comment, days=days)
        return _body(view), 200, PRIVATE

    async def _as_caller(self, command: Callable[..., T], **arguments: Any) -> T:
        caller = await self._clearinghouse.bearer(connexion.request.headers.get("Authorization"))
        return await anyio.to_thread.run_sync(partial(command, caller, **arguments))


def _body(view: AccessRequestView) -> Body:
    return {
        "id": view.id,
        "dataset": view.dataset,
        "committee": view.committee,
        "applicant": view.applicant,
        "purpose": view.purpose,
        "state": view.state,
        "comment": view.comment,
        "created_at": _iso(view.created_at),
        "submitted_at": _iso(view.submitted_at),
        "decided_at": _iso(view.decided_at),
        "updated_at": _iso(view.updated_at),
        "expires_at": _iso(view.expires_at),
        "commands": list(view.commands),
    }


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
