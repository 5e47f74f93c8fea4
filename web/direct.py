"""The short way: GET operations named by a contract are answered without connexion, by the same rules.

Connexion takes a request through nine layers and builds its validators anew for each; here the path is matched once,
the handler called, and its answer checked against the same response schema by the same compiled validator. Only
requests without a query go this way: everything that could be wrong with parameters is connexion's to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from connexion.context import _receive, _scope
from connexion.exceptions import NonConformingResponseBody
from starlette.types import ASGIApp, Receive, Scope, Send

from web import contracts
from web.contracts import Contract
from web.validation import complaint

Schema = dict[str, Any]
PARAMETER = re.compile(r"\{(\w+)\}")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its path as a pattern, its handler's method, and the schemas of its answers by status."""

    path: re.Pattern[str]
    method: Callable[..., Awaitable[Any]]
    schemas: Mapping[str, Schema | None]


class Direct:
    """Answers what it knows, and leaves the rest to ``otherwise``.

    :param served: contracts; those of their operations that they name as ``direct`` are answered here.
    """

    def __init__(self, served: list[Contract], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._operations = [operation for contract in served if contract.direct for operation in _operations(contract)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI application."""
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            for operation in self._operations:
                match = operation.path.fullmatch(scope["path"])
                if match is not None:
                    await _answer(operation, match.groupdict(), scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)


async def _answer(operation: Operation, parameters: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
    scoped, received = _scope.set(scope), _receive.set(receive)
    try:
        answer = await operation.method(**parameters)
    finally:
        _scope.reset(scoped)
        _receive.reset(received)
    body, status, headers = answer if isinstance(answer, tuple) else (answer, 200, {})
    schema = operation.schemas.get(str(status), operation.schemas.get("default"))
    if body is not None and schema is not None and (wrong := complaint(schema, body)):
        raise NonConformingResponseBody(message=wrong)
    content = b"" if body is None else orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    sent = [(b"content-type", JSON.encode()), (b"content-length", str(len(content)).encode())]
    sent += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": content})


def _operations(contract: Contract) -> Iterator[Operation]:
    """In the order in which the router would try the paths."""
    document = contracts.document(contract.name)
    found = set()
    for path, item in document["paths"].items():
        operation = item.get("get")
        if operation is None or operation["operationId"] not in contract.direct:
            continue
        found.add(operation["operationId"])
        method = contracts.method(contract.handler, operation["operationId"])
        yield Operation(_pattern(contract.base_path + path), method, _schemas(document, operation))
    if found != contract.direct:
        raise LookupError(f"contract {contract.name!r} has no GET operation {sorted(contract.direct - found)}")


def _pattern(path: str) -> re.Pattern[str]:
    pieces = PARAMETER.split(path)
    literal = [re.escape(piece) if number % 2 == 0 else f"(?P<{piece}>[^/]+)" for number, piece in enumerate(pieces)]
    return re.compile("".join(literal))


def _schemas(document: Schema, operation: Schema) -> dict[str, Schema | None]:
    """Schema of the JSON body by status; None where there is no body."""
    schemas: dict[str, Schema | None] = {}
    for status, response in operation["responses"].items():
        content = _resolved(document, response).get("content", {})
        schema = content.get(JSON, {}).get("schema")
        schemas[status] = None if schema is None else _resolved(document, schema)
    return schemas


def _resolved(document: Schema, node: Any) -> Any:
    """``node`` with every reference into the document replaced by what it means."""
    if isinstance(node, list):
        return [_resolved(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _resolved(document, target)
    return {key: _resolved(document, value) for key, value in node.items()}
