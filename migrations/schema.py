"""The schema of each kind of database: bring it up to date, or say how it differs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine, inspect, text

Kind = Literal["member", "broker", "gateway"]


class SchemaError(Exception):
    """The database cannot be used by this version of the software; the message says what to do."""


def versions(kind: Kind) -> Path:
    """Folder of the migrations of ``kind``; file names begin with the four-digit revision."""
    return Path(str(files("migrations").joinpath("versions", kind)))


def head(kind: Kind) -> str:
    """The newest revision of ``kind``, from the file names: a serving process need not load alembic for it."""
    return max(path.name[:4] for path in versions(kind).glob("[0-9]*.py"))


def revision(engine: Engine) -> str | None:
    """The revision that the database is at, None for an empty database.

    :raises SchemaError: if there are tables but no revision.
    """
    tables = inspect(engine).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise SchemaError(f"{shown(engine)} holds tables that are not ours; give the node a database of its own")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def check(engine: Engine, kind: Kind) -> None:
    """Make sure that the database is exactly at the revision of this software.

    :raises SchemaError: if it is empty, older or newer.
    """
    found, wanted = revision(engine), head(kind)
    if found == wanted:
        return
    if found is None or found < wanted:
        state = "is empty" if found is None else f"is at schema {found}, this software needs {wanted}"
        raise SchemaError(f"{shown(engine)} {state}; run: gsanode database upgrade --config FILE")
    raise SchemaError(
        f"{shown(engine)} is at schema {found}, newer than {wanted}, the newest this software knows; "
        "upgrade the software, or restore the backup made before the upgrade"
    )


def upgrade(engine: Engine, kind: Kind) -> tuple[str | None, str]:
    """Bring the database to :func:`head` in one transaction; returns the revision before and after.

    :raises SchemaError: if the database is newer than this software, or is not ours.
    """
    from alembic import command
    from alembic.config import Config

    before = revision(engine)
    if before is not None and before > head(kind):
        check(engine, kind)
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("version_locations", str(versions(kind)))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(write=True).begin() as connection:
        config.attributes["connection"] = connection
        config.attributes["kind"] = kind
        command.upgrade(config, "head")
    return before, head(kind)


def shown(engine: Engine) -> str:
    """The database's URL without its password."""
    return f"database {engine.url.render_as_string(hide_password=True)}"
