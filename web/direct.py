"""The short way: operations named by a contract are answered without connexion, by the same rules.

Connexion takes a request through nine layers and builds its validators anew for each; here the path is matched once,
plain parameters and a JSON body are checked against the same schemas, the handler is called, and its answer is checked
by the same compiled validator. Whatever could be wrong with a request (a parameter or a body that breaks its schema, a
parameter that is repeated or is of a form that needs taking apart) is connexion's to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import orjson
from connexion.context import _receive, _scope
from connexion.exceptions import NonConformingResponseBody
from connexion.lifecycle import ConnexionResponse
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web import contracts, posted
from web.body import LARGEST
from web.contracts import Contract
from web.request import parameters_of
from web.validation import complaint

Schema = dict[str, Any]
Schemas = Mapping[str, Mapping[str, Schema]]
PARAMETER = re.compile(r"\{(\w+)\}")
INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")
LONG = ".+"  # a parameter that may have slashes
ANY = -1
JSON = "application/json"
BODIES = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    :param method: its handler's method.
    :param query: schemas of its query parameters by name.
    :param taken: names of those that the method takes as arguments.
    :param schemas: of its answers by status and media type.
    :param body: schema of its JSON body, None for an operation without one.
    """

    method: Callable[..., Awaitable[Any]]
    query: Mapping[str, Schema]
    taken: frozenset[str]
    schemas: Schemas
    body: Schema | None


Path = tuple[str, re.Pattern[str], Operation | None]


class Direct:
    """The operations that go the short way.

    :param served: contracts; those of their operations that they name as ``direct`` are answered here.
    :param body_bytes: largest body that is looked at here.
    """

    def __init__(self, served: list[Contract], body_bytes: int = LARGEST) -> None:
        known = {f"{contract.base_path}/": _paths(contract) for contract in served if contract.direct}
        self._gets = _Paths({base: paths["get"] for base, paths in known.items()})
        self._posts = _Paths({base: paths["post"] for base, paths in known.items()})
        self._body_bytes = body_bytes

    def find(self, scope: Scope) -> ASGIApp | None:
        """What answers a GET, or None if it must go through connexion, as every other request."""
        if scope["method"] != "GET":
            return None
        operation, named = self._gets.find(scope["path"])
        return _direct(operation, named, scope)

    async def posted(self, scope: Scope, receive: Receive) -> tuple[ASGIApp | None, Receive]:
        """What answers a POST, or None as :meth:`find`; and where the request is to be read from, whoever answers."""
        if scope["method"] != "POST" or scope["query_string"] or not posted.is_plain(scope, self._body_bytes):
            return None, receive
        operation, named = self._posts.find(scope["path"])
        if operation is None or operation.body is None:
            return None, receive
        body, receive = await posted.read(receive)
        if body is posted.ABSENT or body is None or complaint(operation.body, body):
            return None, receive
        return partial(_answer, operation, {**named, "body": body}), receive


class _Paths:
    """Operations by path; None at a path whose operation is not for the short way.

    :param known: paths by the base below which they are.
    """

    def __init__(self, known: dict[str, list[Path]]) -> None:
        # The router tries paths without parameters first too.
        self._exact = {
            path: operation for paths in known.values() for path, pattern, operation in paths if not pattern.groups
        }
        self._patterns = {base: _by_length(paths) for base, paths in known.items()}

    def find(self, path: str) -> tuple[Operation | None, dict[str, str]]:
        if path in self._exact:
            return self._exact[path], {}
        for base, below in self._patterns.items():
            if path.startswith(base):
                for pattern, operation in below.get(path.count("/"), below.get(ANY, ())):
                    match = pattern.fullmatch(path)
                    if match is not None:
                        return operation, match.groupdict()
                break
        return None, {}


def _by_length(paths: list[Path]) -> dict[int, list[tuple[re.Pattern[str], Operation | None]]]:
    """Paths with parameters by their number of slashes; all under :data:`ANY` if a parameter may have slashes too."""
    found: dict[int, list[tuple[re.Pattern[str], Operation | None]]] = {}
    patterns = [(path, pattern, operation) for path, pattern, operation in paths if pattern.groups]
    alike = any(LONG in pattern.pattern for _, pattern, _ in patterns)
    for path, pattern, operation in patterns:
        found.setdefault(ANY if alike else path.count("/"), []).append((pattern, operation))
    return found


def _direct(operation: Operation | None, named: dict[str, str], scope: Scope) -> ASGIApp | None:
    if operation is None or not BODIES.isdisjoint(dict(scope["headers"])):
        return None
    arguments = _arguments(operation, parameters_of(scope))
    return None if arguments is None else partial(_answer, operation, {**named, **arguments})


def _arguments(operation: Operation, parameters: list[tuple[str, str]]) -> dict[str, Any] | None:
    """The query parameters that the method takes; None if connexion must look at them."""
    given: dict[str, Any] = {}
    for name, text in parameters:
        schema = operation.query.get(name)
        if schema is None:
            continue
        value = _plain(schema, text)
        if value is None or name in given or complaint(schema, value):
            return None
        given[name] = value
    return {name: value for name, value in given.items() if name in operation.taken}


def _plain(schema: Schema, text: str) -> str | int | bool | None:
    """The value of a parameter that can be written in one way only; None for every other."""
    match schema.get("type"):
        case "string":
            return text or None
        case "integer":
            return int(text) if INTEGER.fullmatch(text) else None
        case "boolean":
            return {"true": True, "false": False}.get(text)
        case _:
            return None


async def _answer(operation: Operation, arguments: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
    scoped, received = _scope.set(scope), _receive.set(receive)
    try:
        answer = await operation.method(**arguments)
    finally:
        _scope.reset(scoped)
        _receive.reset(received)
    if isinstance(answer, Response):  # sent while it is made, and not JSON: there is nothing to check
        await answer(scope, receive, send)
        return
    status, headers, content = _written(operation, answer)
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _written(operation: Operation, answer: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of what a method returned: JSON, or an answer that it wrote itself."""
    if isinstance(answer, ConnexionResponse):
        content = answer.body.encode() if isinstance(answer.body, str) else answer.body or b""
        _check(operation, answer.status_code, answer.mimetype or JSON, orjson.loads(content) if content else None)
        return answer.status_code, _encoded(answer.headers), content
    body, status, extra = answer if isinstance(answer, tuple) else (answer, 200, {})
    _check(operation, status, JSON, body)
    content = b"" if body is None else orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    return status, _encoded({**extra, "Content-Type": JSON}), content


def _check(operation: Operation, status: int, media_type: str, body: Any) -> None:
    """:raises NonConformingResponseBody: if the answer breaks its contract."""
    schema = operation.schemas.get(str(status), operation.schemas.get("default", {})).get(media_type)
    if body is not None and schema is not None and (wrong := complaint(schema, body)):
        raise NonConformingResponseBody(message=wrong)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _paths(contract: Contract) -> dict[str, list[Path]]:
    """By HTTP method the paths and patterns in the order in which the router would try them."""
    document = contracts.document(contract.name)
    found: dict[str, list[Path]] = {"get": [], "post": []}
    missing = set(contract.direct)
    for path, item in document["paths"].items():
        for http_method in found.keys() & item.keys():
            operation = item[http_method]
            named = [*item.get("parameters", ()), *operation.get("parameters", ())]
            parameters = contracts.resolved(document, named)
            made = None
            if operation["operationId"] in contract.direct:
                missing.discard(operation["operationId"])
                method = contracts.method(contract.handler, operation["operationId"])
                made = _operation(method, contracts.resolved(document, operation), parameters)
            whole = contract.base_path + path
            found[http_method].append((whole, _pattern(whole, parameters), made))
    if missing:
        raise LookupError(f"contract {contract.name!r} has no GET or POST operation {sorted(missing)}")
    return found


def _operation(method: Callable[..., Awaitable[Any]], operation: Schema, parameters: list[Schema]) -> Operation:
    query = {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}
    for parameter in parameters:
        if parameter["in"] not in ("path", "query") or (parameter["in"] == "query" and parameter.get("required")):
            raise LookupError(f"{operation['operationId']} has a parameter {parameter['name']!r} that needs connexion")
    schemas = {
        status: {media_type: content["schema"] for media_type, content in response.get("content", {}).items()}
        for status, response in operation["responses"].items()
    }
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    return Operation(method, query, frozenset(query) & set(signature(method).parameters), schemas, body)


def _pattern(path: str, parameters: list[Schema]) -> re.Pattern[str]:
    long = {parameter["name"] for parameter in parameters if parameter.get("schema", {}).get("format") == "path"}
    pieces = PARAMETER.split(path)
    literal = [
        re.escape(piece) if number % 2 == 0 else f"(?P<{piece}>{LONG if piece in long else '[^/]+'})"
        for number, piece in enumerate(pieces)
    ]
    return re.compile("".join(literal), re.DOTALL)
