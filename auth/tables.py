"""Tables of keys, committees, requests, grants, audit events, the outbox and used token ids.

They refer to data sets by accession and to people by their subject at the broker, never by a foreign key to another
owner's table. Times are epoch seconds (UTC).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Engine, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Document = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base of the tables of ``auth``."""

    type_annotation_map = {Document: JSON, int: BigInteger, str: String}  # noqa: RUF012 - SQLAlchemy reads this class attribute


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write: embedded databases then take their lock at once."""
    return engine.execution_options(write=True)


class Key(Base):
    """A signing key. Published from ``created_at``, signs from ``active_from``, and leaves at ``retired_at``."""

    __tablename__ = "auth_key"
    kid: Mapped[str] = mapped_column(primary_key=True)
    jwk: Mapped[Document]
    created_at: Mapped[int]
    active_from: Mapped[int]
    retired_at: Mapped[int | None]


class Committee(Base):
    """A data access committee. ``id`` is the last part of its URL, the ``source`` of its visas."""

    __tablename__ = "auth_committee"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


class CommitteeMember(Base):
    """A person who decides in a committee; ``mail`` is where its requests are announced."""

    __tablename__ = "auth_committee_member"
    committee: Mapped[str] = mapped_column(ForeignKey("auth_committee.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, index=True)
    mail: Mapped[str] = mapped_column(default="")


class AccessRequest(Base):
    """A person's request for a data set. ``submitted_at`` and ``decided_at`` measure the committee's work.

    ``applicant_name`` is what the broker called the person then; empty if it did not say.
    """

    __tablename__ = "auth_request"
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(index=True)
    committee: Mapped[str] = mapped_column(ForeignKey("auth_committee.id"), index=True)
    applicant: Mapped[str] = mapped_column(index=True)
    applicant_name: Mapped[str] = mapped_column(default="")
    applicant_mail: Mapped[str] = mapped_column(default="")
    purpose: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(index=True)
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[int]
    submitted_at: Mapped[int | None]
    decided_at: Mapped[int | None]
    updated_at: Mapped[int]


class Grant(Base):
    """A right to a data set. In force until ``expires_at``, or until it is revoked; ``jti`` is that of its visas."""

    __tablename__ = "auth_grant"
    jti: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(ForeignKey("auth_request.id"), unique=True)
    dataset: Mapped[str] = mapped_column(index=True)
    committee: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    granted_at: Mapped[int]
    expires_at: Mapped[int]
    revoked_at: Mapped[int | None] = mapped_column(index=True)


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
