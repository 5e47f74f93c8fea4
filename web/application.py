"""The application factory: contracts, raw routes and pages under one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import connexion
from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web import contracts, docs, validation
from web.body import LARGEST, Bounded
from web.contracts import Contract
from web.direct import Direct
from web.errors import FRAMEWORK_ERRORS, Errors, Shape, Table
from web.front import Front
from web.health import Check, Health, Metrics, Observe
from web.logging import request_line

Lifespan = Callable[[], AbstractAsyncContextManager[None]]
Middleware = Callable[[ASGIApp], ASGIApp]


@dataclass(frozen=True)
class Assembly:
    """What a process is made of.

    :param name: name of the process, for logs and pages.
    :param contracts: the standards it serves.
    :param shapes: (route prefix, error shape) pairs.
    :param failures: exceptions of deeper layers and the failures they become.
    :param routes: routes outside any contract (key sets).
    :param areas: applications that answer everything below a prefix (byte URLs).
    :param pages: a Flask application for everything else, or None.
    :param checks: readiness checks by name.
    :param lifespans: contexts held open while the process serves (sessions, loops).
    :param middlewares: wrapped around everything, the first innermost.
    :param body_bytes: largest request body that contracts and pages take.
    """

    name: str
    contracts: Sequence[Contract]
    shapes: Sequence[tuple[str, Shape]] = ()
    failures: Table = field(default_factory=dict)
    routes: Sequence[BaseRoute] = ()
    areas: Mapping[str, ASGIApp] = field(default_factory=dict)
    pages: Any | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    lifespans: Sequence[Lifespan] = ()
    middlewares: Sequence[Middleware] = ()
    body_bytes: int = LARGEST


def create_application(assembly: Assembly) -> ASGIApp:
    """Build the ASGI application of a process."""
    errors = Errors(assembly.shapes, assembly.failures)
    standards = _connexion(assembly, errors)
    prefixes = tuple(contract.base_path for contract in assembly.contracts)
    areas = (*prefixes, *assembly.areas, *_areas(assembly.routes))
    metrics = Metrics((*areas, "/healthz", "/readyz", "/metrics", "/docs"))
    pages: Any = WSGIMiddleware(assembly.pages, workers=8) if assembly.pages is not None else None

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        of_standard = any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
        await (standards if of_standard or pages is None else pages)(scope, receive, send)

    application = Starlette(
        routes=[
            *Health(assembly.checks).routes(),
            metrics.route(),
            *docs.routes(assembly.name, assembly.contracts),
            *assembly.routes,
        ],
        exception_handlers=dict.fromkeys((*FRAMEWORK_ERRORS, *assembly.failures), errors.starlette),
        lifespan=_lifespan(standards, assembly.lifespans),
    )
    application.router.redirect_slashes = False
    application.router.default = Bounded(elsewhere, assembly.body_bytes)
    wrapped: ASGIApp = Front(assembly.areas, Direct(list(assembly.contracts), assembly.body_bytes), application, errors)
    for middleware in assembly.middlewares:
        wrapped = middleware(wrapped)
    return Observe(wrapped, metrics, request_line(assembly.name))


def _areas(routes: Sequence[BaseRoute]) -> tuple[str, ...]:
    """The part of each route before its first parameter."""
    return tuple(str(getattr(route, "path", "")).split("/{", 1)[0] for route in routes)


def _connexion(assembly: Assembly, errors: Errors) -> connexion.AsyncApp:
    app = connexion.AsyncApp(__name__)
    for kind in FRAMEWORK_ERRORS:
        app.add_error_handler(kind, errors.connexion)
    for contract in assembly.contracts:
        app.add_api(
            contracts.document(contract.name),
            base_path=contract.base_path,
            name=contract.base_path,
            resolver=contracts.resolver(contract.handler),
            validator_map=validation.VALIDATORS,
            jsonifier=validation.JSONIFIER,
            validate_responses=True,
            swagger_ui_options=connexion.options.SwaggerUIOptions(swagger_ui=False),
        )
    return app


def _never_redirect(standards: connexion.AsyncApp) -> None:
    """A path that differs by a slash at its end is another path: 404 in shape, not a redirect to it."""
    for layer in standards.middleware.middleware_stack or ():
        router = getattr(layer, "router", None)
        if isinstance(router, Router):
            router.redirect_slashes = False
            for route in router.routes:
                if isinstance(route, Mount) and isinstance(route.app, Router):
                    route.app.redirect_slashes = False


def _lifespan(standards: connexion.AsyncApp, others: Sequence[Lifespan]) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for other in others:
                await stack.enter_async_context(other())
            await stack.enter_async_context(_started(standards))
            _never_redirect(standards)
            yield

    return lifespan


@asynccontextmanager
async def _started(app: ASGIApp) -> AsyncIterator[None]:
    """Run the ASGI lifespan of a mounted application: connexion builds its routes when it starts."""
    inward: asyncio.Queue[Message] = asyncio.Queue()
    outward: asyncio.Queue[Message] = asyncio.Queue()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def run() -> None:
        await app(scope, inward.get, outward.put)

    task = asyncio.create_task(run())
    await inward.put({"type": "lifespan.startup"})
    answer = await outward.get()
    if answer["type"] != "lifespan.startup.complete":
        raise RuntimeError(f"the contracts could not be loaded: {answer.get('message', '')}")
    try:
        yield
    finally:
        await inward.put({"type": "lifespan.shutdown"})
        await task
