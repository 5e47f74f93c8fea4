"""Contracts: OpenAPI documents of ``specs/``, read once, and the object that answers their operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
import yaml
from connexion.resolver import Resolver

Document = dict[str, Any]


@dataclass(frozen=True)
class Contract:
    """A standard served by a process.

    :param name: the file ``specs/{name}.yaml``.
    :param base_path: where its paths hang under the process's public URL, without a trailing slash.
    :param handler: object with one method per ``operationId``.
    :param direct: GET and POST operations that are answered the short way (``web.direct``).
    """

    name: str
    base_path: str
    handler: object
    direct: frozenset[str] = frozenset()


def source(name: str) -> bytes:
    """The bytes of ``specs/{name}.yaml``."""
    return files("specs").joinpath(f"{name}.yaml").read_bytes()


def document(name: str) -> Document:
    """The contract as connexion shall see it.

    Security requirements are taken out: who may see what is decided in ``auth/policy`` and nowhere else, and connexion
    would refuse a request for its token's form before a handler could answer in the standard's shape.
    """
    # Through JSON and back, because anchors of YAML are shared objects and connexion changes operations in place.
    loaded: Document = orjson.loads(orjson.dumps(yaml.load(source(name), Loader=yaml.CSafeLoader)))
    loaded.pop("security", None)
    loaded["paths"] = dict(sorted(loaded["paths"].items(), key=_literal_first))
    for operations in loaded["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    return loaded


def _literal_first(path: tuple[str, Any]) -> list[bool]:
    """The router takes the first path that fits: ``/objects/access`` must stand before ``/objects/{id}``."""
    return [segment.startswith("{") for segment in path[0].split("/")]


def method(handler: object, operation_id: str) -> Callable[..., Any]:
    """The method of ``handler`` that answers an operation.

    :raises LookupError: if it has none.
    """
    found = getattr(handler, operation_id, None)
    if not callable(found):
        raise LookupError(f"{type(handler).__name__} has no method {operation_id!r} that its contract names")
    return found  # type: ignore[no-any-return]


def resolver(handler: object) -> Resolver:
    """Operations are methods of ``handler``; a missing one fails when the process starts, not when it is called."""
    return Resolver(lambda operation_id: method(handler, operation_id))


def resolved(document: Document, node: Any) -> Any:
    """``node`` with every reference into the document replaced by what it means."""
    if isinstance(node, list):
        return [resolved(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(document, target)
    return {key: resolved(document, value) for key, value in node.items()}
