"""Bodies of the DAC contract (``specs/dac.yaml``): times are UTC, to the second."""

from __future__ import annotations

import datetime as dt
from typing import Any

from auth.access_request import View
from auth.committees import CommitteeView
from auth.dossier import Dossier
from auth.errors import InvalidRequest
from auth.score import Workload, sharing_score

Body = dict[str, Any]


def request_body(view: View) -> Body:
    """``Request``."""
    return {
        "id": view.id,
        "dataset": view.dataset,
        "committee": view.committee,
        "applicant": view.applicant,
        "purpose": view.purpose,
        "use": dict(view.use),
        "state": view.state,
        "comment": view.comment,
        "approvals": view.approvals,
        "quorum": view.quorum,
        "renews": view.renews,
        "created_at": iso(view.created_at),
        "submitted_at": iso(view.submitted_at),
        "decided_at": iso(view.decided_at),
        "updated_at": iso(view.updated_at),
        "expires_at": iso(view.expires_at),
        "role": view.role,
        "commands": list(view.commands),
    }


def dossier_body(found: Dossier) -> Body:
    """``Dossier``; what is for the committee alone is left out for others."""
    body = {
        **request_body(found.view),
        "members": [{"subject": subject, "name": name} for subject, name in found.members],
        "comments": [
            {
                "author": one.author,
                "name": one.author_name,
                "text": one.text,
                "internal": one.internal,
                "at": iso(one.at),
            }
            for one in found.comments
        ],
        "attachments": [
            {
                "id": one.id,
                "name": one.name,
                "size": one.size,
                "sha256": one.sha256,
                "added_by": one.added_by,
                "at": iso(one.at),
            }
            for one in found.attachments
        ],
    }
    if found.view.role == "committee":
        body["findings"] = [
            {
                "term": one.term,
                "label": one.label,
                "verdict": one.verdict,
                "reason": one.reason,
                "kinds": list(one.kinds),
            }
            for one in found.findings
        ]
        body["history"] = [{"at": iso(one.at), "actor": one.actor, "action": one.action} for one in found.history]
    return body


def committee_body(found: CommitteeView) -> Body:
    """``Committee``."""
    return {
        "id": found.id,
        "title": found.title,
        "quorum": found.quorum,
        "chair": found.chair,
        "members": [{"subject": seat.subject, "mail": seat.mail, "chair": seat.chair} for seat in found.seats],
        "delegations": [
            {
                "id": loan.id,
                "by": loan.delegator,
                "to": loan.delegate,
                "from": iso(loan.starts_at),
                "until": iso(loan.ends_at),
            }
            for loan in found.loans
        ],
    }


def score_body(accession: str, tier: str, work: Workload) -> Body:
    """The sharing score and what it is made of."""
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


def iso(seconds: int | None) -> str | None:
    """Epoch seconds as RFC 3339 in UTC."""
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(name: str, given: str) -> int:
    """Epoch seconds of a moment in RFC 3339.

    :raises InvalidRequest: if it is none, or says no offset.
    """
    try:
        parsed = dt.datetime.fromisoformat(given)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise InvalidRequest(f"{name}: a moment such as 2026-01-31T00:00:00Z is needed")
    return int(parsed.timestamp())
