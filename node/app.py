"""The only wiring place: every kind of process put together from its rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from starlette.types import ASGIApp

from auth.broker.settings import BrokerSettings
from auth.keys import clock
from federation.settings import GatewaySettings
from node.keys import key_ring, seal
from node.routes import AUTH_FAILURES, GROUP, checks, document
from node.settings import MemberSettings
from web.application import Assembly, create_application
from web.service_info import Organization, service_info

if TYPE_CHECKING:
    from auth.keys import KeyRing
    from federation.pages.visitor import Visitor

Settings = MemberSettings | BrokerSettings | GatewaySettings


def create(settings: Settings, engine: Engine) -> ASGIApp:
    """The application of a process.

    :param engine: its database, at the schema of this software.
    """
    if isinstance(settings, MemberSettings):
        from node.member import member

        return create_application(member(settings, engine))
    if isinstance(settings, BrokerSettings):
        return create_application(broker(settings, engine))
    return create_application(gateway(settings, engine))


def broker(settings: BrokerSettings, engine: Engine, now: Callable[[], int] = clock) -> Assembly:
    """The parts of a broker: all but its key set is in its Flask application.

    :param now: epoch seconds.
    """
    from auth.broker.app import create_broker
    from node.visas import jwks_route

    ring = key_ring(settings, engine, now)
    return Assembly(
        name="broker",
        contracts=(),
        failures=AUTH_FAILURES,
        # Its keys are served here, not by the Flask application: a member that verifies a token while the broker waits
        # for that member's visas must not need one of the threads that wait.
        routes=[
            document("/service-info", _info(settings, f"{GROUP}.broker", "broker", "1.2.1")),
            jwks_route(ring.public_jwks),
        ],
        pages=create_broker(settings, engine, ring, now, seal(settings)),
        checks=checks(engine),
        body_bytes=settings.body_bytes,
    )


def gateway(settings: GatewaySettings, engine: Engine) -> Assembly:
    """The parts of a gateway; it holds a key ring of its own and nothing of the members."""
    from auth.client_assertion import Assertions
    from auth.http import JsonGet
    from auth.jwks import Jwks
    from auth.sessions import Sessions
    from auth.trust import jku
    from federation.assertions import TrustedGateways, signer
    from federation.failures import FAILURES
    from federation.gateway import Gateway
    from federation.joined import JoinedNodes
    from web.pages import create_pages

    ring = key_ring(settings, engine)
    client = settings.broker.client_id if settings.broker else settings.public_url
    http, own = JsonGet(), jku(settings.public_url)
    operators = {one.issuer: one.jwks_uri for one in settings.joining.operators}
    assertions = Assertions(
        engine, settings.public_url, {**operators, settings.public_url: own}, Jwks(http, {own: ring.key_set})
    )
    parts = Gateway(
        settings,
        signer(settings.public_url, ring),
        signer(client, ring),
        ring.public_jwks,
        JoinedNodes(engine, settings.joining.most),
        TrustedGateways(assertions.verify),
    )

    @asynccontextmanager
    async def fetching() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await http.close()

    pages = create_pages(
        "gsanode",
        public_url=settings.public_url,
        title=settings.name,
        words={settings.name: settings.name_zh},
        sessions=Sessions(engine) if settings.broker else None,
    )
    parts.pages(pages, _visitor(settings, ring))
    return Assembly(
        name="gateway",
        contracts=parts.contracts(),
        shapes=parts.shapes(),
        failures={**AUTH_FAILURES, **FAILURES},
        # The process is no registry: that is one of its services, at a base of its own (SVI-05).
        routes=[*parts.routes(), document("/service-info", _info(settings, f"{settings.id}.gateway", "gateway", "1"))],
        pages=pages,
        checks=checks(engine),
        lifespans=[parts.lifespan, fetching],
        body_bytes=settings.body_bytes,
    )


def _visitor(settings: GatewaySettings, ring: KeyRing) -> Visitor | None:
    """Who signs in at the gateway's pages; nobody does without a broker."""
    from auth.sign_in import ClientSettings, SignIn
    from federation.pages.visitor import SCOPE, KeptToken, Visitor
    from web.sign_in import CALLBACK

    broker = settings.broker
    if broker is None:
        return None
    kept = KeptToken(seal(settings))
    client = ClientSettings(broker.issuer, broker.client_id, settings.public_url + CALLBACK, scope=SCOPE)
    return Visitor(SignIn(client, ring, keep=kept.keep), kept)


def _info(settings: BrokerSettings | GatewaySettings, id: str, artifact: str, version: str) -> dict[str, Any]:
    """Service-info of a process that no standard of GA4GH names."""
    return service_info(
        id=id,
        name=settings.name,
        artifact=artifact,
        standard_version=version,
        organization=Organization(**settings.organization.model_dump()),
        group=GROUP,
        environment=settings.environment,
    )
