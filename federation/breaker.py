"""Circuit breaker: a node that keeps failing is not asked for a while, then one request tries it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class _Circuit:
    failures: int = 0
    open_until: float = 0.0


class Breaker:
    """One circuit per node.

    :param threshold: failures in a row that open a circuit.
    :param open_seconds: how long it stays open; then one request may try, and its outcome decides.
    """

    def __init__(self, threshold: int, open_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold = threshold
        self._open_seconds = open_seconds
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def allows(self, node: str) -> bool:
        """Whether ``node`` may be asked now."""
        circuit = self._circuits.get(node)
        if circuit is None or circuit.failures < self._threshold:
            return True
        now = self._clock()
        if now < circuit.open_until:
            return False
        circuit.open_until = now + self._open_seconds  # the one that tries; others wait for its outcome
        return True

    def worked(self, node: str) -> None:
        """``node`` answered sensibly."""
        self._circuits.pop(node, None)

    def failed(self, node: str) -> None:
        """``node`` did not answer, or not sensibly."""
        circuit = self._circuits.setdefault(node, _Circuit())
        circuit.failures += 1
        if circuit.failures >= self._threshold:
            circuit.open_until = self._clock() + self._open_seconds
