"""What any engine says about one file of reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from adapters.qc.detection import Container
from adapters.qc.findings import Finding
from adapters.qc.source import Fault
from adapters.qc.spool import Spool
from adapters.qc.tally import Ints, Keys

MEMORY: Final = 256 << 20
"""Bytes that the check of names may take, unless told otherwise."""

THREADS: Final = 2
"""Threads that decompress, unless told otherwise."""

Progress = Callable[[int], None]
"""Told how many bytes of the stored file were read since it was told last."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where names are kept on disk, how many bytes of memory their check may take, and how many threads decompress."""

    folder: Path | None = None
    memory: int = MEMORY
    threads: int = THREADS


@dataclass(slots=True)
class Outcome:
    """One file. ``names`` are the keys of its reads in file order, ``markers`` how many reads have each mate marker.

    ``profile`` is empty where an engine makes none; ``shares`` are those the archive's rules ask for.
    """

    reads: int
    bases: int
    findings: list[Finding]
    quality_offset: int
    shares: dict[str, float | None]
    fault: Fault | None
    names: Spool
    markers: Ints
    profile: dict[str, Any] = field(default_factory=dict)

    def close(self) -> None:
        """Give the disk back."""
        self.names.close()


class Engine(Protocol):
    """A way to check a file of reads."""

    name: str
    claims: frozenset[str]
    """Kinds of findings that it finds wherever they are."""

    def check(self, file: BinaryIO, container: Container, seed: Keys, limits: Limits, progress: Progress) -> Outcome:
        """Check an open file, whole.

        :raises adapters.qc.errors.CannotCheck: if that is not possible.
        """
