"""What can go wrong between a region and the bytes of its slice."""

from __future__ import annotations


class SliceError(Exception):
    """A slice cannot be given; the message says why."""


class DamagedFile(SliceError):
    """The file is cut off, of another format, or not what its index describes."""


class DamagedIndex(SliceError):
    """The index is cut off, of another kind, or points outside its file."""


class StaleIndex(SliceError):
    """The index is older than its file: it may tell of records that stood there before."""


class MissingIndex(SliceError):
    """Regions were asked of a file that has no index."""


class UnknownReference(SliceError):
    """The file knows no reference sequence of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no reference sequence is named {name[:200]!r}")
        self.name = name
