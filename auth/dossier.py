"""A request with all that belongs to it, as far as the one who looks may see it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from auth import duo, links
from auth.access_request import View
from auth.docket import Case
from auth.papers import Paper, paper
from auth.tables import Attachment, AuditEvent, CoMember, Comment


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment; ``at`` in epoch seconds."""

    author: str
    author_name: str
    text: str
    internal: bool
    at: int


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the audit log about the request."""

    at: int
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """A request and its papers.

    :param members: (subject, name) of the co-members.
    :param invitations: open ones; 0 for all but the applicant.
    :param findings: terms of the data set against the stated use, for the committee only: they decide nothing.
    :param history: events, for the committee only.
    """

    view: View
    members: tuple[tuple[str, str], ...]
    invitations: int
    comments: tuple[Remark, ...]
    attachments: tuple[Paper, ...]
    findings: tuple[duo.Finding, ...]
    history: tuple[Event, ...]


def dossier(case: Case) -> Dossier:
    """All that the one who opened ``case`` may see of it, without findings."""
    session, row, committee = case.session, case.row, case.role == "committee"
    members = select(CoMember).where(CoMember.request == row.id).order_by(CoMember.joined_at, CoMember.subject)
    remarks = select(Comment).where(Comment.request == row.id).order_by(Comment.id)
    if not committee:
        remarks = remarks.where(Comment.internal.is_(False))
    papers = (
        select(Attachment).where(Attachment.request == row.id).order_by(Attachment.at, Attachment.name, Attachment.id)
    )
    events = select(AuditEvent).where(AuditEvent.target == row.id).order_by(AuditEvent.sequence)
    return Dossier(
        view=case.view(),
        members=tuple((member.subject, member.name) for member in session.scalars(members)),
        invitations=links.waiting(session, row, "join", case.now) if case.role == "applicant" else 0,
        comments=tuple(
            Remark(one.author, one.author_name, one.text, one.internal, one.at) for one in session.scalars(remarks)
        ),
        attachments=tuple(paper(one) for one in session.scalars(papers)),
        findings=(),
        history=tuple(Event(one.at, one.actor, one.action) for one in session.scalars(events)) if committee else (),
    )
