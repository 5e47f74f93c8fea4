"""Tables of variants in the catalog database. They refer to data sets and files by accession."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Index, LargeBinary, PrimaryKeyConstraint, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from adapters.catalog.kept import watch

# SQLite then stores a row inside its primary key's tree, so that a region is one run of pages.
CLUSTERED = {"sqlite_with_rowid": False}


class Base(DeclarativeBase):
    """Declarative base of the variant tables."""

    type_annotation_map = {str: String, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class VariantRelease(Base):
    """The variants of one file of a data set, as loaded at one time.

    Only a ``live`` release is ever read; at most one exists per data set and file. ``variants`` counts the alleles
    of a live one; ``numbers`` is above the number of every allele. ``people`` is the encoded set of everyone
    genotyped in the file, null for a file without genotypes. ``fingerprint`` tells whether an interrupted load was of
    the same bytes and people.
    """

    __tablename__ = "variant_release"
    __table_args__ = (Index("variant_release_of", "dataset", "file", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    dataset: Mapped[str]
    file: Mapped[str]
    assembly: Mapped[str]
    state: Mapped[str]  # loading | live | retired
    fingerprint: Mapped[str]
    people: Mapped[bytes | None]
    numbers: Mapped[int] = mapped_column(BigInteger, default=0)
    variants: Mapped[int] = mapped_column(BigInteger, default=0)
    started_at: Mapped[dt.datetime]
    live_at: Mapped[dt.datetime | None]


class VariantSegment(Base):
    """A part of a file that is being loaded; ``records`` of it are committed, and all of them if ``done``."""

    __tablename__ = "variant_segment"
    release: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    records: Mapped[int] = mapped_column(BigInteger, default=0)
    done: Mapped[bool] = mapped_column(default=False)


class VariantRow(Base):
    """An allele of a release, maximally trimmed, one row each.

    Numbers stand before texts, because PostgreSQL fills the gaps before numbers.
    ``contig`` is the canonical name, ``start`` 0-based, ``span`` = end - start.

    ``number`` is the allele's running number in its release. ``anchor`` is the base before an insertion or deletion,
    as VCF writes it. A symbolic allele has no ``ref`` and keeps its ``<…>`` or breakend text in ``alt``. ``reach`` is
    set on long alleles only: see :mod:`adapters.variants.reach`. The four sets are encoded by
    :mod:`adapters.variants.carriers`, null when empty: people with at least one copy, with two, those genotyped with
    a single allele (haploid or half missing) and those not genotyped at all. ``allele_count`` and ``allele_number``
    are the file's own numbers where it has no genotypes.
    """

    __tablename__ = "variant"
    __table_args__ = (
        PrimaryKeyConstraint("release", "contig", "start", "number"),
        Index(
            "variant_long",
            "release",
            "contig",
            "reach",
            "start",
            sqlite_where=text("reach IS NOT NULL"),
            postgresql_where=text("reach IS NOT NULL"),
        ),
        CLUSTERED,
    )
    release: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    span: Mapped[int]
    length: Mapped[int]
    reach: Mapped[int | None]
    allele_count: Mapped[int | None]
    allele_number: Mapped[int | None]
    carrier_count: Mapped[int | None]
    contig: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str]
    alt: Mapped[str]
    anchor: Mapped[str | None]
    type: Mapped[str]
    genes: Mapped[str | None]
    aminoacids: Mapped[str | None]
    carriers: Mapped[bytes | None]
    homozygotes: Mapped[bytes | None]
    single: Mapped[bytes | None]
    uncalled: Mapped[bytes | None]


class VariantContig(Base):
    """A release has ``variants`` alleles on ``contig``; bit k of ``reaches`` is set if one has reach k."""

    __tablename__ = "variant_contig"
    release: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    contig: Mapped[str] = mapped_column(primary_key=True)
    variants: Mapped[int] = mapped_column(BigInteger)
    reaches: Mapped[int]


class VariantAnnotation(Base):
    """An allele lies in ``gene`` and changes its protein by ``aminoacid`` (one-letter form, empty for no change)."""

    __tablename__ = "variant_annotation"
    __table_args__ = (
        Index(
            "variant_annotation_aminoacid",
            "release",
            "aminoacid",
            sqlite_where=text("aminoacid <> ''"),
            postgresql_where=text("aminoacid <> ''"),
        ),
        CLUSTERED,
    )
    release: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gene: Mapped[str] = mapped_column(primary_key=True)
    contig: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    aminoacid: Mapped[str] = mapped_column(primary_key=True)


watch(VariantRelease.__table__, "state")
