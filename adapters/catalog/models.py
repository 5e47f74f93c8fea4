"""The family's objects as tables (SQLAlchemy 2).

One schema serves all four members: what a member calls its data set ("Study" in GSA, "Collection" in OBIA) is data in
``config/members``. Accessions are the primary keys, because they are public, stable and never reused. Coordinates and
positions live in ``adapters.variants``; here are only things and how they belong together.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Attributes = dict[str, Any]


class Base(DeclarativeBase):
    """Declarative base of every table of a member's catalog database that ``adapters`` owns."""

    type_annotation_map = {Attributes: JSON, str: String, dt.datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class BioProject(Base):
    """A project of the BioProject registry, shared by all members."""

    __tablename__ = "bioproject"
    accession: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")


class BioSample(Base):
    """A sample of the BioSample registry; for human samples only the non-sensitive part is here."""

    __tablename__ = "biosample"
    accession: Mapped[str] = mapped_column(primary_key=True)
    bioproject: Mapped[str | None] = mapped_column(ForeignKey("bioproject.accession"))
    organism: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class Dataset(Base):
    """The unit of access: a GSA or GSA-Human study, an OMIX study or an OBIA collection.

    ``release_date`` is the first day (UTC) on which the set exists for the world; ``withdrawn_at`` ends that.
    """

    __tablename__ = "dataset"
    accession: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    bioproject: Mapped[str | None] = mapped_column(ForeignKey("bioproject.accession"))
    tier: Mapped[str]  # open | registered | controlled
    records: Mapped[str] = mapped_column(default="public")  # public | protected: who may read DRS records
    dac: Mapped[str | None]
    data_type: Mapped[str] = mapped_column(default="")
    duo: Mapped[Attributes] = mapped_column(default=dict)  # {"duoDataUse": [ontology term, …]}
    attributes: Mapped[Attributes] = mapped_column(default=dict)
    release_date: Mapped[dt.date]
    withdrawn_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class Organism(Base):
    """An organism of an OMIX data set (level between study and file)."""

    __tablename__ = "organism"
    __table_args__ = (UniqueConstraint("dataset", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    name: Mapped[str]
    taxon: Mapped[int | None]


class Individual(Base):
    """A person. ``ordinal`` is the person's column in every bitmap of this member, never reused, dense.

    ``record`` is the Beacon individual without its id. ``link`` is the GSA-Human accession that the submitter of an
    OBIA individual gave; it is shown only to those who may see both.
    """

    __tablename__ = "individual"
    accession: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")  # the submitter's identifier; never shown below controlled access
    sex: Mapped[str] = mapped_column(default="NCIT:C17998")
    record: Mapped[Attributes] = mapped_column(default=dict)
    link: Mapped[str | None] = mapped_column(index=True)
    withdrawn_at: Mapped[dt.datetime | None] = mapped_column(index=True)


class Membership(Base):
    """An individual takes part in a data set."""

    __tablename__ = "membership"
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), primary_key=True)
    individual: Mapped[str] = mapped_column(ForeignKey("individual.accession"), primary_key=True, index=True)


class Sample(Base):
    """A sample of an individual (GSA-Human) or of a BioSample (GSA). ``name`` is its column name in VCF files."""

    __tablename__ = "sample"
    accession: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    individual: Mapped[str | None] = mapped_column(ForeignKey("individual.accession"), index=True)
    biosample: Mapped[str | None] = mapped_column(ForeignKey("biosample.accession"), index=True)
    name: Mapped[str] = mapped_column(default="", index=True)
    title: Mapped[str] = mapped_column(default="")
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class Experiment(Base):
    """A library and how it was sequenced."""

    __tablename__ = "experiment"
    accession: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    sample: Mapped[str | None] = mapped_column(ForeignKey("sample.accession"), index=True)
    biosample: Mapped[str | None] = mapped_column(ForeignKey("biosample.accession"), index=True)
    title: Mapped[str] = mapped_column(default="")
    platform: Mapped[str] = mapped_column(default="")
    strategy: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
    selection: Mapped[str] = mapped_column(default="")
    layout: Mapped[str] = mapped_column(default="")  # PAIRED | SINGLE
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class Run(Base):
    """One run of an experiment; its files are rows of ``file``."""

    __tablename__ = "run"
    accession: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiment.accession"), index=True)
    title: Mapped[str] = mapped_column(default="")
    run_date: Mapped[dt.date | None]
    file_type: Mapped[str] = mapped_column(default="")
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class Analysis(Base):
    """What was computed from a run: the pipeline, and the day on which it ran. ``title`` is the submitter's id."""

    __tablename__ = "analysis"
    accession: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    run: Mapped[str] = mapped_column(ForeignKey("run.accession"), index=True)
    title: Mapped[str] = mapped_column(default="")
    analysis_date: Mapped[dt.date | None]
    pipeline: Mapped[str] = mapped_column(default="")
    aligner: Mapped[str] = mapped_column(default="")
    caller: Mapped[str] = mapped_column(default="")
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class Cohort(Base):
    """People of a data set that were brought together for a purpose; ``record`` is the Beacon cohort without its id."""

    __tablename__ = "cohort"
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    name: Mapped[str]
    type: Mapped[str]  # study-defined | beacon-defined | user-defined
    record: Mapped[Attributes] = mapped_column(default=dict)


class CohortMember(Base):
    """An individual is of a cohort."""

    __tablename__ = "cohort_member"
    cohort: Mapped[str] = mapped_column(ForeignKey("cohort.id"), primary_key=True)
    individual: Mapped[str] = mapped_column(ForeignKey("individual.accession"), primary_key=True, index=True)


class ImagingStudy(Base):
    """A DICOM study of an OBIA individual."""

    __tablename__ = "imaging_study"
    uid: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    individual: Mapped[str] = mapped_column(ForeignKey("individual.accession"), index=True)
    study_date: Mapped[dt.date | None]
    description: Mapped[str] = mapped_column(default="")
    age: Mapped[str | None]  # ISO 8601 duration at the time of the study
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class ImagingSeries(Base):
    """A DICOM series: one modality, one body part, one device."""

    __tablename__ = "imaging_series"
    uid: Mapped[str] = mapped_column(primary_key=True)
    study: Mapped[str] = mapped_column(ForeignKey("imaging_study.uid"), index=True)
    modality: Mapped[str] = mapped_column(index=True)
    body_part: Mapped[str] = mapped_column(default="", index=True)
    manufacturer: Mapped[str] = mapped_column(default="")
    number: Mapped[int | None]
    description: Mapped[str] = mapped_column(default="")
    attributes: Mapped[Attributes] = mapped_column(default=dict)


class ImagingInstance(Base):
    """What a DICOM object says of itself, for searches; its bytes are the ``File`` of the same SOP Instance UID.

    ``sop_class`` and ``syntax`` (the transfer syntax) are UIDs.
    """

    __tablename__ = "imaging_instance"
    uid: Mapped[str] = mapped_column(primary_key=True)
    series: Mapped[str] = mapped_column(ForeignKey("imaging_series.uid"), index=True)
    sop_class: Mapped[str] = mapped_column(index=True)
    syntax: Mapped[str]
    number: Mapped[int | None]
    rows: Mapped[int | None]
    columns: Mapped[int | None]
    frames: Mapped[int | None]
    bits: Mapped[int | None]


class File(Base):
    """A file of the archive, registered in place. ``id`` is its DRS id: new bytes, new id.

    ``size`` is in bytes. ``format`` is what the bytes are (``BAM``, ``VCF``, ``DICOM`` …), ``index_of`` names the
    file this one indexes. ``state`` is ``archived``, or ``quarantined`` (never served). ``available`` is false for
    bytes that must first come from tape.
    """

    __tablename__ = "file"
    __table_args__ = (Index("file_of_series", "series", "state", "id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("dataset.accession"), index=True)
    run: Mapped[str | None] = mapped_column(ForeignKey("run.accession"), index=True)
    series: Mapped[str | None] = mapped_column(ForeignKey("imaging_series.uid"))
    organism: Mapped[int | None] = mapped_column(ForeignKey("organism.id"))
    instance: Mapped[str | None] = mapped_column(unique=True)  # SOP Instance UID
    name: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    format: Mapped[str] = mapped_column(default="")
    mime_type: Mapped[str] = mapped_column(default="application/octet-stream")
    size: Mapped[int] = mapped_column(BigInteger)
    assembly: Mapped[str | None]  # GRCh37 | GRCh38 | …
    index_of: Mapped[str | None] = mapped_column(ForeignKey("file.id"), index=True)
    state: Mapped[str] = mapped_column(default="archived")
    available: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime]


class Checksum(Base):
    """A checksum of a file; ``type`` is an IANA hash name (``sha-256``) or ``md5``, ``value`` lower-case hex."""

    __tablename__ = "checksum"
    file: Mapped[str] = mapped_column(ForeignKey("file.id"), primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Location(Base):
    """Where the bytes of a file are: a key in a configured store, or an outside URL (``ftp``)."""

    __tablename__ = "location"
    __table_args__ = (Index("location_key", "store", "key"),)
    file: Mapped[str] = mapped_column(ForeignKey("file.id"), primary_key=True)
    store: Mapped[str] = mapped_column(primary_key=True)  # name of a store in the configuration, or "ftp"
    key: Mapped[str]


class FilePerson(Base):
    """A file holds data of a person. If that person withdraws, the file is absent everywhere."""

    __tablename__ = "file_person"
    file: Mapped[str] = mapped_column(ForeignKey("file.id"), primary_key=True)
    individual: Mapped[str] = mapped_column(ForeignKey("individual.accession"), primary_key=True, index=True)
