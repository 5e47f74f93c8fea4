"""The envelopes of Beacon answers: meta, informational, error (CHECKLIST BEA-60, BEA-61, BEA-64)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.beacon.profile import API_VERSION
from web.errors import Failure, Shape

Body = dict[str, Any]


def informational(beacon_id: str, schemas: Sequence[Mapping[str, str]], response: Body) -> Body:
    """An informational answer."""
    meta = {"beaconId": beacon_id, "apiVersion": API_VERSION, "returnedSchemas": [dict(s) for s in schemas]}
    return {"meta": meta, "response": response}


def meta(beacon_id: str, schemas: Sequence[Mapping[str, str]], granularity: str, summary: Mapping[str, Any]) -> Body:
    """The meta of a data answer; ``summary`` is the request as it was understood."""
    return {
        "beaconId": beacon_id,
        "apiVersion": API_VERSION,
        "returnedSchemas": [dict(schema) for schema in schemas],
        "returnedGranularity": granularity,
        "receivedRequestSummary": dict(summary),
        "testMode": bool(summary.get("testMode", False)),
    }


def beacon_error(status: int, message: str, beacon_id: str) -> Body:
    """The error envelope; of a request that could not be read, the summary says what would have been the default."""
    summary = {
        "apiVersion": API_VERSION,
        "requestedSchemas": [],
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "boolean",
    }
    return {
        "meta": meta(beacon_id, (), "boolean", summary),
        "error": {"errorCode": status, "errorMessage": message},
    }


def beacon_shape(beacon_id: str) -> Shape:
    """The shape of errors under a Beacon's base path, for ``web.errors``."""

    def shape(failure: Failure) -> Body:
        return beacon_error(failure.status, failure.message, beacon_id)

    return shape
