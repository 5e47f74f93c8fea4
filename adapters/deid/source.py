"""Bytes of a file by place, in windows: no more of it is held than a header needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from adapters.deid.errors import Reason, Refused

WINDOW = 1 << 16
COPIED = 1 << 20  # bytes copied at a time


class Source:
    """A file opened for reading; places are 0-based byte offsets."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.head = os.pread(descriptor, WINDOW, 0)

    def window(self, start: int) -> tuple[bytes, int]:
        """A stretch of the file and where it begins; it reaches at least 64 bytes beyond ``start`` or to the end."""
        if start + 64 <= len(self.head) or len(self.head) == self.size:
            return self.head, 0
        return os.pread(self.descriptor, WINDOW, start), start

    def read(self, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``.

        :raises Refused: if the file ends before.
        """
        if start + length <= len(self.head):
            return self.head[start : start + length]
        found = os.pread(self.descriptor, length, start)
        if len(found) != length:
            raise Refused(Reason.DAMAGED, f"cut off at byte {start + len(found)}")
        return found

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``end``, a piece at a time."""
        if end <= len(self.head):
            yield self.head[start:end] if end - start != len(self.head) else self.head
            return
        while start < end:
            piece = self.read(start, min(COPIED, end - start))
            yield piece
            start += len(piece)
