"""A seekless view of one object, for readers of indexes and containers."""

from __future__ import annotations

import datetime as dt
import io
import os
from typing import TYPE_CHECKING

from adapters.store.protocol import ArchiveStore, ChangedObject, WouldWait

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


READ_AHEAD = 1 << 16  # bytes


class ByteSource:
    """One object of a store; ``size`` (bytes), ``etag`` and ``modified`` (UTC) are those when the view is made.

    To be closed, or used in a ``with`` statement.
    """

    def __init__(self, store: ArchiveStore, key: str) -> None:
        """:raises NoSuchObject: if the store does not hold ``key``."""
        self.key = key
        self._opened = store.open(key)
        self.size = self._opened.size

    @property
    def etag(self) -> str:
        """See :class:`~adapters.store.protocol.Stat`."""
        return self._opened.stat.etag

    @property
    def modified(self) -> dt.datetime:
        """See :class:`~adapters.store.protocol.Stat`."""
        return self._opened.stat.modified

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the object go."""
        self._opened.close()

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from the 0-based ``offset``, fewer only where the object ends.

        :raises ChangedObject: if the object was replaced or became shorter since the view was made.
        """
        piece = self._opened.read(offset, length)
        if len(piece) < min(length, self.size - offset):
            raise ChangedObject(f"{self.key!r} is shorter than the {self.size} bytes it had")
        return piece

    def at_once(self, offset: int, length: int, before: bytes = b"", after: bytes = b"") -> bytearray:
        """The same bytes without waiting for them, between ``before`` and ``after``: copied once, not joined to them.

        :raises WouldWait: if they cannot be had at once.
        :raises ChangedObject: if the object was replaced since the view was made.
        """
        start, length = len(before), max(0, min(length, self.size - offset))
        whole = bytearray(start + length + len(after))
        whole[:start] = before
        whole[start + length :] = after
        self._opened.read_at_once(offset, memoryview(whole)[start : start + length])
        return whole

    def open(self) -> io.BufferedReader:
        """The object as a seekable binary file; small reads are gathered."""
        return io.BufferedReader(_Raw(self), READ_AHEAD)


class Resident(ByteSource):
    """A view for who must not wait: of what can be read at once, and not much of it.

    :param most: bytes that may be read in all.
    """

    def __init__(self, store: ArchiveStore, key: str, most: int) -> None:
        super().__init__(store, key)
        self._left = most

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`ByteSource`.

        :raises WouldWait: if a byte cannot be read at once, or it is too much.
        """
        wanted = max(0, min(length, self.size - offset))
        self._left -= wanted
        if self._left < 0:
            raise WouldWait
        return bytes(self.at_once(offset, wanted))


class _Raw(io.RawIOBase):
    """What ``io.BufferedReader`` needs of a source."""

    def __init__(self, source: ByteSource) -> None:
        self.name = source.key
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        piece = self._source.read(self._position, len(view))
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
