"""Sets of names in which a name is looked up and added at once; they may say of a new name that it was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.qc.errors import EngineAbsent

Add = Callable[[bytes], bool]
"""Adds a name; whether it was (or seems to have been) there."""
ERROR_RATE: Final = 0.001
FIRST_CAPACITY: Final = 1 << 16


def plain_set() -> Add:
    """A set of Python: exact, and as large as all names."""
    names: set[bytes] = set()

    def add(name: bytes) -> bool:
        before = len(names)
        names.add(name)
        return len(names) == before

    return add


def pybloom_live() -> Callable[[], Add]:
    """The scalable filter of pybloom-live.

    :raises EngineAbsent: if it is not installed.
    """
    try:
        from pybloom_live import ScalableBloomFilter
    except ImportError as error:
        raise EngineAbsent("engine pybloom-live needs the package pybloom-live") from error

    def make() -> Add:
        names = ScalableBloomFilter(FIRST_CAPACITY, ERROR_RATE, ScalableBloomFilter.LARGE_SET_GROWTH)

        def add(name: bytes) -> bool:
            return bool(names.add(name))

        return add

    return make
