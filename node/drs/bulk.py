"""Answers of bulk calls: bounded, adding up, failures grouped by their code (CHECKLIST DRS-35, DRS-36)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from web.errors import Failure

MAX_BULK = 10_000

Body = dict[str, Any]
Item = TypeVar("Item")


def bounded(items: Sequence[Item]) -> Sequence[Item]:
    """The items, if a bulk request may hold that many.

    :raises Failure: 400 for none, 413 for too many.
    """
    if not items:
        raise Failure(400, "the list of ids is empty")
    if len(items) > MAX_BULK:
        raise Failure(413, f"{len(items)} ids in one request; allowed: {MAX_BULK}")
    return items


def answered(
    name: str,
    items: Sequence[Item],
    id: Callable[[Item], str],
    answer: Callable[[Item], Body],
    each: Callable[..., Iterable[Body | Failure]] = map,
) -> Body:
    """The answer of a bulk call: an item that fails is an unresolved id, not a failed call.

    :param name: key of the resolved ones.
    :param id: the DRS id of an item.
    :param answer: what is told of an item; raises ``Failure``.
    :param each: how it is asked of every item: ``map``, or that of an executor where it waits for something.
    """
    found: list[Body] = []
    missing: dict[int, list[str]] = defaultdict(list)
    for item, outcome in zip(items, each(partial(_attempt, answer), items), strict=True):
        if isinstance(outcome, Failure):
            missing[outcome.status].append(id(item))
        else:
            found.append(outcome)
    return {
        "summary": {"requested": len(items), "resolved": len(found), "unresolved": len(items) - len(found)},
        "unresolved_drs_objects": [{"error_code": code, "object_ids": ids} for code, ids in sorted(missing.items())],
        name: found,
    }


def _attempt(answer: Callable[[Item], Body], item: Item) -> Body | Failure:
    try:
        return answer(item)
    except Failure as failure:
        return failure
