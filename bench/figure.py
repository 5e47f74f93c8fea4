"""A measured figure beside its target and, where there is one, its peer."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass

COMPARISONS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``name`` is ``<bench>.<row>[.<part>]``; ``target`` reads ``">= 0.5"`` or ``"<= 15"``.

    The target is about ``ratio`` where there is one, else about ``value``.
    """

    name: str
    value: float
    unit: str
    target: str
    peer: str | None = None
    ratio: float | None = None

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        comparison, bound = self.target.split()
        return bool(COMPARISONS[comparison](self.value if self.ratio is None else self.ratio, float(bound)))

    def line(self) -> str:
        """One JSON line."""
        return json.dumps(asdict(self))


class PeerAbsent(Exception):
    """The program beside which something is measured is not here; the message names it.

    :ivar measured: figures that did not need it.
    """

    def __init__(self, message: str, measured: Sequence[Figure] = ()) -> None:
        super().__init__(message)
        self.measured = measured
