"""``python -m bench.broker PORT KEY``: what a member asks a broker, its keys and UserInfo, for made callers."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from auth.jose import sign
from auth.keyset import SigningKey

HOURS = 12


def tokens(issuer: str, key: SigningKey, callers: int) -> list[str]:
    """An access token of each of ``callers`` people."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": "bench", "client_id": "bench", "scope": "openid", "iat": now}
    claims |= {"exp": now + HOURS * 3600}
    return [sign({**claims, "sub": f"caller-{n}", "jti": f"{now}-{n}"}, key, typ="at+jwt") for n in range(callers)]


def application(key: SigningKey) -> Starlette:
    """The broker."""

    async def keys(_request: Request) -> JSONResponse:
        return JSONResponse({"keys": [key.public_jwk()]})

    async def userinfo(request: Request) -> JSONResponse:
        payload = request.headers["authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return JSONResponse({"sub": claims["sub"], "ga4gh_passport_v1": []})

    async def alive(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("alive")

    routes = [Route("/.well-known/jwks.json", keys), Route("/userinfo", userinfo), Route("/healthz", alive)]
    return Starlette(routes=routes)


if __name__ == "__main__":
    made = SigningKey.load(json.loads(Path(sys.argv[2]).read_text()))
    uvicorn.run(application(made), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
