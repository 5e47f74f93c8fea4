"""A running broker with two members."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from adapters.catalog.engine import connect
from auth.broker.settings import BrokerSettings
from tests.auth.broker.running import (
    CHEAP,
    CLI,
    DEVICE,
    EXCHANGE,
    WEB,
    Browser,
    Clock,
    Member,
    Running,
    broker_serving,
    serving,
    tables,
)
from tests.support import free_port

PUBLIC = ["authorization_code", "refresh_token", DEVICE, EXCHANGE]


@pytest.fixture(scope="module")
def members() -> Iterator[tuple[Member, Member]]:
    """Two members that serve their keys and visas."""
    pair = Member("human"), Member("omix")
    with ExitStack() as stack:
        for member in pair:
            stack.enter_context(serving(member, member.port))
        yield pair


@pytest.fixture(scope="module")
def running(members: tuple[Member, Member], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A broker that knows the two members and six clients; the first member trusts only itself."""
    human, omix = members
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('broker')}/broker.db")
    tables(engine)
    port, clock = free_port(), Clock()
    clients = [
        {"client_id": "cli", "name": "Command line", "kind": "public", "redirect_uris": [CLI], "grant_types": PUBLIC},
        {"client_id": "spa", "name": "Other app", "kind": "public", "redirect_uris": [WEB], "grant_types": PUBLIC},
        {
            "client_id": "web",
            "name": "<b>Web</b> & co",
            "redirect_uris": [WEB],
            "client_secret": "s3cret",
            "grant_types": ["authorization_code", "refresh_token", EXCHANGE],
        },
        {
            "client_id": human.url,
            "name": "GSA-Human",
            "redirect_uris": [f"{human.url}/callback"],
            "jwks_uri": f"{human.url}/.well-known/jwks.json",
            "resource": human.url,
        },
        {
            "client_id": omix.url,
            "name": "OMIX",
            "redirect_uris": [f"{omix.url}/callback"],
            "jwks_uri": f"{omix.url}/.well-known/jwks.json",
            "resource": omix.url,
        },
        {
            "client_id": "gateway",
            "name": "Gateway",
            "jwks": {"keys": [human.key.public_jwk()]},
            "grant_types": [EXCHANGE],
            "audiences": [human.url],
        },
    ]
    settings = BrokerSettings.model_validate(
        {
            "public_url": f"http://127.0.0.1:{port}",
            "database": str(engine.url),
            "clients": clients,
            "issuers": [{"issuer": member.url} for member in members],
            "audiences": {human.url: [human.url], omix.url: [human.url, omix.url]},
            "passwords": CHEAP.model_dump(),
            "lifetimes": {"visas": 1.5},
        }
    )
    with broker_serving(settings, engine, clock):
        yield Running(settings, engine, clock)
    engine.dispose()


@pytest.fixture
def broker(running: Running, members: tuple[Member, Member]) -> Iterator[Running]:
    """The broker, its clock and the members as they were at first."""
    running.clock.ahead = 0
    for member in members:
        member.visas, member.asked, member.slow = [], [], False
    yield running
    running.clock.ahead = 0
    for member in members:
        member.slow = False


_names = iter(range(10**6))


@pytest.fixture
def ming(broker: Running) -> str:
    """Subject of the account ``ming`` (made anew for each test)."""
    from sqlalchemy import update
    from sqlalchemy.orm import Session

    from auth.broker.tables import Account

    with Session(broker.engine) as db, db.begin():
        db.execute(update(Account).where(Account.name == "ming").values(name=f"old{next(_names)}"))
    return broker.account()


@pytest.fixture
def browser(broker: Running, ming: str) -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(broker)
