"""BGZF inflated by several threads: its blocks say how long they are, and isal lets the others run meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import BinaryIO, Final

import numpy as np

from adapters.qc import bgzf
from adapters.qc.detection import bgzf_size
from adapters.qc.tally import Bytes

READ: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole blocks that begin at byte ``offset`` of the file: ``places`` are (start, end) of each in ``data``."""

    offset: int
    data: bytes
    places: list[tuple[int, int]]

    @property
    def end(self) -> int:
        """Byte of the file after the last block."""
        return self.offset + self.places[-1][1]


@dataclass(frozen=True, slots=True)
class Inflated:
    """``text[room:end]`` is the content of ``blocks`` blocks; ``after`` is the byte of the file that comes next."""

    text: Bytes
    end: int
    blocks: int
    after: int


def chunks(file: BinaryIO, offset: int, size: int) -> Iterator[Chunk]:
    """Chunks of whole blocks from byte ``offset`` on, up to the first place at which no whole block begins.

    Each holds at most ``size`` bytes when inflated, or one block.
    """
    data = b""
    while more := file.read(READ):
        data += more
        at = 0
        while places := _places(data, at, size):
            yield Chunk(offset, data, places)
            at = places[-1][1]
        if not at and len(data) > bgzf.LARGEST:
            return
        data, offset = data[at:], offset + at


def _places(data: bytes, at: int, size: int) -> list[tuple[int, int]]:
    """Where whole blocks begin and end from ``at`` on, as many as fit."""
    places: list[tuple[int, int]] = []
    held = 0
    while (packed := bgzf_size(data[at : at + bgzf.HEADER])) and at + packed <= len(data):
        held += min(bgzf.LARGEST, bgzf.length(data, at + packed))
        if places and held > size:
            break
        places.append((at, at + packed))
        at += packed
    return places


def inflate(chunk: Chunk, room: int, text: Bytes) -> Inflated:
    """Inflate a chunk into ``text[room:]``, up to the first block that is not what its checksum says."""
    view = memoryview(chunk.data)
    end, blocks, after = room, 0, chunk.offset
    for start, stop in chunk.places:
        out = bgzf.content(view[start:stop])
        if out is None:
            break
        text[end : end + len(out)] = np.frombuffer(out, np.uint8)
        end, blocks, after = end + len(out), blocks + 1, chunk.offset + stop
    return Inflated(text, end, blocks, after)


def inflated(file: BinaryIO, room: int, size: int, threads: int) -> Iterator[Inflated]:
    """The content from where the file stands, in order; what follows the last is to be read in another way.

    The text of one is overwritten when the next is asked for; it has ``room`` bytes before it, and is ``size`` long.
    """
    size = max(size, bgzf.LARGEST)
    texts = cycle([np.empty(room + size, np.uint8) for _ in range(threads + 1)])
    waiting: deque[tuple[Chunk, Future[Inflated]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="inflate") as pool:
        for chunk in chunks(file, file.tell(), size):
            waiting.append((chunk, pool.submit(inflate, chunk, room, next(texts))))
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
