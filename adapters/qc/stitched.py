"""Blocks of text one after the other, with the unread end of each before the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from adapters.qc.errors import CannotCheck
from adapters.qc.source import LONGEST_RECORD, Block, Source, blocks
from adapters.qc.tally import Bytes

Read = Callable[[Bytes, int, int, bool], int]
"""``read(text, start, end, final)`` returns where it stopped; at ``final`` it reads to the end."""


def read_all(source: Source, read: Read) -> Iterator[Block]:
    """Let ``read`` go over the whole content; yields each block after it was read.

    :raises CannotCheck: if a record is longer than :data:`LONGEST_RECORD`.
    """
    rest = np.empty(0, np.uint8)
    waiting: list[Bytes] = []
    for block in blocks(source):
        # A record longer than a block is tried again only when twice as much of it is there.
        if sum(map(len, waiting)) + block.end - block.start < len(rest):
            waiting.append(block.text[block.start : block.end].copy())
            yield block
            continue
        text, start, end = _joined(rest, waiting, block)
        waiting.clear()
        start = read(text, start, end, False)
        if end - start > LONGEST_RECORD:
            raise CannotCheck(
                f"{source.file.name}: a record is longer than {LONGEST_RECORD:,} bytes"
                f" (before byte {block.stored:,} of the file); this is no FASTQ that can be checked"
            )
        rest = text[start:end].copy()
        yield block
    text = np.concatenate((rest, *waiting))
    read(text, 0, len(text), True)


def _joined(rest: Bytes, waiting: list[Bytes], block: Block) -> tuple[Bytes, int, int]:
    """What was not read, and the block, in one text: that of the block where there is room before it."""
    if len(rest) <= block.start and not waiting:
        start = block.start - len(rest)
        block.text[start : block.start] = rest
        return block.text, start, block.end
    text = np.concatenate((rest, *waiting, block.text[block.start : block.end]))
    return text, 0, len(text)
