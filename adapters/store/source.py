"""A seekless view of one object, for readers of indexes and containers."""

from __future__ import annotations

from adapters.store.protocol import ArchiveStore, ChangedObject


class ByteSource:
    """One object of a store; ``size`` is in bytes and fixed when the view is made."""

    def __init__(self, store: ArchiveStore, key: str) -> None:
        """:raises NoSuchObject: if the store does not hold ``key``."""
        self.store = store
        self.key = key
        self.size = store.head(key).size

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from the 0-based ``offset``, fewer only where the object ends.

        :raises ChangedObject: if the object became shorter since the view was made.
        """
        piece = self.store.read(self.key, offset, length)
        if len(piece) < min(length, self.size - offset):
            raise ChangedObject(f"{self.key!r} is shorter than the {self.size} bytes it had")
        return piece
