"""What registration remembers besides the catalog: digests that were computed, and who the patients of images are."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base of the tables of registration."""


class RememberedDigest(Base):
    """Digests (lower-case hex) of an object as it was when ``size`` (bytes) and ``etag`` were these."""

    __tablename__ = "remembered_digest"
    store: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    etag: Mapped[str]
    md5: Mapped[str]
    sha256: Mapped[str]


class RememberedPatient(Base):
    """The individual that a patient of a collection is; ``patient`` is drawn with a key from the patient's id."""

    __tablename__ = "remembered_patient"
    dataset: Mapped[str] = mapped_column(primary_key=True)
    patient: Mapped[str] = mapped_column(primary_key=True)
    individual: Mapped[str] = mapped_column(index=True)


class LinkVersion(Base):
    """The link of an individual since ``at`` (UTC), until the next version: to nobody if ``link`` is None."""

    __tablename__ = "link_version"
    individual: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
