"""The chassis: contracts in front of handlers, errors in each standard's shape, probes, pages, docs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import connexion
import flask
import httpx
import pytest
import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.support import running
from web import contracts
from web.application import Assembly, create_application
from web.contracts import Contract
from web.errors import Failure, drs_shape

SPEC: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "security": [{"BearerAuth": []}],
    "paths": {
        "/things/{name}": {
            "get": {
                "operationId": "get_thing",
                "security": [{"BearerAuth": []}],
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 0}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        },
        "/things": {
            "post": {
                "operationId": "post_thing",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "responses": {"200": {"description": "ok"}},
            }
        },
    },
    "components": {
        "securitySchemes": {"BearerAuth": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "note": {"type": "string", "nullable": True}},
            }
        },
    },
}


class Domain(Exception):
    """An exception of a deeper layer."""


class Handler:
    async def get_thing(self, name: str, size: int = 0) -> dict[str, Any]:
        if name == "whoami":
            return {"name": connexion.request.headers["authorization"]}
        if name == "absent":
            raise Failure(404, "no thing of that name")
        if name == "domain":
            raise Domain("deep")
        if name == "crash":
            raise ZeroDivisionError("secret inside")
        if name == "wrong":
            return {"nom": name}
        return {"name": name, "note": None if size == 0 else str(size)}

    async def post_thing(self, body: dict[str, Any]) -> dict[str, Any]:
        return body


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(contracts, "source", lambda _name: yaml.safe_dump(SPEC).encode())
    monkeypatch.setattr("web.docs.source", lambda _name: yaml.safe_dump(SPEC).encode())
    pages = flask.Flask("pages")
    pages.add_url_rule("/", "home", lambda: "front page")

    async def raw(request: Request) -> JSONResponse:
        raise Failure(403, "not here")

    def broken() -> None:
        raise ConnectionError("down")

    application = create_application(
        Assembly(
            name="t",
            contracts=[
                Contract("a", "/drs", Handler()),
                Contract("b", "/plain", Handler()),
                Contract("c", "/short", Handler(), frozenset({"get_thing", "post_thing"})),
            ],
            shapes=[("/drs", drs_shape), ("/short", drs_shape)],
            failures={Domain: lambda error: Failure(409, str(error))},
            routes=[Route("/raw/{x}", raw)],
            pages=pages,
            checks={"database": broken},
            body_bytes=1000,
        )
    )
    async with running(application) as opened:
        yield opened


async def test_answers_and_validates(client: httpx.AsyncClient) -> None:
    assert (await client.get("/drs/things/x?size=3")).json() == {"name": "x", "note": "3"}
    assert (await client.get("/drs/things/x")).json() == {"name": "x", "note": None}
    assert (await client.post("/drs/things", json={"name": "y", "note": None})).json() == {"name": "y", "note": None}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/things/absent", None, 404),
        ("GET", "/things/domain", None, 409),
        ("GET", "/things/crash", None, 500),
        ("GET", "/things/wrong", None, 500),
        ("GET", "/things/x?size=-1", None, 400),
        ("GET", "/nowhere", None, 404),
        ("DELETE", "/things/x", None, 405),
        ("POST", "/things", b'{"name": 3}', 400),
        ("POST", "/things", b'{"name": "x"', 400),
        ("POST", "/things", b"", 400),
    ],
)
async def test_DRS_28_REG_05_X_01_every_error_wears_the_shape_of_its_prefix(
    client: httpx.AsyncClient, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    drs = await client.request(method, "/drs" + path, content=body, headers=headers)
    plain = await client.request(method, "/plain" + path, content=body, headers=headers)
    assert (drs.status_code, plain.status_code) == (status, status)
    assert drs.json().keys() == {"msg", "status_code"}
    assert drs.json()["status_code"] == status
    assert plain.json().keys() == {"status", "title", "detail"}
    assert plain.json()["status"] == status
    assert "secret inside" not in drs.text + plain.text


THINGS = ["x", "absent", "domain", "crash", "wrong", "a b", "%2F", "..", "x/", "", "x/y", "读", "x?size=3", "x?size=-1"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("thing", THINGS)
async def test_the_short_way_answers_as_connexion_does(client: httpx.AsyncClient, thing: str, method: str) -> None:
    long = await client.request(method, f"/drs/things/{thing}")
    short = await client.request(method, f"/short/things/{thing}")
    assert (short.status_code, short.content) == (long.status_code, long.content)
    assert short.headers == long.headers


BODIES = [
    b'{"name": "y", "note": null}', b' {"name": "y", "note": "z"}\n', b'{"name": "y", "note": 1}', b'{"name": 3}',
    b"{}", b"[]", b"null", b"7", b"", b"{", b"\xff", b'{"name": "x", "name": 3}', b'{"name": "\\ud800"}', b" " * 1001,
]  # fmt: skip
TYPES = ["application/json", "application/json; charset=utf-8", "text/plain"]


@pytest.mark.parametrize("media_type", TYPES)
async def test_the_short_way_takes_a_body_as_connexion_does(client: httpx.AsyncClient, media_type: str) -> None:
    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        yield body[:3]
        yield body[3:]

    for body in BODIES:
        for path in ("/things", "/things?size=x", "/things/x"):
            for content in (body, pieces):
                answers = [
                    await client.post(
                        f"/{prefix}{path}",
                        content=content(body) if callable(content) else content,
                        headers={"Content-Type": media_type},
                    )
                    for prefix in ("drs", "short")
                ]
                long, short = answers
                assert (short.status_code, short.content) == (long.status_code, long.content), (path, body)
                assert short.headers == long.headers


async def test_the_short_way_knows_the_request(client: httpx.AsyncClient) -> None:
    answers = [
        (await client.get("/short/things/whoami", headers={"Authorization": f"Bearer {word}"})).json()["name"]
        for word in ("one", "two")
    ]
    assert answers == ["Bearer one", "Bearer two"]


def test_the_short_way_must_be_in_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "source", lambda _name: yaml.safe_dump(SPEC).encode())
    assembly = Assembly(name="t", contracts=[Contract("a", "/drs", Handler(), frozenset({"put_thing"}))])
    with pytest.raises(LookupError, match="put_thing"):
        create_application(assembly)


async def test_wrong_media_type_is_415_in_shape(client: httpx.AsyncClient) -> None:
    answer = await client.post("/drs/things", content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["status_code"]) == (415, 415)


@pytest.mark.parametrize("chunked", [False, True])
async def test_HTS_15_a_body_above_the_limit_is_413_in_shape(client: httpx.AsyncClient, chunked: bool) -> None:
    async def chunks(content: bytes) -> AsyncIterator[bytes]:
        yield content[:500]
        yield content[500:]

    for size, status in ((1000, 200), (1001, 413)):
        body = b'{"name": "' + b"x" * (size - 12) + b'"}'
        headers = {"Content-Type": "application/json"}
        content = chunks(body) if chunked else body
        answer = await client.post("/drs/things", content=content, headers=headers)
        assert answer.status_code == status
    assert answer.json()["status_code"] == 413


@pytest.mark.parametrize("path", ["/drs/things/", "/drs/things/x/", "/plain/things/", "/drs/"])
async def test_a_path_that_differs_by_a_slash_is_404_not_a_redirect(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_raw_routes_share_the_error_table(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raw/1")
    assert answer.json() == {"status": 403, "title": "Forbidden", "detail": "not here"}


async def test_probes_pages_docs_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "ConnectionError"})
    assert (await client.get("/")).text == "front page"
    assert "swagger-ui" in (await client.get("/docs")).text
    assert (await client.get("/docs/assets/swagger-ui.css")).status_code == 200
    served = yaml.safe_load((await client.get("/docs/contracts/a.yaml")).text)
    assert served["servers"] == [{"url": "/drs"}]
    assert served["security"] == [{"BearerAuth": []}]
    await client.get("/drs/things/x")
    metrics = (await client.get("/metrics")).text
    assert 'gsanode_requests_total{area="/drs",method="GET",status="200"}' in metrics
    assert "things/x" not in metrics


async def test_a_contract_with_an_unanswered_operation_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="get_thing"):
        contracts.resolver(object()).resolve_function_from_operation_id("get_thing")


async def test_a_wrong_parameter_is_named_with_what_is_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/plain/things/x?size=-1")
    assert answer.status_code == 400
    assert "query parameter 'size'" in answer.json()["detail"]
    assert "minimum" in answer.json()["detail"]
