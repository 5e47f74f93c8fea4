"""The blocks of one file that one slice looks at: each is read and inflated once, however often it is asked for."""

from __future__ import annotations

from adapters.reads.bgzf import HEAD, LARGEST_BLOCK, Block, block_size, inflated
from adapters.reads.source import ByteSource

AT_ONCE = LARGEST_BLOCK  # bytes read at once: a few blocks as a rule, because neighbours are asked for next


class Blocks:
    """Inflated blocks of ``source``, by the byte at which they begin. For one slice: nothing is ever given up."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self._window = _Window(source)
        self._known: dict[int, Block] = {}

    def block(self, offset: int) -> Block:
        """The block at byte ``offset``; raises as :func:`~adapters.reads.bgzf.read_block` does."""
        known = self._known.get(offset)
        if known is None:
            size = block_size(self._window.read(offset, HEAD), offset)
            known = self._known[offset] = inflated(self._window.read(offset, size), size, offset)
        return known

    def check(self, offset: int) -> None:
        """:raises DamagedFile: if no block begins at byte ``offset``."""
        if offset not in self._known:
            block_size(self._window.read(offset, HEAD), offset)


class _Window:
    """The last bytes read of a source, for reads within them."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._start = 0
        self._data = b""

    def read(self, offset: int, length: int) -> bytes:
        """Fewer bytes than ``length`` only where the file ends."""
        if not 0 <= offset < self._source.size:
            return b""
        at = offset - self._start
        if at < 0 or min(offset + length, self._source.size) > self._start + len(self._data):
            self._start, self._data, at = offset, self._source.read(offset, max(AT_ONCE, length)), 0
        return self._data[at : at + length]
