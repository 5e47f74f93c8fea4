"""Lines of a VCF file, plain, bgzipped or gzipped; the first two by segments that processes read side by side.

A segment is a range of the file's bytes. It has the lines whose preceding line end lies in it, so that every line is
in exactly one segment wherever the boundaries are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip, isal_zlib

from adapters.reads.bgzf import EXTRA, LARGEST_BLOCK, TRAILER, block_size
from adapters.reads.errors import DamagedFile

# The stub of isal call its exception class an exception, and does not type the file.
_IsalError = cast("type[Exception]", isal_zlib.error)
BGZF_MAGIC, GZIP_MAGIC = b"\x1f\x8b\x08\x04", b"\x1f\x8b"
READ = 1 << 20  # bytes asked of the file at once
TOGETHER = 16  # blocks that are handed on as one
LONGEST_LINE = 1 << 29  # bytes
COMPRESSED_SEGMENT, PLAIN_SEGMENT = 1 << 22, 1 << 25  # bytes


class InvalidVariantFile(ValueError):
    """The file cannot be loaded; the message names the file, the place and what is wrong."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes ``start`` to ``end`` of a file; ``number`` counts from 0."""

    number: int
    start: int
    end: int


def segments(path: Path, size: int | None = None) -> list[Segment]:
    """The segments of a file, in order; the same for the same bytes.

    :param size: about how many bytes of the file each has. A gzipped file cannot be entered: it is one segment.
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if magic[:2] == GZIP_MAGIC and magic != BGZF_MAGIC:
            return [Segment(0, 0, total)]
        packed = magic == BGZF_MAGIC
        step = size or (COMPRESSED_SEGMENT if packed else PLAIN_SEGMENT)
        starts = [_block_from(file, at) if packed else at for at in range(0, total, step)]
    starts = sorted({start for start in starts if start < total})
    return [Segment(n, a, b) for n, (a, b) in enumerate(zip(starts, [*starts[1:], total], strict=True))]


def lines(path: Path, segment: Segment) -> Iterator[bytes]:
    """The lines of a segment, without their ends. The last line of a file ends with it.

    :raises InvalidVariantFile: where the file is cut off or damaged.
    """
    rest: list[bytes] = []
    length, owned = 0, segment.start == 0
    for inside, data in _chunks(path, segment):
        if not owned and not inside:
            return  # a line of an earlier segment covers this one
        first, *found = data.split(b"\n", -1 if inside else 1)
        if owned:
            rest.append(first)
            length += len(first)
        if found:
            if owned:
                yield b"".join(rest)
            if not inside:
                return
            yield from found[:-1]
            rest, length, owned = found[-1:], len(found[-1]), True
        if length > LONGEST_LINE:
            raise InvalidVariantFile(f"{path}: a line near byte {segment.start} is longer than {LONGEST_LINE} bytes")
    if owned and (last := b"".join(rest)):
        yield last


def _chunks(path: Path, segment: Segment) -> Iterator[tuple[bool, bytes]]:
    """Text of the file from a segment's start to the file's end, and whether it is the segment's own."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(segment.start)
        try:
            if magic == BGZF_MAGIC:
                yield from _inflated(file, segment)
            elif magic[:2] == GZIP_MAGIC:
                with igzip.IGzipFile(fileobj=file) as whole:  # type: ignore[no-untyped-call]
                    while data := whole.read(READ):
                        yield True, data
            else:
                while data := file.read(min(READ, max(segment.end - file.tell(), 0)) or READ):
                    yield file.tell() <= segment.end, data
        except (DamagedFile, EOFError, OSError, _IsalError) as error:
            raise InvalidVariantFile(f"{path}: broken behind byte {segment.start}: {error}") from error


def _inflated(file: BinaryIO, segment: Segment) -> Iterator[tuple[bool, bytes]]:
    pieces: list[bytes] = []
    for at, data in _blocks(file, segment.start):
        if pieces and (at >= segment.end or len(pieces) == TOGETHER):
            yield True, b"".join(pieces)
            pieces = []
        if at >= segment.end:
            yield False, data
        else:
            pieces.append(data)
    if pieces:
        yield True, b"".join(pieces)


def _blocks(file: BinaryIO, at: int) -> Iterator[tuple[int, bytes]]:
    """Place and inflated data of each block from byte ``at`` on."""
    raw, offset, ended = b"", 0, False
    while True:
        if not ended and len(raw) - offset < LARGEST_BLOCK:
            more = file.read(READ)
            raw, offset, ended = raw[offset:] + more, 0, not more
        if offset == len(raw):
            return
        size = block_size(raw[offset : offset + 512], at)
        yield at, _block(raw, offset, size, at)
        at, offset = at + size, offset + size


def _block(raw: bytes, offset: int, size: int, at: int) -> bytes:
    start = offset + EXTRA + int.from_bytes(raw[offset + 10 : offset + 12], "little")
    stop = offset + size
    if stop > len(raw) or stop < start + TRAILER:
        raise DamagedFile(f"the BGZF block at byte {at} is cut off")
    checksum = int.from_bytes(raw[stop - 8 : stop - 4], "little")
    length = int.from_bytes(raw[stop - 4 : stop], "little")
    if length > LARGEST_BLOCK:
        raise DamagedFile(f"the BGZF block at byte {at} claims {length} bytes")
    data = isal_zlib.decompress(raw[start : stop - TRAILER], wbits=-15, bufsize=length + 1)
    if len(data) != length or zlib.crc32(data) != checksum:
        raise DamagedFile(f"the BGZF block at byte {at} fails its checksum")
    return bytes(data)


def _block_from(file: BinaryIO, at: int) -> int:
    """Where the first block at or behind byte ``at`` begins: two headers in a row cannot be an accident."""
    if at == 0:
        return 0
    file.seek(at)
    raw = file.read(3 * LARGEST_BLOCK)
    found = raw.find(BGZF_MAGIC)
    while found >= 0:
        try:
            following = found + block_size(raw[found : found + 512], at + found)
            if following == len(raw) or block_size(raw[following : following + 512], at + following):
                return at + found
        except DamagedFile:
            pass
        found = raw.find(BGZF_MAGIC, found + 1)
    return at + len(raw)
