"""Putting the broker together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from flask import Flask
from sqlalchemy import Engine

from auth.broker import protocol
from auth.broker.authorize import Authorize
from auth.broker.collector import Collector
from auth.broker.device import DeviceAuthorization, DeviceGrant
from auth.broker.endpoints import Introspection, Revocation
from auth.broker.exchange import ExchangeGrant
from auth.broker.factor_pages import FactorPages
from auth.broker.grants import CodeGrant, RefreshGrant, S256Challenge
from auth.broker.identity import IdToken
from auth.broker.pages import Pages
from auth.broker.server import BrokerServer
from auth.broker.settings import BrokerSettings
from auth.broker.upstream_pages import UpstreamPages
from auth.keys import KeyRing
from auth.sealing import Seal
from auth.sessions import Sessions
from web.pages import create_pages

HERE = Path(__file__).parent


def create_broker(
    settings: BrokerSettings,
    engine: Engine,
    keys: KeyRing,
    clock: Callable[[], int] = lambda: int(time.time()),
    seal: Seal | None = None,
) -> Flask:
    """The broker as a WSGI application for the root of ``settings.public_url``, all but its key set.

    :param engine: database with the tables of ``auth.tables``, ``auth.sessions`` and ``auth.broker.tables``.
    :param clock: epoch seconds.
    :param seal: keeps the secrets of second factors.
    """
    # The framework logs whole tokens at its lowest level.
    logging.getLogger("authlib").setLevel(logging.WARNING)
    app = create_pages(
        __name__,
        public_url=settings.public_url,
        title=settings.name,
        words=yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")),
        sessions=Sessions(engine, settings.lifetimes.session, clock),
        templates=HERE / "templates",
    )
    server = _server(settings, engine, keys, clock, seal or Seal())
    protocol.register(app, server)
    pages = Pages(server)
    pages.register(app)
    FactorPages(server, pages).register(app)
    UpstreamPages(server, pages).register(app)
    Authorize(server, pages).register(app)
    return app


def _server(
    settings: BrokerSettings, engine: Engine, keys: KeyRing, clock: Callable[[], int], seal: Seal
) -> BrokerServer:
    server = BrokerServer(settings, engine, keys, Collector(settings, keys, clock), clock, seal)
    identity = IdToken(server)
    server.register_grant(CodeGrant, [S256Challenge(required=True), identity])
    server.register_grant(RefreshGrant, [identity])
    server.register_grant(DeviceGrant, [identity])
    server.register_grant(ExchangeGrant)
    server.register_endpoint(DeviceAuthorization)
    server.register_endpoint(Introspection)
    server.register_endpoint(Revocation)
    server.load_config({})
    return server
