"""Tables of committees, requests and what belongs to them, grants, audit events, the outbox, used token ids.

They refer to data sets by accession and to people by their subject at the broker, never by a foreign key to another
owner's table. Times are epoch seconds (UTC).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Document = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base of the tables that members alone have."""

    type_annotation_map = {Document: JSON, int: BigInteger, str: String}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class Committee(Base):
    """A data access committee. ``id`` is the last part of its URL, the ``source`` of its visas.

    ``quorum`` is how many of its people must approve a request.
    """

    __tablename__ = "auth_committee"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    quorum: Mapped[int] = mapped_column(default=1)


class CommitteeMember(Base):
    """A person who decides in a committee; ``mail`` is where requests are announced. Chairs keep the seats.

    ``seated_by`` is the chair who gave the seat; empty if the operator did.
    """

    __tablename__ = "auth_committee_member"
    committee: Mapped[str] = mapped_column(ForeignKey("auth_committee.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, index=True)
    mail: Mapped[str] = mapped_column(default="")
    chair: Mapped[bool] = mapped_column(default=False)
    seated_by: Mapped[str] = mapped_column(default="")


class Delegation(Base):
    """The seat of ``delegator`` is lent to ``delegate`` from ``starts_at`` until before ``ends_at``."""

    __tablename__ = "auth_delegation"
    id: Mapped[str] = mapped_column(primary_key=True)
    committee: Mapped[str] = mapped_column(ForeignKey("auth_committee.id"), index=True)
    delegator: Mapped[str]
    delegate: Mapped[str] = mapped_column(index=True)
    mail: Mapped[str] = mapped_column(default="")
    starts_at: Mapped[int]
    ends_at: Mapped[int]


class AccessRequest(Base):
    """A person's request for a data set. ``submitted_at`` and ``decided_at`` measure the committee's work.

    ``applicant_name`` is what the broker called the person then; empty if it did not say. ``use`` is what the data
    will be used for, in answers that can be compared with the terms of the data set (:mod:`auth.duo`). ``outcome`` is
    what the committee decided, whatever became of it later; empty before. ``round`` counts submissions; ``approvals``
    are those of this round, of the ``quorum`` that it was submitted under. ``renews`` is the request before it.
    """

    __tablename__ = "auth_request"
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(index=True)
    committee: Mapped[str] = mapped_column(ForeignKey("auth_committee.id"), index=True)
    applicant: Mapped[str] = mapped_column(index=True)
    applicant_name: Mapped[str] = mapped_column(default="")
    applicant_mail: Mapped[str] = mapped_column(default="")
    purpose: Mapped[str] = mapped_column(Text)
    use: Mapped[Document] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    round: Mapped[int] = mapped_column(default=0)
    approvals: Mapped[int] = mapped_column(default=0)
    quorum: Mapped[int] = mapped_column(default=1)
    renews: Mapped[str | None] = mapped_column(ForeignKey("auth_request.id"), index=True)
    created_at: Mapped[int]
    submitted_at: Mapped[int | None]
    decided_at: Mapped[int | None]
    updated_at: Mapped[int]


class CoMember(Base):
    """A person who accepted the applicant's invitation and shall have the data too."""

    __tablename__ = "auth_co_member"
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, index=True)
    name: Mapped[str] = mapped_column(default="")
    mail: Mapped[str] = mapped_column(default="")
    joined_at: Mapped[int]


class Link(Base):
    """A link in a mail that is good for one click: to approve a request (``subject`` alone may), or to join one.

    ``digest`` is the SHA-256 of the secret in the link. ``round`` is that of the request when it was sent.
    """

    __tablename__ = "auth_link"
    digest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]  # approve | join
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), index=True)
    subject: Mapped[str] = mapped_column(default="")
    mail: Mapped[str] = mapped_column(default="")
    round: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None]


class Vote(Base):
    """An approval by one person in one seat, in one round of a request; ``days`` is the life of the grant it allows."""

    __tablename__ = "auth_vote"
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seat: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    days: Mapped[int]
    at: Mapped[int]


class Comment(Base):
    """A remark on a request; ``internal`` ones are the committee's alone."""

    __tablename__ = "auth_comment"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), index=True)
    author: Mapped[str]
    author_name: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(Text)
    internal: Mapped[bool]
    at: Mapped[int]


class Attachment(Base):
    """A document of a request, kept as a row: no path is ever made of its name, nothing in it is ever unpacked."""

    __tablename__ = "auth_attachment"
    id: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    size: Mapped[int]  # bytes
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(deferred=True)
    added_by: Mapped[str]
    at: Mapped[int]


class Grant(Base):
    """A right to a data set. In force until ``expires_at``, or until it is revoked; ``jti`` is that of its visas."""

    __tablename__ = "auth_grant"
    __table_args__ = (UniqueConstraint("request", "subject"),)
    jti: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"))
    dataset: Mapped[str] = mapped_column(index=True)
    committee: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    granted_at: Mapped[int]
    expires_at: Mapped[int]
    revoked_at: Mapped[int | None] = mapped_column(index=True)


class AcceptedTerms(Base):
    """That a person accepted terms (a URL), in force until it is withdrawn; ``jti`` is that of its visas."""

    __tablename__ = "auth_accepted_terms"
    __table_args__ = (
        Index(
            "auth_accepted_terms_once",
            "subject",
            "terms",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )
    jti: Mapped[str] = mapped_column(primary_key=True)
    terms: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    accepted_at: Mapped[int]
    withdrawn_at: Mapped[int | None] = mapped_column(index=True)


class Appointment(Base):
    """A person holds an office for a data set: ``submitter`` or ``reviewer`` (:mod:`auth.appointments`)."""

    __tablename__ = "auth_appointment"
    dataset: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, index=True)
    office: Mapped[str] = mapped_column(primary_key=True)


class AuditHead(Base):
    """The end of the audit chain: one row, locked by whoever appends, so that the chain never forks."""

    __tablename__ = "auth_audit_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    digest: Mapped[str]


class AuditEvent(Base):
    """One link of the audit chain: ``digest`` covers the event and the ``digest`` of the one before."""

    __tablename__ = "auth_audit_event"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    target: Mapped[str] = mapped_column(index=True)
    details: Mapped[Document]
    previous: Mapped[str]
    digest: Mapped[str]


class OutboxMail(Base):
    """An e-mail to be sent: written with the change that causes it, sent by the delivery loop afterwards."""

    __tablename__ = "auth_outbox"
    __table_args__ = (Index("auth_outbox_due", "sent_at", "due_at"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    recipient: Mapped[str]  # subject of the person
    address: Mapped[str] = mapped_column(default="")
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
    due_at: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[int | None]


class UsedToken(Base):
    """A single-use token id that was accepted; its row may go once the token has expired."""

    __tablename__ = "auth_used_token"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[int] = mapped_column(index=True)
