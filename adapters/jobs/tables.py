"""Jobs, the files they work on, and what happened to them. These tables are the truth; a queue only hints at them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Document = dict[str, Any]
Lines = list[str]


class Base(DeclarativeBase):
    """Declarative base of the tables of jobs."""

    type_annotation_map = {Document: JSON, Lines: JSON, str: String, dt.datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class Job(Base):
    """Work on files that belong together. ``step`` is the next one to do; what was done before is not done again.

    While it runs, ``token`` says who may write to it and ``lease_until`` how long that is believed without a sign of
    life. ``attempts`` counts those that ended without an answer. ``done_bytes`` of ``total_bytes`` are behind it.
    ``study`` is the Study Instance UID that images will have.
    """

    __tablename__ = "job"
    __table_args__ = (Index("job_order", "state", "priority", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(default="sequences")
    dataset: Mapped[str] = mapped_column(index=True)
    study: Mapped[str | None] = mapped_column(index=True)
    title: Mapped[str]
    state: Mapped[str]
    step: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0)  # higher is sooner
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[dt.datetime]
    worker: Mapped[str | None]
    token: Mapped[str | None]
    lease_until: Mapped[dt.datetime | None]
    cancel: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(default="")
    done_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    total_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class Arrival(Base):
    """A file that was submitted: where it is, what the submitter said of it, and what was found.

    ``declared`` is the line of the manifest; ``reasons`` are for the submitter to read; ``file`` is its id once it is
    archived. ``instance`` is the SOP Instance UID that an image will have.
    """

    __tablename__ = "arrival"
    __table_args__ = (Index("arrival_place", "store", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    dataset: Mapped[str] = mapped_column(index=True)
    store: Mapped[str]
    key: Mapped[str]
    instance: Mapped[str | None] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    declared: Mapped[Document]
    state: Mapped[str]
    reasons: Mapped[Lines] = mapped_column(default=list)
    report: Mapped[Document | None] = mapped_column(JSON(none_as_null=True))
    file: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class JobEvent(Base):
    """Something that happened to a job, in the order of ``id``."""

    __tablename__ = "job_event"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    at: Mapped[dt.datetime]
    what: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
