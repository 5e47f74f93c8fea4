"""A member's side of the join over made people, and a Beacon of made answers: ``python -m bench.federation_member``.

The argument is JSON: ``port``, ``database``, ``gateway``, ``partner``, ``key``, ``semi_join``, the ``tier`` of the data
set, and the people by their ``prefix`` and numbers, from ``first`` to before ``last``. Everybody meets every question.
``GET /bench/bytes`` tells the bytes of all bodies of the federation that this process took and gave.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.catalog.engine import connect, writing
from auth.caller import ANONYMOUS, Caller
from auth.client_assertion import Assertions
from auth.http import JsonGet
from auth.jwks import Jwks
from auth.policy import DatasetRule, Floor, Policy
from auth.tables import Base as AuthBase
from federation.assertions import TrustedGateways
from federation.held import Held
from federation.nonces import Nonces
from federation.people import Clause
from federation.side import DIRECT, Side
from federation.tables import Base as FederationBase
from web.application import Assembly, create_application
from web.contracts import Contract

DATASET = "HRA000001"
FLOOR = Floor(20, 20)
APART = 5
TERM = {"HRI": "HP:0000001", "OBII": "DCM:MR"}
TYPES = {"HRI": ("dataset", "individual"), "OBII": ("dataset", "individual", "imagingStudy")}
Met = Sequence[tuple[str, str | None, Collection[str]]]


class Counted:
    """Counts the bytes of bodies under ``/federation``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and count."""

        async def taking() -> Message:
            message = await receive()
            self.bytes += len(message.get("body", b""))
            return message

        async def giving(message: Message) -> None:
            self.bytes += len(message.get("body", b""))
            await send(message)

        if scope["type"] == "http" and scope["path"].startswith("/federation"):
            await self._app(scope, taking, giving)
        else:
            await self._app(scope, receive, send)


def application(given: dict[str, Any]) -> ASGIApp:
    """The member."""
    url = f"http://127.0.0.1:{given['port']}"
    engine = connect(f"sqlite:///{given['database']}")
    with writing(engine).begin() as connection:
        AuthBase.metadata.create_all(connection)
        FederationBase.metadata.create_all(connection)
    prefix = str(given["prefix"])
    numbers = range(given["first"], given["last"])
    everyone = [(f"{prefix}{number:08}", f"HRI{number:08}", (DATASET,)) for number in numbers]
    counted: list[Counted] = []

    async def told(_request: Request) -> Response:
        return JSONResponse({"bytes": counted[0].bytes})

    gateway = given["gateway"]
    assertions = Assertions(engine, url, {gateway: f"{gateway}/.well-known/jwks.json"}, Jwks(JsonGet()))
    side = Side(
        url=url,
        individuals=lambda _question, _caller: everyone,
        records=lambda _accessions, _datasets: {},
        rules=lambda: [DatasetRule(DATASET, given["tier"], "public", "D1")],
        granularity=Policy(url, in_force=lambda jtis: jtis).granularity,
        floor=FLOOR,
        partners={given["partner"]: bytes.fromhex(given["key"])},
        gateways=TrustedGateways(assertions.verify),
        bearer=_nobody,
        nonces=Nonces(writing(engine)),
        held=Held(writing(engine)),
        semi_join_to=frozenset([given["partner"]] if given["semi_join"] else []),
        apart=APART,
        debit=_free,
    )
    routes = [*_beacon(prefix), Route("/bench/bytes", told)]
    made = create_application(Assembly("member", [Contract("join", "/federation/v1", side, DIRECT)], routes=routes))
    counted.append(Counted(made))
    return counted[0]


async def _nobody(authorization: str | None) -> Caller:  # noqa: ARG001 - nobody signs in
    return ANONYMOUS


def _free(clauses: Sequence[Clause], caller: Caller, *, numbers: bool, whole: str = "") -> None:
    """These questions are not about genotypes."""


def _beacon(prefix: str) -> list[Route]:
    """What a gateway asks of a Beacon to know what a member can be asked."""

    async def entry_types(_request: Request) -> Response:
        return JSONResponse({"response": {"entryTypes": {name: {} for name in TYPES[prefix]}}})

    async def terms(_request: Request) -> Response:
        listed = [{"id": TERM[prefix], "type": "ontologyTerm", "scopes": ["individual"]}]
        return JSONResponse({"response": {"filteringTerms": listed, "resources": []}})

    base = "/ga4gh/beacon/v2"
    return [Route(f"{base}/entry_types", entry_types), Route(f"{base}/filtering_terms", terms)]


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    uvicorn.run(application(asked), host="127.0.0.1", port=asked["port"], log_config=None, access_log=False)
