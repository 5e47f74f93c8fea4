"""Migrations make exactly the tables that the code declares, over both kinds of database."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

import auth.tables
from adapters.catalog.engine import writing
from migrations.metadata import metadata
from migrations.schema import Kind, SchemaError, check, head, revision, upgrade, versions

KINDS: list[Kind] = ["member", "broker", "gateway"]


@pytest.mark.parametrize("kind", KINDS)
def test_migrations_make_what_the_models_declare(engine: Engine, kind: Kind) -> None:
    assert upgrade(engine, kind) == (None, head(kind))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata(kind)) == []
    check(engine, kind)


@pytest.mark.parametrize("kind", ["broker", "gateway"])
def test_no_table_of_a_committee_stands_elsewhere(kind: Kind) -> None:
    declared = {name for owner in metadata(kind) for name in owner.tables}
    # A gateway verifies its operators' assertions and records what they did.
    operators = {"auth_used_token", "auth_audit_head", "auth_audit_event"} if kind == "gateway" else set()
    assert declared & set(auth.tables.Base.metadata.tables) == operators


@pytest.mark.parametrize("kind", KINDS)
def test_head_is_alembics_head(kind: Kind) -> None:
    script = ScriptDirectory("migrations", version_locations=[str(versions(kind))])
    assert script.get_current_head() == head(kind)


def test_upgrade_is_idempotent(sqlite_engine: Engine) -> None:
    upgrade(sqlite_engine, "broker")
    assert upgrade(sqlite_engine, "broker") == (head("broker"), head("broker"))


def test_an_empty_database_is_told_how_to_be_made(sqlite_engine: Engine) -> None:
    with pytest.raises(SchemaError, match="is empty; run: gsanode database upgrade"):
        check(sqlite_engine, "broker")


def test_a_newer_schema_is_refused_and_left_alone(sqlite_engine: Engine) -> None:
    upgrade(sqlite_engine, "broker")
    with writing(sqlite_engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for action in (check, upgrade):
        with pytest.raises(SchemaError, match="newer than"):
            action(sqlite_engine, "broker")
    assert revision(sqlite_engine) == "9999"


def test_a_database_of_somebody_else_is_left_alone(sqlite_engine: Engine) -> None:
    with writing(sqlite_engine).begin() as connection:
        connection.execute(text("CREATE TABLE theirs (x INTEGER)"))
    with pytest.raises(SchemaError, match="not ours"):
        upgrade(sqlite_engine, "broker")
