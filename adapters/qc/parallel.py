"""BGZF inflated by several threads: its blocks say how long they are, and isal lets the others run meanwhile."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from adapters.qc.detection import bgzf_size
from adapters.qc.tally import Bytes

READ: Final = 1 << 18
HEADER: Final = 64
FIXED: Final = 12
LARGEST: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole blocks that begin at byte ``offset`` of the file: ``places`` are (start, size) of each in ``data``."""

    offset: int
    data: bytes
    places: list[tuple[int, int]]

    @property
    def end(self) -> int:
        """Byte of the file after the last block."""
        start, size = self.places[-1]
        return self.offset + start + size


@dataclass(frozen=True, slots=True)
class Inflated:
    """``text[room:end]`` is the content of ``blocks`` blocks; ``after`` is the byte of the file that comes next."""

    text: Bytes
    end: int
    blocks: int
    after: int


def chunks(file: BinaryIO, offset: int) -> Iterator[Chunk]:
    """Chunks of whole blocks from byte ``offset`` on, up to the first place at which no whole block begins."""
    data = b""
    while more := file.read(READ):
        data += more
        places, at = [], 0
        while (size := bgzf_size(data[at : at + HEADER])) and at + size <= len(data):
            places.append((at, size))
            at += size
        if places:
            yield Chunk(offset, data, places)
        elif len(data) > LARGEST:
            return
        data, offset = data[at:], offset + at


def inflate(chunk: Chunk, room: int) -> Inflated:
    """Inflate a chunk, up to the first block that is not what its checksum says; ``room`` bytes before it stay free."""
    from adapters.qc.source import bgzf_block  # it imports this module

    view = memoryview(chunk.data)
    lengths = [struct.unpack_from("<I", chunk.data, start + size - 4)[0] for start, size in chunk.places]
    text = np.empty(room + sum(min(length, LARGEST) for length in lengths), np.uint8)
    end, blocks, after = room, 0, chunk.offset
    for start, size in chunk.places:
        out = bgzf_block(view[start : start + size])
        if out is None:
            break
        text[end : end + len(out)] = np.frombuffer(out, np.uint8)
        end, blocks, after = end + len(out), blocks + 1, chunk.offset + start + size
    return Inflated(text, end, blocks, after)


def inflated(file: BinaryIO, room: int, threads: int) -> Iterator[Inflated]:
    """The content from where the file stands, in order; what follows the last is to be read in another way."""
    waiting: deque[tuple[Chunk, Future[Inflated]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="inflate") as pool:
        for chunk in chunks(file, file.tell()):
            waiting.append((chunk, pool.submit(inflate, chunk, room)))
            if len(waiting) > threads:
                first, future = waiting.popleft()
                yield (found := future.result())
                if found.after != first.end:
                    return
        while waiting:
            first, future = waiting.popleft()
            yield (found := future.result())
            if found.after != first.end:
                return
