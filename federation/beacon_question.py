"""A Beacon request as the gateway received it: passed on to the nodes unchanged, save for terms that a node knows under
another name only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from federation.beacon_model import API_VERSION
from federation.translation import Translation, translatable, translated
from web.errors import Failure

GRANULARITIES = ("boolean", "count", "record")
DEFAULT_LIMIT = 10
DEFAULT_GRANULARITY = "record"


@dataclass(frozen=True)
class Question:
    """One request. ``query_string`` is what follows ``?`` of a GET, ``body`` the JSON of a POST."""

    summary: Mapping[str, Any]
    query_string: str = ""
    body: Mapping[str, Any] | None = None

    @property
    def granularity(self) -> str:
        """Requested granularity."""
        return str(self.summary["requestedGranularity"])

    def address(self, url: str) -> str:
        """``url`` with the query of a GET."""
        return f"{url}?{self.query_string}" if self.query_string else url

    def terms(self) -> list[str]:
        """What may be a term that can be translated."""
        if self.body is None:
            return list(self.summary["filters"])
        filters = (self.body.get("query") or {}).get("filters") or ()
        return [item["id"] for item in filters if translatable(item)]

    def translated(self, made: Iterable[Translation]) -> Question:
        """The question with the terms as they are sent; its summary stays what was asked."""
        if self.body is not None:
            query = self.body["query"]
            return replace(self, body={**self.body, "query": {**query, "filters": translated(query["filters"], made)}})
        sent = {one.asked: one.sent for one in made}
        pairs = [
            (name, ",".join(sent.get(item, item) for item in value.split(",")) if name == "filters" else value)
            for name, value in parse_qsl(self.query_string, keep_blank_values=True)
        ]
        return replace(self, query_string=urlencode(pairs, safe=":,"))


def from_get(query_string: str) -> Question:
    """Read a GET (BEA-23: filters are comma-joined).

    :raises Failure: 400 for a granularity or page that is none.
    """
    values = {name: ",".join(found) for name, found in parse_qs(query_string, keep_blank_values=True).items()}
    filters = [item for item in values.get("filters", "").split(",") if item]
    summary = _summary(
        values.get("requestedGranularity"),
        values.get("skip"),
        values.get("limit"),
        filters,
        values.get("includeResultsetResponses"),
        values.get("testMode") == "true",
    )
    return Question(summary, query_string)


def from_post(body: Mapping[str, Any]) -> Question:
    """Read a POST; granularity and pagination are read at the root too, as older examples have them (BEA-21).

    :raises Failure: 400 for a granularity or page that is none.
    """
    query = body.get("query") or {}
    pagination = query.get("pagination") or body.get("pagination") or {}
    summary = _summary(
        query.get("requestedGranularity") or body.get("requestedGranularity"),
        pagination.get("skip"),
        pagination.get("limit"),
        [_echo(item) for item in query.get("filters") or ()],
        query.get("includeResultsetResponses"),
        bool(query.get("testMode")),
    )
    summary["requestedSchemas"] = body["meta"].get("requestedSchemas") or []
    if query.get("requestParameters"):
        summary["requestParameters"] = query["requestParameters"]
    return Question(summary, body=body)


def _echo(item: Mapping[str, Any]) -> str:
    """A filter as a string (BEA-39)."""
    value = f":{item.get('operator', '=')}{item['value']}" if "value" in item else ""
    return f"{item['id']}{value}"


def _summary(
    granularity: str | None, skip: object, limit: object, filters: list[str], include: str | None, test_mode: bool
) -> dict[str, Any]:
    if granularity is not None and granularity not in GRANULARITIES:
        raise Failure(400, f"requestedGranularity: {granularity[:40]!r}; allowed: {', '.join(GRANULARITIES)}")
    return {
        "apiVersion": API_VERSION,
        "requestedSchemas": [],
        "filters": filters,
        "requestedGranularity": granularity or DEFAULT_GRANULARITY,
        "includeResultsetResponses": include or "HIT",
        "testMode": test_mode,
        "pagination": {"skip": _page(skip, "skip", 0), "limit": _page(limit, "limit", DEFAULT_LIMIT)},
    }


def _page(value: object, name: str, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdecimal() or len(str(value)) > 9:
        raise Failure(400, f"{name}: {str(value)[:40]!r} is not a whole number from 0")
    return int(str(value))
