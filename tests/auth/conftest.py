"""Fixtures for the tests of tokens and committees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, event

from adapters.catalog.engine import connect
from auth.keys import Base as KeyBase
from auth.keyset import SigningKey
from auth.tables import Base
from auth.trust import Broker, Trust, TrustEntry, jku, own
from tests.auth.world import BROKER, FOREIGN, LINKER, MEMBER, STRANGER, Clock, World


@pytest.fixture(scope="session")
def keys() -> dict[str, SigningKey]:
    return {name: SigningKey.generate() for name in (MEMBER, BROKER, FOREIGN, LINKER, STRANGER)}


@pytest.fixture
def world(keys: dict[str, SigningKey]) -> World:
    entries = (
        own(MEMBER, BROKER),
        TrustEntry(
            issuer=FOREIGN,
            jwks_uri=jku(FOREIGN),
            sources=(f"{FOREIGN}/dac/DAC1", "https://no.organization"),
            datasets=(f"{MEMBER}/datasets/HRA000009", f"{FOREIGN}/datasets/"),
            types=("ControlledAccessGrants", "AffiliationAndRole", "ResearcherStatus", "AcceptedTermsAndPolicies"),
        ),
        TrustEntry(LINKER, jku(LINKER), (LINKER,), (), ("LinkedIdentities",), None),
    )
    return World(dict(keys), Trust.of((Broker(BROKER),), entries))


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tables(engine: Engine) -> None:
    """Make the tables of ``auth`` that a member has."""
    for base in (KeyBase, Base):
        base.metadata.create_all(engine)


@pytest.fixture
def auth_engine(engine: Engine) -> Engine:
    """Both kinds of database with the tables of ``auth``."""
    tables(engine)
    return engine


def quick(path: Path) -> Engine:
    """A SQLite database that does not wait for the disk."""
    opened = connect(f"sqlite:///{path}")
    event.listen(opened, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return opened


@pytest.fixture
def small_engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite with the tables of ``auth``, for what does not depend on the database."""
    opened = quick(tmp_path / "auth.db")
    tables(opened)
    yield opened
    opened.dispose()
