"""The only wiring place: every kind of process put together from its rooms."""

from __future__ import annotations

from sqlalchemy import Engine, text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from auth import errors as refused
from auth.broker.settings import BrokerSettings
from auth.keys import KeyRing
from federation.settings import GatewaySettings
from node.settings import MemberSettings
from web.application import Assembly, create_application
from web.errors import Failure, Table
from web.health import Check
from web.service_info import Organization, service_info
from web.settings import ProcessSettings

Settings = MemberSettings | BrokerSettings | GatewaySettings

AUTH_FAILURES: Table = {
    refused.TokenTooLarge: lambda error: Failure(413, str(error), kind="PayloadTooLarge"),
    refused.InvalidToken: lambda error: Failure(
        401, str(error), kind="InvalidAuthentication", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    ),
    refused.Unauthenticated: lambda error: Failure(
        401, str(error), kind="InvalidAuthentication", headers={"WWW-Authenticate": "Bearer"}
    ),
    refused.IssuerUnavailable: lambda error: Failure(503, str(error), headers={"Retry-After": "5"}),
    refused.InvalidCapability: lambda error: Failure(403, str(error), kind="PermissionDenied"),
    refused.Forbidden: lambda error: Failure(403, str(error), kind="PermissionDenied"),
    refused.NotFound: lambda error: Failure(404, str(error), kind="NotFound"),
    refused.Conflict: lambda error: Failure(409, str(error)),
    refused.InvalidRequest: lambda error: Failure(400, str(error), kind="InvalidInput"),
}


def create(settings: Settings, engine: Engine) -> ASGIApp:
    """The application of a process.

    :param engine: its database, at the schema of this software.
    """
    if isinstance(settings, MemberSettings):
        return create_application(member(settings, engine))
    if isinstance(settings, BrokerSettings):
        return create_application(broker(settings, engine))
    return create_application(gateway(settings, engine))


def broker(settings: BrokerSettings, engine: Engine) -> Assembly:
    """The parts of a broker: everything it serves is in its Flask application."""
    from auth.broker.app import create_broker

    info = service_info(
        id=reversed_host(settings.public_url, "broker"),
        name=settings.name,
        artifact="broker",
        standard_version="1.2.1",
        organization=Organization(**settings.organization.model_dump()),
        group="cn.ac.cncb",
        environment=settings.environment,
    )
    return Assembly(
        name="broker",
        contracts=(),
        failures=AUTH_FAILURES,
        routes=[_document("/service-info", info)],
        pages=create_broker(settings, engine, KeyRing(engine)),
        checks=_checks(engine),
    )


def gateway(settings: GatewaySettings, engine: Engine) -> Assembly:
    """The parts of a gateway; it holds a key ring of its own and nothing of the members."""
    from federation.assertions import signer
    from federation.gateway import Gateway

    ring = KeyRing(engine)
    client = settings.broker.client_id if settings.broker else settings.public_url
    parts = Gateway(settings, signer(settings.public_url, ring), signer(client, ring), ring.public_jwks)
    return Assembly(
        name="gateway",
        contracts=parts.contracts(),
        shapes=[],
        failures=AUTH_FAILURES,
        routes=parts.routes(),
        checks=_checks(engine),
        lifespans=[parts.lifespan],
    )


def reversed_host(public_url: str, *parts: str) -> str:
    """A reverse-domain id for a service (SVI-05): ``http://127.0.0.1:8081`` → ``8081.127.0.0.1.broker``."""
    host = public_url.split("://", 1)[1].split("/", 1)[0]
    name, _, port = host.partition(":")
    return ".".join([*reversed(name.split(".")), *([port] if port else []), *parts])


def _checks(engine: Engine) -> dict[str, Check]:
    def database() -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    return {"database": database}


def _document(path: str, content: dict[str, object]) -> BaseRoute:
    """A route that answers the same document to everyone."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(content)

    return Route(path, answer)
