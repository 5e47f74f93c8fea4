"""Cutting a BGZF file at virtual offsets: whole blocks stay where they are, edges are trimmed and packed anew."""

from __future__ import annotations

from collections.abc import Callable

from adapters.reads.bgzf import Block, compressed
from adapters.reads.binning import Chunk
from adapters.reads.errors import DamagedFile, DamagedIndex
from adapters.reads.inflated import Blocks
from adapters.reads.parts import Inline, Part, Section, Span

Boundary = Callable[[bytes, int], bool]
"""Whether a record may begin at a place of a block's data."""


def cut(blocks: Blocks, chunk: Chunk, end: int, section: Section, boundary: Boundary) -> list[Part]:
    """The records between two virtual offsets.

    :param end: byte at which the blocks of data end.
    :raises DamagedIndex: if one of the offsets is not where a record begins.
    :raises DamagedFile: if a block at an edge is broken.
    """
    first, skipped = chunk[0] >> 16, chunk[0] & 0xFFFF
    last, kept = chunk[1] >> 16, chunk[1] & 0xFFFF
    if first == last:
        data = _edge(blocks, first, skipped, boundary).data
        _inside(data, kept, last)
        return [Inline(compressed(data[skipped:kept]), section)]
    parts: list[Part] = []
    if skipped:
        block = _edge(blocks, first, skipped, boundary)
        parts.append(Inline(compressed(block.data[skipped:]), section))
        first += block.size
    else:
        _begins(blocks, first, end)
    if last > end or first > last:
        raise DamagedIndex(f"the index names byte {last}, which is not where a block begins")
    tail = b""
    if kept:
        block = _edge(blocks, last, kept, boundary)
        tail = compressed(block.data[:kept])
    else:
        _begins(blocks, last, end)
    return [*parts, Span(first, last, section), Inline(tail, section)]


def _edge(blocks: Blocks, offset: int, at: int, boundary: Boundary) -> Block:
    try:
        block = blocks.block(offset)
    except DamagedFile as error:
        raise DamagedIndex(f"the index does not belong to the file: {error}") from error
    _inside(block.data, at, offset)
    if not boundary(block.data, at):
        raise DamagedIndex(f"the index does not belong to the file: no record begins at {offset}:{at}")
    return block


def _inside(data: bytes, at: int, offset: int) -> None:
    if at > len(data):
        raise DamagedIndex(f"the index does not belong to the file: the block at byte {offset} ends before {at}")


def _begins(blocks: Blocks, offset: int, end: int) -> None:
    if offset == end:
        return
    try:
        if offset > end:
            raise DamagedFile(f"the data end at byte {end}, before {offset}")
        blocks.check(offset)
    except DamagedFile as error:
        raise DamagedIndex(f"the index does not belong to the file: {error}") from error


def stretches(chunks: list[Chunk], most: int) -> list[Chunk]:
    """The chunks in file order, each byte once, those that share a block as one, and at most ``most`` of them.

    Beyond that the smallest gaps are closed: a slice may hold more than was asked, and every edge costs a block.
    """
    merged: list[Chunk] = []
    for begin, end in sorted(chunks):
        if merged and begin >> 16 <= merged[-1][1] >> 16:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    if len(merged) <= most:
        return merged
    gaps = sorted(range(1, len(merged)), key=lambda at: merged[at][0] - merged[at - 1][1])
    breaks = sorted(gaps[len(merged) - most :])
    starts, ends = [0, *breaks], [*(at - 1 for at in breaks), len(merged) - 1]
    return [(merged[start][0], merged[end][1]) for start, end in zip(starts, ends, strict=True)]
