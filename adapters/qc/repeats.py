"""Duplicates, as found by any engine."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Repeat:
    """A read with the name of an earlier one. Records and lines are 1-based."""

    name: str
    record: int
    line: int
    first_record: int
    first_line: int


@dataclass(slots=True)
class Repeated:
    """How many reads repeat a name of an earlier read, how many names that are, and the first of them in the file."""

    reads: int = 0
    names: int = 0
    first: list[Repeat] = field(default_factory=list)
