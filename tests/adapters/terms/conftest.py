"""A member's database with tables of people and terms, on both kinds of server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, update

from adapters.catalog import models
from adapters.catalog.engine import writing
from adapters.terms import tables
from adapters.terms.indexing import index_individuals

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Put = Callable[[int, Mapping[str, Any]], None]


@pytest.fixture
def terms_engine(engine: Engine) -> Engine:
    """Empty tables and one open data set, on both kinds of server."""
    return prepared(engine)


def prepared(engine: Engine) -> Engine:
    """Empty tables and one open data set."""
    models.Base.metadata.create_all(engine)
    tables.Base.metadata.create_all(engine)
    row = {"accession": "HRA000001", "title": "t", "tier": "open", "release_date": dt.date(2020, 1, 1)}
    with writing(engine).begin() as connection:
        connection.execute(insert(models.Dataset).values(**row, created_at=NOW, updated_at=NOW))
    return engine


@pytest.fixture
def put(terms_engine: Engine) -> Put:
    """Registers or changes a person and indexes them in the same transaction."""

    def put(ordinal: int, record: Mapping[str, Any]) -> None:
        accession = f"HRI{ordinal:06}"
        with writing(terms_engine).begin() as connection:
            changed = update(models.Individual).where(models.Individual.accession == accession)
            if connection.execute(changed.values(record=record)).rowcount == 0:
                connection.execute(
                    insert(models.Individual).values(accession=accession, ordinal=ordinal, record=record)
                )
            index_individuals(connection, [accession])

    return put


def clear(engine: Engine) -> None:
    """Forget everybody's facts."""
    with writing(engine).begin() as connection:
        for table in (tables.IndividualTerm, tables.IndividualValue, tables.TermPeople):
            connection.execute(delete(table))
