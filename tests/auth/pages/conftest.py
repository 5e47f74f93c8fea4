"""A member with its pages, and the broker at which people sign in, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from adapters.catalog.engine import connect
from auth.accepted_terms import Acceptances, Terms
from auth.broker import accounts
from auth.broker.settings import BrokerSettings
from auth.dac import Dac, register_committee
from auth.keys import KeyRing
from auth.pages.datasets import DatasetCard
from auth.pages.views import AccessPages
from auth.policy import REGISTERED_ACCESS, DatasetRule
from auth.sessions import Sessions
from auth.sign_in import ClientSettings, SignIn
from tests.auth.broker.running import CHEAP, PASSWORD, Clock, broker_serving, serving, tables
from tests.support import free_port
from web.pages import create_pages
from web.sign_in import CALLBACK

CARDS = {
    card.accession: card
    for card in (
        DatasetCard("HRA000128", "Whole genomes of 100 volunteers from three provinces", "controlled"),
        DatasetCard("HRA000777", "Exomes of a <script>alert(1)</script> cohort", "controlled"),
        DatasetCard("HRA000001", "Reference panel", "open"),
    )
}


TERMS = {"HRA000128": [{"id": "DUO:0000006"}, {"id": "DUO:0000021"}]}

ACCEPTABLE = Terms(
    REGISTERED_ACCESS, "Registered access", "注册访问", ("Research <b>only</b>.", "No names."), ("仅用于研究。",)
)


class Shelf:
    """The member's published data sets."""

    def get(self, accession: str) -> DatasetCard | None:
        """One of them."""
        return CARDS.get(accession)

    def search(self, text: str, limit: int) -> Sequence[DatasetCard]:
        """Controlled ones."""
        found = [card for card in CARDS.values() if text.lower() in f"{card.accession} {card.title}".lower()]
        return [card for card in found if card.tier == "controlled"][:limit]


class Site:
    """What a test needs to know of the two processes."""

    def __init__(
        self, url: str, broker: str, subjects: dict[str, str], dac: Dac, clock: Clock, engine: Engine, app: Flask
    ) -> None:
        self.engine = engine
        self.app = app
        self.url = url
        self.broker = broker
        self.subjects = subjects
        self.dac = dac
        self.clock = clock


def _rule(accession: str) -> DatasetRule | None:
    card = CARDS.get(accession)
    return DatasetRule(accession, card.tier, "public", "DAC1" if card.tier == "controlled" else None) if card else None


def member_app(engine: Engine, url: str, broker: str, clock: Clock) -> tuple[Flask, Dac]:
    """A member's pages alone, as its process makes them."""
    app = create_pages("member", public_url=url, title="GSA-Human", words={}, sessions=Sessions(engine, clock=clock))
    dac = Dac(engine, broker, _rule, url, clock, terms=lambda accession: TERMS.get(accession, []), one_click=True)
    sign_in = SignIn(ClientSettings(broker, "gsa-human", f"{url}{CALLBACK}"), KeyRing(engine), clock)
    AccessPages(sign_in, dac, Shelf(), Acceptances(engine, broker, [ACCEPTABLE], clock)).register(app)
    return app, dac


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker and a member; ming asks, wang and zhao decide."""
    folder: Path = tmp_path_factory.mktemp("pages")
    engine, member_engine = (connect(f"sqlite:///{folder}/{name}.db") for name in ("broker", "member"))
    tables(engine)
    tables(member_engine)
    ports = free_port(), free_port()
    broker, url = (f"http://127.0.0.1:{port}" for port in ports)
    people = {"ming": "Ming Li", "wang": "Wang Fang", "zhao": "Zhao Lei", "mallory": "Mallory"}
    subjects = {name: accounts.create(engine, name, PASSWORD, shown, settings=CHEAP) for name, shown in people.items()}
    keys = KeyRing(member_engine).public_jwks()
    client = {"client_id": "gsa-human", "name": "GSA-Human", "redirect_uris": [f"{url}{CALLBACK}"], "jwks": keys}
    settings = BrokerSettings.model_validate(
        {"public_url": broker, "database": "x", "clients": [client], "passwords": CHEAP.model_dump()}
    )
    clock = Clock()
    app, dac = member_app(member_engine, url, broker, clock)
    seats = {subjects[name]: f"{name}@dac.example" for name in ("wang", "zhao")}
    register_committee(member_engine, "DAC1", "Committee", seats, clock())
    with broker_serving(settings, engine), serving(app, ports[1]):
        yield Site(url, broker, subjects, dac, clock, member_engine, app)
    engine.dispose()
    member_engine.dispose()
