"""What every kind of process shares: failures of tokens and commands, the database check, fixed documents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from auth import errors as refused
from web.errors import Failure, Table
from web.health import Check

GROUP = "cn.ac.cncb"  # reverse domain of services that no GA4GH standard names

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


def checks(engine: Engine) -> dict[str, Check]:
    """Readiness: the database answers."""

    def database() -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    return {"database": database}


def document(path: str, content: dict[str, Any]) -> BaseRoute:
    """A route that answers the same document to everyone."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(content)

    return Route(path, answer)
