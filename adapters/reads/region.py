"""Formats, and regions of their references."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNPLACED = "*"


class Format(StrEnum):
    """Formats that can be sliced."""

    BAM = "BAM"
    CRAM = "CRAM"
    VCF = "VCF"
    BCF = "BCF"


ALIGNMENTS = (Format.BAM, Format.CRAM)


@dataclass(frozen=True, slots=True)
class Region:
    """Bases ``start`` (0-based, inclusive) to ``end`` (exclusive; None: to the end of the reference).

    An ``end`` equal to ``start`` asks for the records that lie around that point.
    ``reference`` is a name of the file's header, or ``*`` for the reads of a BAM or CRAM that have no place.
    """

    reference: str
    start: int = 0
    end: int | None = None

    @property
    def stop(self) -> int | None:
        """``end``, but never before the base after ``start``."""
        return None if self.end is None else max(self.end, self.start + 1)

    @property
    def unplaced(self) -> bool:
        """Whether the region is the reads without a place."""
        return self.reference == UNPLACED
