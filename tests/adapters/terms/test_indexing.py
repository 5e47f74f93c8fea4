"""The index follows the records, whatever the order of changes (both database servers)."""

from __future__ import annotations

import random
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Engine, func, select, update

from adapters.catalog.engine import writing
from adapters.catalog.models import Individual
from adapters.terms import tables
from adapters.terms.filters import Filter, Filters
from adapters.terms.indexing import index_individuals
from tests.adapters.terms.conftest import Put, clear

CODES = [f"ICD10:A{i:02}" for i in range(8)]
EVERYONE = BitMap(range(100))


def random_record(dice: random.Random) -> dict[str, Any]:
    return {
        "sex": {"id": dice.choice(["NCIT:C16576", "NCIT:C20197"])},
        "diseases": [
            {"diseaseCode": {"id": code}, "ageOfOnset": {"iso8601duration": f"P{dice.randrange(90)}Y"}}
            for code in dice.sample(CODES, dice.randrange(4))
        ],
    }


def dump(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        return {
            table.__tablename__: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in (tables.IndividualTerm, tables.IndividualValue)
        } | {"people": {row.term: row.people for row in connection.execute(select(tables.TermPeople))}}


def test_any_sequence_of_changes_equals_indexing_once(terms_engine: Engine, put: Put) -> None:
    dice = random.Random(4)
    latest: dict[int, dict[str, Any]] = {}
    for _ in range(60):
        ordinal, record = dice.randrange(25), random_record(dice)
        put(ordinal, record)
        latest[ordinal] = record
    stepwise = dump(terms_engine)
    clear(terms_engine)
    with writing(terms_engine).begin() as connection:
        index_individuals(connection, list(connection.scalars(select(Individual.accession))))
    assert dump(terms_engine) == stepwise
    filters = Filters(terms_engine, ["individual"])
    for code in CODES:
        having = {o for o, r in latest.items() if code in {d["diseaseCode"]["id"] for d in r["diseases"]}}
        assert set(filters.individuals([Filter(code)], EVERYONE, lambda _: True)) == having


def test_indexing_again_changes_nothing(terms_engine: Engine, put: Put) -> None:
    record = random_record(random.Random(1))
    put(3, record)
    before = dump(terms_engine)
    put(3, record)
    assert dump(terms_engine) == before


def test_a_rolled_back_registration_leaves_no_facts(terms_engine: Engine, put: Put) -> None:
    put(1, {"sex": {"id": "NCIT:C16576"}})
    before = dump(terms_engine)
    with terms_engine.connect() as connection:
        connection.execute(update(Individual).values(record={"sex": {"id": "NCIT:C20197"}}))
        index_individuals(connection, ["HRI000001"])
        connection.rollback()
    assert dump(terms_engine) == before


def test_a_person_without_record_is_found_by_sex(terms_engine: Engine, put: Put) -> None:
    put(5, {})
    found = Filters(terms_engine, ["individual"]).individuals([Filter("NCIT:C17998")], EVERYONE)
    assert list(found) == [5]
    with terms_engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.IndividualTerm)) == 1
