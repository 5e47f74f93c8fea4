"""Random access to the bytes of one file, wherever it is stored."""

from __future__ import annotations

from typing import Protocol

from adapters.reads.errors import DamagedFile


class ByteSource(Protocol):
    """A file of ``size`` bytes."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from the 0-based ``offset``, fewer only where the file ends."""


def read_exactly(source: ByteSource, offset: int, length: int) -> bytes:
    """``length`` bytes from ``offset``.

    :raises DamagedFile: if the file ends before.
    """
    data = source.read(offset, length) if 0 <= offset <= source.size else b""
    if len(data) != length:
        raise DamagedFile(f"the file of {source.size} bytes ends before byte {offset + length}")
    return data
