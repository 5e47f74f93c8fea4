"""Databases for the tests: SQLite in a temporary folder, and a real PostgreSQL (a wheel, or ``TEST_DATABASE_URL``).

The running demo family of the interop and browser tests is made known here too.
"""

from __future__ import annotations

import logging
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from adapters.catalog.engine import connect
from tests.interop.family import family as family
from tests.scrub import Scrub


def pytest_configure(config: pytest.Config) -> None:
    """No test passes that tells a secret in its output."""
    scrub = Scrub()
    scrub.watch()
    config.pluginmanager.register(scrub, "scrub")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Ids of tests without the bytes they are given: some of these hold the time, and workers must agree on ids."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def logging_of_the_process() -> Iterator[None]:
    """A command that a test runs in this process sets up all its logging: to an output that ends with the test."""
    yield
    for handler in logging.root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)  # not what it was before: a fixture of a module may have set it up


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a running PostgreSQL server."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    import pgserver

    # Not below pytest's own folder: that is closed to others, and as root the server runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="gsanode-pg-") as folder:
        Path(folder).chmod(0o755)
        server = pgserver.get_server(Path(folder) / "data")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database, dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    admin = connect(postgres_server).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once SQLite and once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine on an empty database (no tables yet), over both kinds of server."""
    opened = connect(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """Engine on an empty SQLite database (no tables yet)."""
    opened = connect(f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    opened.dispose()
