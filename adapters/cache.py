"""What was made of files (parsed headers, indexes, documents), kept while memory allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    """The most recently used values up to a total weight. Safe to use from any thread.

    A value is made once even when many ask for it at the same moment; one that could not be made is not kept.

    :param capacity: sum of the weights kept, in bytes.
    :param weight: bytes that a value takes.
    """

    def __init__(self, capacity: int, weight: Callable[[V], int]) -> None:
        self._capacity = capacity
        self._weigh = weight
        self._total = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def known(self, key: Hashable) -> V | None:
        """The value of ``key`` if it is kept; waits for nobody who is making it."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of ``key``, made by ``make`` if it is not kept; what ``make`` raises is passed on."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key][0]
            try:
                value = make()
                self._keep(key, value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def _keep(self, key: Hashable, value: V) -> None:
        weight = self._weigh(value)
        if weight > self._capacity:
            return
        with self._lock:
            _, replaced = self._values.pop(key, (value, 0))
            self._values[key] = (value, weight)
            self._total += weight - replaced
            while self._total > self._capacity:
                _, (_, freed) = self._values.popitem(last=False)
                self._total -= freed
