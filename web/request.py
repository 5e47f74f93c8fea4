"""The request that is being answered, as a handler of a contract may look at it: cheap, whichever way it came."""

from __future__ import annotations

from urllib.parse import parse_qsl

from connexion.context import _scope
from starlette.types import Scope

PARSED = "gsanode.parameters"


def header(name: bytes) -> str | None:
    """The first header of that name (lower case), or None."""
    for key, value in _scope.get()["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def parameters() -> list[tuple[str, str]]:
    """Names and values of the URL's query in their order, repeated, empty and unknown ones too."""
    return parameters_of(_scope.get())


def parameters_of(scope: Scope) -> list[tuple[str, str]]:
    """The same of any request; they are taken apart once."""
    known: list[tuple[str, str]] | None = scope.get(PARSED)
    if known is None:
        query = scope["query_string"].decode("latin-1")
        known = scope[PARSED] = parse_qsl(query, keep_blank_values=True) if query else []
    return known
