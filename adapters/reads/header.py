"""What a slice needs to know of the header of a file."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_HEADER = 1 << 27  # bytes, inflated


@dataclass(frozen=True)
class Header:
    """The references of a file and where its records begin.

    :param references: number by name, in the numbering of the index.
    :param end: virtual offset of the first record (CRAM: byte of the first container of records).
    """

    references: dict[str, int]
    end: int

    @property
    def weight(self) -> int:
        """Bytes of memory it takes, roughly."""
        return 100 + sum(100 + len(name) for name in self.references)
