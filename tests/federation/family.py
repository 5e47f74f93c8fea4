"""A small federation on real sockets: the gateway, a broker that exchanges tokens, and members with the real side of
the join over made-up people. What the gateway receives is recorded."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.catalog.engine import connect, writing
from auth import jose
from auth.caller import Caller, Visa
from auth.client_assertion import TYPE, Assertions
from auth.errors import AuthError, InvalidToken
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.keys import Base as KeyBase
from auth.keys import KeyRing
from auth.policy import DatasetRule, Floor, Policy, PublicGranularity
from auth.tables import Base as AuthBase
from federation.assertions import TrustedGateways, signer
from federation.failures import FAILURES
from federation.gateway import Gateway
from federation.held import Held
from federation.joined import Base as JoinedBase
from federation.joined import JoinedNodes
from federation.nonces import Nonces
from federation.people import Clause
from federation.settings import FloorSettings, GatewaySettings, Link
from federation.settings import Member as MemberSettings
from federation.side import DIRECT, Side
from federation.tables import Base as FederationBase
from tests.federation.servers import listening, serving
from tests.federation.servers import url as url_of
from web.application import Assembly, create_application
from web.contracts import Contract
from web.errors import Failure
from web.pages import create_pages

KEY = bytes(range(32))
NO_FLOOR = Floor(1, 1)
PUBLIC = PublicGranularity()


@dataclass
class Person:
    """An individual of a member: its data sets, and the terms it meets in each."""

    accession: str
    link: str | None
    terms: Mapping[str, Collection[str]]  # data set -> terms

    def met(self, term: str) -> list[str]:
        return [dataset for dataset, terms in self.terms.items() if term in terms]


@dataclass
class MemberData:
    """What a member of the tests holds, and how it behaves."""

    people: Sequence[Person] = ()
    entry_types: Sequence[str] = ("dataset", "individual")
    terms: Sequence[str] = ()
    datasets: Sequence[DatasetRule] = ()
    floor: Floor = NO_FLOOR
    apart: int = 1
    large: int = 20_000
    semi_join_to: Collection[str] = ()
    public: PublicGranularity = PUBLIC
    partners: Mapping[str, bytes] = field(default_factory=dict)
    routes: Sequence[Route] = ()
    fields: Sequence[dict[str, Any]] = ()

    def individuals(self, question: Clause, _caller: Caller | None) -> list[tuple[str, str | None, list[str]]]:
        wanted = [item["id"] for item in question.get("filters", [])]
        if "BAD:1" in wanted:
            raise Failure(400, "filters: BAD:1 is not known here")
        found = []
        for person in self.people:
            sets = set(person.terms)
            for term in wanted:
                sets &= set(person.met(term))
            if sets:
                found.append((person.accession, person.link, sorted(sets)))
        return found

    def debit(self, clauses: Sequence[Clause], caller: Caller, *, numbers: bool, whole: str = "") -> None:
        for clause in clauses:
            if "SPENT:1" in [item["id"] for item in clause.get("filters", [])]:
                raise Failure(403, "the budget does not pay for this")

    def records(self, accessions: Sequence[str], datasets: Sequence[str]) -> dict[str, dict[str, dict[str, list[str]]]]:
        found = {}
        for person in self.people:
            held = [name for name in person.terms if name in datasets]
            if person.accession in accessions and held:
                drs = {name: {"drs": [f"drs://node.test/{person.accession}-{name}"]} for name in held}
                found[person.accession] = drs
        return found


@dataclass
class Running:
    """A running member. ``sent`` are the bodies it answered under ``/federation``."""

    id: str
    url: str
    data: MemberData
    side: Side
    sent: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)


@dataclass
class Family:
    """Everything running. ``client`` talks to the gateway."""

    gateway: Gateway
    url: str
    client: httpx.AsyncClient
    members: dict[str, Running]
    broker: Broker
    keys: KeyRing
    caller: str = "caller"

    async def search(self, body: Mapping[str, Any], token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.post("/federation/v1/search", json=body, headers=headers)


class Broker:
    """Exchanges tokens as RFC 8693 says, checking the gateway's client assertion; tokens are opaque here."""

    def __init__(self) -> None:
        self.good: dict[str, tuple[str, ...]] = {}  # caller's token -> data set URLs granted
        self.made: dict[str, tuple[str, str]] = {}  # member's token -> (caller's token, audience)
        self.refused: set[str] = set()
        self.agreed: dict[str, str] = {}  # audience -> a token that another institution's sign-in knows
        self.exchanges = 0
        self.lifetime = 300
        self.jwks_url = ""
        self.url = ""
        self.jtis: set[str] = set()
        self.failing = False

    async def token(self, request: Request) -> Response:
        self.exchanges += 1
        if self.failing:
            return JSONResponse({}, 500)
        form = await request.form()
        async with httpx.AsyncClient() as client:
            keys = jose_keys((await client.get(self.jwks_url)).json())
        claims = jose.verify(str(form["client_assertion"]), keys, typ={TYPE}).claims
        if (claims["iss"], claims["sub"], claims["aud"]) != ("gateway", "gateway", f"{self.url}/token"):
            return JSONResponse({"error": "invalid_client"}, 401)
        if claims["jti"] in self.jtis:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.jtis.add(claims["jti"])
        subject, audience = str(form["subject_token"]), str(form["audience"])
        if audience in self.refused:
            return JSONResponse({"error": "invalid_target"}, 400)
        if subject not in self.good:
            return JSONResponse({"error": "invalid_request"}, 400)
        if audience in self.agreed:
            token = self.agreed[audience]
            return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime})
        made = secrets.token_urlsafe(16)
        self.made[made] = (subject, audience)
        return JSONResponse({"access_token": made, "token_type": "Bearer", "expires_in": self.lifetime})

    def app(self) -> ASGIApp:
        return Starlette(routes=[Route("/token", self.token, methods=["POST"])])

    def bearer(self, member: str) -> Any:
        """The members' clearinghouse: knows the broker's tokens, each good at one member only."""

        async def resolve(authorization: str | None) -> Caller:
            token = (authorization or "").removeprefix("Bearer ")
            subject, audience = self.made.get(token, ("", ""))
            if audience != member:
                raise InvalidToken("the access token was made for another node")
            until = int(time.time()) + 60
            visas = tuple(
                Visa(
                    value.split("/datasets/")[0],
                    subject,
                    "ControlledAccessGrants",
                    value,
                    value.split("/datasets/")[0] + "/dac/D1",
                    "dac",
                    1,
                    (),
                    until,
                    value,
                )
                for value in self.good[subject]
            )
            return Caller(subject, "broker", visas, until)

        return resolve


def jose_keys(document: dict[str, Any]) -> Any:
    from auth.keyset import KeySet

    return KeySet.load(document)


class Recording:
    """ASGI middleware that keeps the bodies of requests and answers under ``/federation``."""

    def __init__(self, app: ASGIApp, sent: list[bytes], received: list[bytes]) -> None:
        self._app, self._sent, self._received = app, sent, received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/federation"):
            await self._app(scope, receive, send)
            return

        async def noting_receive() -> Message:
            message = await receive()
            self._received.append(message.get("body", b""))
            return message

        async def noting_send(message: Message) -> None:
            self._sent.append(message.get("body", b""))
            await send(message)

        await self._app(scope, noting_receive, noting_send)


def database(folder: Path, name: str) -> Engine:
    engine = connect(f"sqlite:///{folder}/{name}.db")
    with writing(engine).begin() as connection:
        KeyBase.metadata.create_all(connection)
        AuthBase.metadata.create_all(connection)
        FederationBase.metadata.create_all(connection)
        JoinedBase.metadata.create_all(connection)
    return engine


def beacon_routes(data: MemberData) -> list[Route]:
    async def entry_types(_request: Request) -> Response:
        return JSONResponse({"response": {"entryTypes": {name: {} for name in data.entry_types}}})

    async def terms(_request: Request) -> Response:
        listed = [{"id": term, "type": "ontologyTerm", "scopes": ["individual"]} for term in data.terms]
        listed += [{"type": "alphanumeric", "scopes": ["imagingSeries"], **entry} for entry in data.fields]
        return JSONResponse({"response": {"filteringTerms": listed, "resources": []}})

    base = "/ga4gh/beacon/v2"
    return [Route(f"{base}/entry_types", entry_types), Route(f"{base}/filtering_terms", terms), *data.routes]


def member_app(running: Running) -> ASGIApp:
    if not running.data.people:
        return Starlette(routes=beacon_routes(running.data))  # a Beacon of any make, without a side
    assembly = Assembly(
        name=running.id,
        contracts=[Contract("join", "/federation/v1", running.side, DIRECT)],
        failures={AuthError: lambda error: Failure(401, str(error))},
        routes=beacon_routes(running.data),
    )
    return Recording(create_application(assembly), running.sent, running.received)


def make_side(url: str, data: MemberData, engine: Engine, jwks: Jwks, gateway: str, broker: Broker) -> Side:
    assertions = Assertions(engine, url, {gateway: f"{gateway}/.well-known/jwks.json"}, jwks)
    policy = Policy(url, in_force=lambda jtis: jtis, default=data.public)
    return Side(
        url=url,
        individuals=data.individuals,
        records=data.records,
        rules=lambda: data.datasets,
        granularity=policy.granularity,
        floor=data.floor,
        partners=data.partners,
        gateways=TrustedGateways(assertions.verify),
        bearer=broker.bearer(url),
        nonces=Nonces(writing(engine)),
        debit=data.debit,
        apart=data.apart,
        held=Held(writing(engine), data.large),
        semi_join_to=frozenset(data.semi_join_to),
        requests_url=f"{url}/dac/v1/requests",
    )


@asynccontextmanager
async def family(
    folder: Path, members: Mapping[str, MemberData], links: Sequence[tuple[str, str]] = (), **settings: Any
) -> AsyncIterator[Family]:
    """Start everything and stop it again."""
    broker = Broker()
    async with AsyncExitStack() as stack:
        sockets = {name: listening() for name in ("gateway", "broker", *members)}
        gateway_url = url_of(sockets["gateway"])
        broker.url, broker.jwks_url = url_of(sockets["broker"]), f"{gateway_url}/.well-known/jwks.json"
        running = {}
        for name, data in members.items():
            http = JsonGet()
            stack.push_async_callback(http.close)
            engine = database(folder, name)
            stack.callback(engine.dispose)
            own = url_of(sockets[name])
            side = make_side(own, data, engine, Jwks(http), gateway_url, broker)
            running[name] = Running(name, own, data, side)
            await stack.enter_async_context(serving(member_app(running[name]), sockets[name]))
        await stack.enter_async_context(serving(broker.app(), sockets["broker"]))
        engine = database(folder, "gateway")
        stack.callback(engine.dispose)
        keys = KeyRing(engine)
        made = GatewaySettings(
            public_url=gateway_url,
            listen={"port": 1},
            database="sqlite:///unused",
            organization={"id": "org", "name": "Org", "url": "https://org.test"},
            members=tuple(MemberSettings(id=name, name=name.upper(), url=one.url) for name, one in running.items()),
            broker={"issuer": broker.url, "client_id": "gateway"},
            links=tuple(Link(left=left, right=right) for left, right in links),
            **{"floor": FloorSettings(), "deadline_seconds": 10, **settings},
        )
        http = JsonGet()
        stack.push_async_callback(http.close)
        own = f"{gateway_url}/.well-known/jwks.json"
        callers = {gateway_url: own, **{one.issuer: one.jwks_uri for one in made.joining.operators}}
        operators = TrustedGateways(Assertions(engine, gateway_url, callers, Jwks(http, {own: keys.key_set})).verify)
        own_signer, client = signer(gateway_url, keys), signer("gateway", keys)
        gateway = Gateway(made, own_signer, client, keys.public_jwks, JoinedNodes(engine), operators)
        flask_app = create_pages("tests", public_url=gateway_url, title="GSA Family", words={})
        gateway.pages(flask_app)
        parts: dict[str, Any] = {
            "pages": flask_app,
            "failures": {**FAILURES, AuthError: lambda error: Failure(401, str(error))},
            "shapes": gateway.shapes(),
            "routes": gateway.routes(),
            "lifespans": [gateway.lifespan],
        }
        app = create_application(Assembly("gateway", gateway.contracts(), **parts))
        await stack.enter_async_context(serving(app, sockets["gateway"]))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=gateway_url, timeout=20))
        yield Family(gateway, gateway_url, client, running, broker, keys)
