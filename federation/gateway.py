"""The parts of a gateway put together; what a process mounts (``node/app.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio.to_thread
from flask import Flask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from federation.addresses import Addresses, Guarded
from federation.beacon import NetworkBeacon
from federation.capabilities import Capabilities
from federation.directory import Directory
from federation.fanout import Fanout
from federation.files import Files
from federation.handler import Federation
from federation.joined import JoinedNodes
from federation.joining import Joining
from federation.manifest import Manifests
from federation.membership import Membership
from federation.nodes import Nodes
from federation.registry import Registry
from federation.search import Search
from federation.settings import GatewaySettings
from federation.side import Gateways
from federation.tokens import Assert, BrokerExchange, Tokens
from web.contracts import Contract
from web.errors import Shape

if TYPE_CHECKING:
    from federation.pages.visitor import Visitor

Jwks = Callable[[], dict[str, Any]]


class Gateway:
    """Registry, network Beacon and federated search over one pool of connections.

    :param as_gateway: signs client assertions as this gateway (``iss`` = public URL) towards members.
    :param as_client: signs them as the gateway's OAuth client towards the broker.
    :param jwks: the gateway's published keys.
    :param joined: nodes that joined by a call.
    :param operators: verifies the assertions of who may have them join and leave.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        as_gateway: Assert,
        as_client: Assert,
        jwks: Jwks,
        joined: JoinedNodes,
        operators: Gateways,
    ) -> None:
        self.settings = settings
        self._jwks = jwks
        self._loop: asyncio.AbstractEventLoop | None = None
        addresses = Addresses(settings.joining.networks)
        hosts = [urlsplit(member.url).hostname or "" for member in settings.members]
        self._fanout = Fanout(settings.limits, settings.id, lambda: Guarded(addresses, hosts))
        self.membership = membership = Membership(settings, joined, addresses)
        tokens = None
        if settings.broker is not None:
            exchange = BrokerExchange(f"{settings.broker.issuer}/token", as_client, settings.deadline_seconds)
            tokens = Tokens(exchange, settings.limits.cached_tokens)
        self.nodes = nodes = Nodes(membership, self._fanout, tokens)
        self.capabilities = Capabilities(membership, self._fanout)
        self.directory = Directory(membership, self._fanout)
        self.registry = Registry(settings, self.directory)
        self.beacon = NetworkBeacon(settings, nodes, self.capabilities)
        self.search = Search(settings, nodes, self.capabilities, self.directory, as_gateway)
        self.manifests = Manifests(
            self.search.answer, Files(nodes), lambda: frozenset(m.id for m in membership.members if m.base("drs"))
        )
        joining = Joining(membership, self.directory, self.capabilities, addresses, operators)
        self.federation = Federation(self.search, self.manifests, joining)

    def contracts(self) -> list[Contract]:
        """The contracts of a gateway."""
        return [
            Contract("registry", "/ga4gh/registry/v1", self.registry),
            Contract("network_beacon", "/ga4gh/beacon/v2", self.beacon),
            Contract("federation", "/federation/v1", self.federation, frozenset(["search"])),
        ]

    def shapes(self) -> list[tuple[str, Shape]]:
        """Error shapes by path; the others are the registry's (REG-05)."""
        return [("/ga4gh/beacon/v2", self.beacon.error)]

    def routes(self) -> list[BaseRoute]:
        """The gateway's keys."""
        return [Route("/.well-known/jwks.json", self._keys)]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Notes the loop for the pages' threads, and closes the pool of connections when the process ends."""
        await anyio.to_thread.run_sync(self._jwks)  # the first key exists before two questions would each make one
        self._loop = asyncio.get_running_loop()
        await self.membership.refresh()
        following = asyncio.create_task(self.membership.run())
        try:
            yield
        finally:
            following.cancel()
            await self.directory.refreshing.stop()
            await self.capabilities.refreshing.stop()
            await self._fanout.close()

    def pages(self, app: Flask, visitor: Visitor | None = None) -> None:
        """Register the front page on the gateway's application of pages.

        :param visitor: who signed in, where people can.
        """
        from federation.pages import FrontPage
        from federation.pages.questions import GatewayQuestions

        questions = GatewayQuestions(self.beacon, self.search, self.manifests, self.capabilities, self.loop)
        FrontPage(questions, visitor).register(app)

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop in which this gateway runs.

        :raises RuntimeError: before it runs.
        """
        if self._loop is None:
            raise RuntimeError("the gateway does not run yet")
        return self._loop

    async def _keys(self, _request: Request) -> Response:
        keys = await anyio.to_thread.run_sync(self._jwks)
        return JSONResponse(keys, headers={"Cache-Control": "public, max-age=300"})
