"""The request that is being answered, as a handler of a contract may look at it: cheap, whichever way it came."""

from __future__ import annotations

from connexion.context import _scope


def header(name: bytes) -> str | None:
    """The first header of that name (lower case), or None."""
    return next((value.decode("latin-1") for key, value in _scope.get()["headers"] if key == name), None)


def query_string() -> str:
    """The query of the URL as it was sent."""
    sent: bytes = _scope.get()["query_string"]
    return sent.decode("latin-1")
