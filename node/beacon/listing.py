"""What ``/filtering_terms`` lists beyond the index of people, and how it is paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.catalog.catalog import DatasetRecord
from adapters.terms.vocabulary import DATASET
from node.beacon.request import from_post

Body = dict[str, Any]


def data_use_terms(datasets: Sequence[DatasetRecord]) -> list[Body]:
    """The DUO terms of the data sets, by id; data sets are public, so all of them are listed."""
    found: dict[str, Body] = {}
    for dataset in datasets:
        for term in dataset.duo.get("duoDataUse") or ():
            if isinstance(term, Mapping) and isinstance(term.get("id"), str):
                label = {"label": term["label"]} if isinstance(term.get("label"), str) else {}
                found[term["id"]] = {"type": "ontologyTerm", "id": term["id"], "scopes": [DATASET]} | label
    return [found[id] for id in sorted(found)]


def paging(body: Body) -> tuple[int, int]:
    """(pages to skip, page size) of a POST; size 0, for all, unless a limit is given.

    :raises web.errors.Failure: 400 as for any request.
    """
    request = from_post(body, "record")
    query = body.get("query") or {}
    given = "limit" in (query.get("pagination") or body.get("pagination") or {})
    return request.skip, request.limit if given else 0
