"""JSON of strangers: duplicate names, NaN and deep nesting are refused (RFC 7515 section 4, RFC 7519 section 4)."""

from __future__ import annotations

import json
from typing import Any


class InvalidJson(ValueError):
    """Not a JSON object that two parsers would read alike."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise InvalidJson("a name occurs twice in one object")
    return read


def _constant(name: str) -> None:
    raise InvalidJson(f"{name} is not JSON")


def loads(content: bytes) -> dict[str, Any]:
    """The JSON object in ``content``.

    :raises InvalidJson: not UTF-8, not JSON, not an object, a name twice, NaN or Infinity, or nested too deep.
    """
    try:
        read = json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except InvalidJson:
        raise
    except RecursionError as error:
        raise InvalidJson("nested too deep") from error
    except ValueError as error:
        raise InvalidJson("not JSON in UTF-8") from error
    if not isinstance(read, dict):
        raise InvalidJson("not a JSON object")
    return read
