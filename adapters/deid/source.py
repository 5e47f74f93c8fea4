"""Bytes of a file by place, in windows: no more of it is held than a header needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from adapters.deid.errors import Reason, Refused

WINDOW = 1 << 16
COPIED = 1 << 20  # bytes copied at a time


class Source:
    """A file of ``size`` bytes opened for reading; places are 0-based byte offsets."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size
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

    def chunks(self, start: int, end: int, buffer: memoryview | None = None) -> Iterator[bytes | memoryview]:
        """The bytes from ``start`` to before ``end``, a piece at a time.

        :param buffer: where pieces are read to; a piece is then valid until the next one is asked for.
        :raises Refused: if the file ends before.
        """
        buffer = buffer or memoryview(bytearray(min(COPIED, max(end - start, 1))))
        while start < end:
            read = os.preadv(self.descriptor, [buffer[: end - start]], start)
            if not read:
                raise Refused(Reason.DAMAGED, f"cut off at byte {start}")
            yield buffer[:read]
            start += read
