"""Keeping the index of terms in step with the individuals: in the transaction that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.orm import Session

from adapters.catalog.models import Individual
from adapters.terms.extraction import Facts, facts
from adapters.terms.tables import IndividualTerm, IndividualValue, TermPeople
from adapters.terms.vocabulary import vocabulary
from adapters.variants.carriers import decode, encode

BLOCK = 5000


def index_individuals(session: Session | Connection, accessions: Sequence[str]) -> None:
    """Index the people of ``accessions`` as their records now are, in the caller's transaction.

    Idempotent; what a person had before and has no more is forgotten. Nobody else's facts are touched.
    """
    if isinstance(session, Session):
        session.flush()
        session = session.connection()
    if session.dialect.name == "postgresql":
        # Two registrations must not each write half of a bitmap; readers are not held up.
        session.execute(text("LOCK TABLE term_people IN SHARE ROW EXCLUSIVE MODE"))
    for start in range(0, len(accessions), BLOCK):
        _index(session, accessions[start : start + BLOCK])


def _index(connection: Connection, accessions: Sequence[str]) -> None:
    question = select(Individual.ordinal, Individual.sex, Individual.record).where(Individual.accession.in_(accessions))
    people: dict[int, Facts] = {}
    for row in connection.execute(question):
        record = {"sex": {"id": row.sex}, **(row.record or {})}
        people[row.ordinal] = facts(record, vocabulary())
    if not people:
        return
    before = set(connection.scalars(select(IndividualTerm.term).where(IndividualTerm.ordinal.in_(people)).distinct()))
    for table in (IndividualTerm, IndividualValue):
        connection.execute(delete(table).where(table.ordinal.in_(people)))
    _insert(connection, IndividualTerm, [
        {"ordinal": o, "path": path, "term": term} for o, f in people.items() for path, term in f.terms
    ])  # fmt: skip
    _insert(connection, IndividualValue, [
        {"ordinal": o, "field": n, "low": low, "high": high} for o, f in people.items() for n, low, high in f.values
    ])  # fmt: skip
    _bitmaps(connection, people, before)


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BLOCK):
        connection.execute(insert(table), rows[start : start + BLOCK])


def _bitmaps(connection: Connection, people: dict[int, Facts], before: set[str]) -> None:
    """Rewrite the bitmaps of the terms that any of ``people`` had or has."""
    having: dict[str, BitMap] = {term: BitMap() for term in before}
    labels: dict[str, str] = {}
    for ordinal, found in people.items():
        for _path, term in found.terms:
            having.setdefault(term, BitMap()).add(ordinal)
        labels |= found.labels
    old: dict[str, tuple[str, BitMap]] = {}
    terms = list(having)
    for start in range(0, len(terms), BLOCK):
        stored = select(TermPeople.term, TermPeople.label, TermPeople.people)
        for row in connection.execute(stored.where(TermPeople.term.in_(terms[start : start + BLOCK]))):
            old[row.term] = (row.label, decode(row.people))
    everyone = BitMap(people)
    for term, carriers in having.items():
        label, earlier = old.get(term, ("", BitMap()))
        now = (earlier - everyone) | carriers
        values = {"label": labels.get(term) or label, "people": encode(now)}
        if not now:
            connection.execute(delete(TermPeople).where(TermPeople.term == term))
        elif term in old:
            connection.execute(update(TermPeople).where(TermPeople.term == term).values(values))
        else:
            connection.execute(insert(TermPeople).values(term=term, **values))
