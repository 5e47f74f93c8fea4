"""The visa issuer over HTTP: a person's visas for the broker, the status list and the keys for everyone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio.to_thread
import connexion
import orjson
from connexion.lifecycle import ConnexionResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.client_assertion import Assertions
from auth.visas import VisaIssuer

KEYS_SECONDS = 60
"""How long others may keep our keys: far shorter than a new key is announced before it signs."""

STATUS_SECONDS = 10


class Visas:
    """Handler of the visa contract.

    :param assertions: verifies the broker's client assertion; nobody else is told what a person holds.
    """

    def __init__(self, issuer: VisaIssuer, assertions: Assertions) -> None:
        self._issuer = issuer
        self._assertions = assertions

    async def get_subject_visas(self, subject: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """The visas of a person for grants in force and accepted terms; an empty list for a subject not known."""
        await self._assertions.verify(connexion.request.headers.get("Authorization"))
        visas = await anyio.to_thread.run_sync(self._issuer.for_subject, subject)
        return {"ga4gh_passport_v1": visas}, 200, {"Cache-Control": "no-store", "Pragma": "no-cache"}

    async def get_status(self) -> ConnexionResponse:
        """The signed list of grants and acceptances that ended early."""
        token = await anyio.to_thread.run_sync(self._issuer.status)
        headers = {"Cache-Control": f"public, max-age={STATUS_SECONDS}"}
        return ConnexionResponse(200, content_type="application/jwt", body=token, headers=headers)


def jwks_route(public_jwks: Callable[[], dict[str, Any]]) -> Route:
    """The route ``/.well-known/jwks.json``, the ``jku`` of everything this process signs."""

    async def get_jwks(_request: Request) -> Response:
        content = orjson.dumps(await anyio.to_thread.run_sync(public_jwks))
        headers = {"Cache-Control": f"public, max-age={KEYS_SECONDS}"}
        return Response(content, media_type="application/json", headers=headers)

    return Route("/.well-known/jwks.json", get_jwks, methods=["GET"])
