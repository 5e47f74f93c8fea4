"""A finding: what is wrong, how often, and where first."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is. ``record`` and ``line`` are 1-based, ``byte`` is 0-based in the decompressed text, ``column``
    1-based in the line; what is not known is absent. ``detail`` says what stands there."""

    record: int | None = None
    line: int | None = None
    byte: int | None = None
    column: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault in one file. ``count`` counts reads, lines or places, as ``unit`` says."""

    kind: str
    count: int
    unit: str
    message: str
    places: tuple[Place, ...] = field(default=())
