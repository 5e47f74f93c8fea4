"""How many bytes of memory a value takes, with all that it refers to."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import chain
from typing import Any, cast


def footprint(value: object) -> int:
    """Bytes of an object and of what it holds (containers, records, bitmaps), each counted once."""
    seen: set[int] = set()
    waiting, total = [value], 0
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            total += sys.getsizeof(one)
            waiting.extend(_held(one))
    return total


def _held(value: Any) -> Iterable[object]:
    if isinstance(value, Mapping):
        return chain(value, value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return value
    return [getattr(value, name) for name in _fields(cast(Hashable, type(value)))]


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
