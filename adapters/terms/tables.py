"""Tables of filtering terms in the catalog database. People are ordinals (``individual.ordinal``)."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from adapters.catalog.kept import watch


class Base(DeclarativeBase):
    """Declarative base of the tables of terms."""

    type_annotation_map = {str: String, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class OntologySource(Base):
    """A loaded ontology file. ``id`` is what the file calls itself; loading it again replaces its terms."""

    __tablename__ = "ontology_source"
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    terms: Mapped[int]


class OntologyTerm(Base):
    """A term as a loaded ontology has it; alternative ids are terms of their own with the same label."""

    __tablename__ = "ontology_term"
    __table_args__ = (Index("ontology_term_id", "id"),)
    source: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]


class OntologyClosure(Base):
    """All proper descendants of a term (is_a, transitive), and the same term by other ids, joined by line ends.

    One row per ancestor: pairs as rows would take twenty times the space and the time to load.
    """

    __tablename__ = "ontology_closure"
    __table_args__ = (Index("ontology_closure_ancestor", "ancestor"),)
    source: Mapped[str] = mapped_column(primary_key=True)
    ancestor: Mapped[str] = mapped_column(primary_key=True)
    descendants: Mapped[str]


class IndividualTerm(Base):
    """A person has a term at a path of the Beacon individual (``diseases.diseaseCode``)."""

    __tablename__ = "individual_term"
    __table_args__ = (Index("individual_term_path", "path", "term"),)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)


class TermPeople(Base):
    """The people who have exactly this term at any path, as a bitmap; ``label`` as the records give it."""

    __tablename__ = "term_people"
    term: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    people: Mapped[bytes]


class IndividualValue(Base):
    """A person has a value in a field: a number (``low`` = ``high``), or an age or age range in days."""

    __tablename__ = "individual_value"
    __table_args__ = (Index("individual_value_field", "field", "low", "high"),)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    field: Mapped[str] = mapped_column(primary_key=True)
    low: Mapped[float] = mapped_column(primary_key=True, autoincrement=False)
    high: Mapped[float] = mapped_column(primary_key=True, autoincrement=False)


for _model in (OntologySource, OntologyTerm, OntologyClosure, IndividualTerm, TermPeople, IndividualValue):
    watch(_model.__table__)
