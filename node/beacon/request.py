"""A Beacon request, by GET or POST, read once and completely: what is not understood is refused, never dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.terms import filters as terms
from adapters.terms.filters import Filter
from adapters.terms.vocabulary import vocabulary
from adapters.variants.query import VariantQuery
from node.beacon import parameters
from node.beacon.profile import API_VERSION
from web.errors import Failure

GRANULARITIES = ("boolean", "count", "record")
INCLUDE = ("HIT", "MISS", "ALL", "NONE")
DEFAULT_LIMIT, MAXIMUM_LIMIT = 10, 1000
MAX_FILTERS = 500
# Longest first, so that ">=" is not read as ">".
OPERATORS = sorted(terms.OPERATORS, key=len, reverse=True)
GENERAL = frozenset({
    "filters", "skip", "limit", "includeResultsetResponses", "requestedGranularity", "testMode", "requestedSchema",
    "requestedSchemas", "apiVersion", "includeDescendantTerms",
})  # fmt: skip
BODY = frozenset({"$schema", "meta", "query", "requestedGranularity", "pagination"})
QUERY = frozenset({
    "filters", "requestParameters", "includeResultsetResponses", "pagination", "requestedGranularity", "testMode",
})  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One request. ``skip`` counts pages; ``limit`` is the page size after interpretation (1 … maximum)."""

    filters: tuple[Filter, ...]
    variant: VariantQuery | None
    granularity: str
    include: str
    skip: int
    limit: int
    test_mode: bool
    summary: Mapping[str, Any]


def from_get(items: Iterable[tuple[str, str]], default_granularity: str) -> Request:
    """Read the query of a GET.

    :raises Failure: 400 naming the parameter and what is allowed.
    :raises adapters.terms.errors.InvalidFilter: for a malformed filter.
    """
    values: dict[str, str] = {}
    for name, text in items:
        values[name] = f"{values[name]},{text}" if name in values and name == "filters" else text
    genomic = {name for name in values if parameters.ALIASES.get(name, name) in parameters.NAMES}
    for name in values:
        if name not in GENERAL and name not in genomic:
            allowed = ", ".join(sorted(GENERAL | set(parameters.NAMES)))
            raise Failure(400, f"parameter {name[:40]!r} is unknown; allowed: {allowed}")
    descendants = _boolean(values.get("includeDescendantTerms", "true"), "includeDescendantTerms")
    texts = [text for text in values.get("filters", "").split(",") if text]
    asked = parameters.of_query({name: values[name] for name in genomic})
    schema = values.get("requestedSchema", values.get("requestedSchemas"))
    return _request(
        filters=[from_text(text, descendants) for text in texts],
        asked=asked,
        granularity=values.get("requestedGranularity", default_granularity),
        include=values.get("includeResultsetResponses", "HIT"),
        pagination={name: values[name] for name in ("skip", "limit") if name in values},
        test_mode=_boolean(values.get("testMode", "false"), "testMode"),
        schemas=[{"schema": schema}] if schema else [],
    )


def from_post(body: Any, default_granularity: str) -> Request:
    """Read the body of a POST; granularity and pagination are read at its root too (BEA-21).

    :raises Failure: 400 naming the place and what is allowed.
    :raises adapters.terms.errors.InvalidFilter: for a malformed filter.
    """
    _object(body, "the body", BODY)
    about = _object(body.get("meta"), "meta")
    if not isinstance(about.get("apiVersion"), str):
        raise Failure(400, "meta/apiVersion: is missing; a text such as v2.1.1 is required")
    query = _object(body.get("query") or {}, "query", QUERY)
    given = query.get("filters") or []
    if not isinstance(given, list):
        raise Failure(400, "query/filters: must be a list of objects with an id")
    schemas = about.get("requestedSchemas") or []
    if not isinstance(schemas, list) or not all(isinstance(schema, Mapping) for schema in schemas):
        raise Failure(400, "meta/requestedSchemas: must be a list of {entityType, schema}")
    test_mode = query.get("testMode", False)
    return _request(
        filters=[terms.read(one) for one in _few(given)],
        asked=parameters.of_body(query.get("requestParameters")),
        granularity=query.get("requestedGranularity") or body.get("requestedGranularity") or default_granularity,
        include=query.get("includeResultsetResponses") or "HIT",
        pagination=_object(query.get("pagination") or body.get("pagination") or {}, "query/pagination"),
        test_mode=test_mode if isinstance(test_mode, bool) else _boolean(str(test_mode).lower(), "testMode"),
        schemas=schemas,
    )


def from_text(text: str, descendants: bool = True) -> Filter:
    """A filter of a GET: ``HP:0000118``, ``ageOfOnset:>P70Y``, ``modality:=CT`` or ``modality:CT``."""
    at, operator = min(
        ((text.index(operator), operator) for operator in OPERATORS if operator in text),
        key=lambda found: (found[0], -len(found[1])),
        default=(-1, ""),
    )
    if operator and at > 0:
        id, value = text[:at].removesuffix(":"), text[at + len(operator) :]
        return terms.read({"id": id, "operator": operator, "value": value})
    field, colon, value = text.partition(":")
    words = vocabulary()
    if colon and (field in words.imaging_fields or words.age_field(field) or words.term_path(field)):
        return terms.read({"id": field, "operator": "=", "value": value})
    return terms.read({"id": text, "includeDescendantTerms": descendants})


def _request(
    *,
    filters: list[Filter],
    asked: Mapping[str, Any],
    granularity: Any,
    include: Any,
    pagination: Mapping[str, Any],
    test_mode: bool,
    schemas: list[Any],
) -> Request:
    _few(filters)
    _one_of("requestedGranularity", granularity, GRANULARITIES)
    _one_of("includeResultsetResponses", include, INCLUDE)
    skip = _page("skip", pagination.get("skip"), 0)
    limit = _page("limit", pagination.get("limit"), DEFAULT_LIMIT)
    limit = min(limit or MAXIMUM_LIMIT, MAXIMUM_LIMIT)
    summary = {
        "apiVersion": API_VERSION,
        "requestedSchemas": [dict(schema) for schema in schemas],
        "filters": [str(filter) for filter in filters],
        "requestParameters": {"g_variant": dict(asked)} if asked else {},
        "includeResultsetResponses": include,
        "pagination": {"skip": skip, "limit": limit},
        "requestedGranularity": granularity,
        "testMode": test_mode,
    }
    variant = parameters.variant_query(asked)
    return Request(tuple(filters), variant, granularity, include, skip, limit, test_mode, summary)


def _few(filters: list[Any]) -> list[Any]:
    if len(filters) > MAX_FILTERS:
        raise Failure(400, f"filters: {len(filters)} of them; at most {MAX_FILTERS} are allowed")
    return filters


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise Failure(400, f"{name}: {str(value)[:40]!r}; allowed: {', '.join(allowed)}")


def _page(name: str, value: Any, default: int) -> int:
    if value is None:
        return default
    text = str(value)
    if isinstance(value, bool | float) or not text.isdecimal() or len(text) > 9:
        raise Failure(400, f"{name}: {text[:40]!r} is not a whole number from 0")
    return int(text)


def _boolean(text: str, name: str) -> bool:
    _one_of(name, text, ("true", "false"))
    return text == "true"


def _object(value: Any, place: str, allowed: frozenset[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Failure(400, f"{place}: must be an object")
    for name in value:
        if allowed is not None and name not in allowed:
            raise Failure(400, f"{place}: {str(name)[:40]!r} is unknown; allowed: {', '.join(sorted(allowed))}")
    return value
