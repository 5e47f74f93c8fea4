"""Decompressed blocks of a file, read ahead by a thread of its own."""

from __future__ import annotations

import bz2
import lzma
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import BinaryIO, Final, Protocol

import numpy as np
from isal import igzip_lib

from adapters.qc import bgzf
from adapters.qc.detection import Container, bgzf_size
from adapters.qc.errors import UnsupportedFormat
from adapters.qc.parallel import inflated
from adapters.qc.tally import Bytes

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

READ: Final = 1 << 18
BLOCK: Final = 1 << 21
"""Bytes of decompressed text in a block."""
ROOM: Final = 1 << 16
"""Bytes kept free before a block for the end of the block before it."""
LONGEST_RECORD: Final = 1 << 28
"""Bytes of the longest record that is checked."""
AHEAD: Final = 2

CORRUPT: Final = (bgzf.ISAL_ERROR, ZstdError, OSError, lzma.LZMAError, EOFError)


class Decompressor(Protocol):
    """What bz2, lzma, zstd and isal offer alike."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing comes without more data."""

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Decompress ``data`` and what was kept, at most ``max_length`` bytes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why decompression ended before the file did. ``byte`` is a place in the file as stored."""

    kind: str
    byte: int
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """``text[start:end]`` is decompressed; ``stored`` bytes of the file were read for it and all before."""

    text: Bytes
    start: int
    end: int
    stored: int


def _gzip() -> Decompressor:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


_DECOMPRESSORS: Final[dict[Container, tuple[Callable[[], Decompressor], bytes]]] = {
    "gzip": (_gzip, b"\x1f\x8b"),
    "bgzf": (_gzip, b"\x1f\x8b"),
    "zstd": (ZstdDecompressor, b"\x28\xb5\x2f\xfd"),
    "bzip2": (bz2.BZ2Decompressor, b"BZh"),
    "xz": (lzma.LZMADecompressor, b"\xfd7zXZ"),
}


class Source:
    """The content of an open file. After the last block ``fault`` says what was wrong with the compression."""

    def __init__(self, file: BinaryIO, container: Container, threads: int = 1) -> None:
        """Read ``file`` from where it stands. With one thread nothing is read ahead; more share the work on BGZF."""
        if container not in ("plain", *_DECOMPRESSORS):
            raise UnsupportedFormat(f"{file.name} is a {container} archive, which is not checked")
        self.file = file
        self.container = container
        self.threads = threads
        self.fault: Fault | None = None
        self.stored = 0
        self.members = 0

    def pieces(self) -> Iterator[bytes]:
        """The decompressed content in pieces of at most :data:`READ` bytes."""
        if self.container == "plain":
            while piece := self._read():
                yield piece
            return
        make, magic = _DECOMPRESSORS[self.container]
        data = self._read()
        if self.container == "bgzf":
            data = yield from self._bgzf_blocks(data)
            if self.members:
                data = self._next(data, magic)
        yield from self._members(data, make, magic)

    def _bgzf_blocks(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Blocks of known size, each at once; what comes at the first that is none, or is not whole or not right."""
        at = 0
        while True:
            size = bgzf_size(data[at : at + bgzf.HEADER])
            if not size or at + size > len(data):
                more = self._read()
                if not more:
                    return data[at:]
                data, at = data[at:] + more, 0
                continue
            out = bgzf.content(memoryview(data)[at : at + size])
            if out is None:
                return data[at:]
            self.members += 1
            at += size
            if out:
                yield out

    def _read(self) -> bytes:
        piece = self.file.read(READ)
        self.stored += len(piece)
        return piece

    def _members(self, data: bytes, make: Callable[[], Decompressor], magic: bytes) -> Iterator[bytes]:
        while data:
            self.members += 1
            member = make()
            try:
                while not member.eof:
                    out = member.decompress(data, READ)
                    data = b""
                    if out:
                        yield out
                    if not member.eof and member.needs_input and not (data := self._read()):
                        self.fault = Fault("compression-truncated", self.stored, "the file ends within a member")
                        return
            except CORRUPT as error:
                self.fault = Fault("compression-corrupt", self.stored - len(member.unused_data), str(error))
                return
            data = self._next(member.unused_data, magic)
            if self.fault:
                return

    def _next(self, data: bytes, magic: bytes) -> bytes:
        """The beginning of the next member; zeros that pad the file are left out."""
        while True:
            while len(data) < len(magic) and (more := self._read()):
                data += more
            rest = data.lstrip(b"\x00")
            if rest.startswith(magic):
                return rest
            if rest:
                place = self.stored - len(rest)
                if magic.startswith(rest):
                    self.fault = Fault("compression-truncated", place, "the file ends within a member's header")
                else:
                    self.fault = Fault("trailing-data", place, "data after the last member is not compressed")
                return b""
            if not data:
                return b""
            data = self._read()


def blocks(source: Source) -> Iterator[Block]:
    """Blocks of about :data:`BLOCK` bytes with :data:`ROOM` before them; one is overwritten when the next is asked for.

    A fresh array for each would cost as much as a third of the check: the system clears its pages first.
    """
    if source.threads == 1:
        yield from _gathered(source, 1)
        return
    if source.container == "bgzf" and source.file.seekable():
        after = source.file.tell()
        for found in inflated(source.file, ROOM, BLOCK, source.threads):
            source.members += found.blocks
            source.stored = after = found.after
            if found.end > ROOM:
                yield Block(found.text, ROOM, found.end, found.after)
        source.file.seek(after)
    yield from _read_ahead(source)


def _read_ahead(source: Source) -> Iterator[Block]:
    """Blocks, decompressed by another thread."""
    ready: queue.Queue[Block | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()

    def fill() -> None:
        try:
            # One is with the reader, some wait, one is filled.
            for block in _gathered(source, AHEAD + 2):
                if not _put(ready, block, stop):
                    return
            _put(ready, None, stop)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that reads
            _put(ready, error, stop)

    thread = threading.Thread(target=fill, name="decompress", daemon=True)
    thread.start()
    try:
        while (block := ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block
    finally:
        stop.set()
        thread.join()


def _put(
    ready: queue.Queue[Block | BaseException | None], block: Block | BaseException | None, stop: threading.Event
) -> bool:
    while not stop.is_set():
        try:
            ready.put(block, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False


def _gathered(source: Source, alive: int) -> Iterator[Block]:
    """Blocks in ``alive`` arrays in turn."""
    size = ROOM + max(BLOCK, READ, bgzf.LARGEST)
    texts = cycle([np.empty(size, np.uint8) for _ in range(alive)])
    text, end = next(texts), ROOM
    for piece in source.pieces():
        if end > ROOM and end + len(piece) > ROOM + BLOCK:
            yield Block(text, ROOM, end, source.stored)
            text, end = next(texts), ROOM
        text[end : end + len(piece)] = np.frombuffer(piece, np.uint8)
        end += len(piece)
    if end > ROOM:
        yield Block(text, ROOM, end, source.stored)
