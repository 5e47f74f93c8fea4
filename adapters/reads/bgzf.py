"""BGZF, the blocked gzip of BAM, BCF and bgzipped VCF (SAM specification, section 4.1).

A *virtual offset* is ``compressed offset of a block << 16 | offset in its inflated data``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isal import igzip_lib, isal_zlib

from adapters.reads.errors import DamagedFile
from adapters.reads.source import ByteSource

LARGEST_BLOCK = 1 << 16  # bytes, compressed as well as inflated
PAYLOAD = 0xFF00  # bytes of data per block that we write, as htslib does: fits even when it does not compress
EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
HEADER = struct.Struct("<4sIBBH")
EXTRA = 12
HEAD = 512  # bytes that show whether a block begins
TRAILER = 8
PLAIN_HEAD = 10  # bytes of the head of a gzip member without extra fields
MARKED_HEAD = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0"  # up to the size of the block
GZIP = 31  # as ``wbits``: with gzip's head and its checksum, which is made or verified on the way


@dataclass(frozen=True, slots=True)
class Block:
    """An inflated block: ``data``, and ``size``, the bytes it takes in the file."""

    data: bytes
    size: int


def block_size(head: bytes, offset: int) -> int:
    """Compressed size in bytes of the block whose first bytes are ``head``.

    :param offset: where the block is in the file, for the message.
    :raises DamagedFile: if no BGZF block begins there.
    """
    if len(head) >= EXTRA:
        magic, _, _, _, extra_length = HEADER.unpack_from(head)
        extra = head[EXTRA : EXTRA + extra_length]
        while magic == b"\x1f\x8b\x08\x04" and len(extra) >= 4:
            length = int.from_bytes(extra[2:4], "little")
            if extra[:2] == b"BC" and length == 2 and len(extra) >= 6:
                return int.from_bytes(extra[4:6], "little") + 1
            extra = extra[4 + length :]
    raise DamagedFile(f"no BGZF block begins at byte {offset}")


def read_block(source: ByteSource, offset: int) -> Block:
    """Read and inflate the block that begins at byte ``offset``; its checksum is verified.

    :raises DamagedFile: if there is none, or it is cut off or broken.
    """
    raw = source.read(offset, LARGEST_BLOCK) if 0 <= offset < source.size else b""
    return inflated(raw, block_size(raw, offset), offset)


def inflated(raw: bytes, size: int, offset: int) -> Block:
    """The block of ``size`` bytes with which ``raw`` begins; raises as :func:`read_block` does."""
    start = EXTRA + int.from_bytes(raw[10:12], "little")
    if size > len(raw) or size < start + TRAILER:
        raise DamagedFile(f"the BGZF block at byte {offset} is cut off")
    length = int.from_bytes(raw[size - 4 : size], "little")
    if length > LARGEST_BLOCK:
        raise DamagedFile(f"the BGZF block at byte {offset} claims {length} bytes")
    member = isal_zlib.decompressobj(wbits=GZIP)
    try:
        data = member.decompress(memoryview(raw)[:size], LARGEST_BLOCK + 1)
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise DamagedFile(f"the BGZF block at byte {offset} cannot be inflated or fails its checksum") from error
    if len(data) != length or not member.eof or member.unused_data:
        raise DamagedFile(f"the BGZF block at byte {offset} is not one whole member of gzip")
    return Block(data, size)


def compressed(data: bytes) -> bytes:
    """``data`` as BGZF blocks, without an end marker; nothing for nothing."""
    return b"".join(_block(data[at : at + PAYLOAD]) for at in range(0, len(data), PAYLOAD))


def _block(data: bytes) -> bytes:
    # A member of gzip as the library makes it, but for its head: one call, in which other threads run.
    body = isal_zlib.compress(data, 1, wbits=GZIP)[PLAIN_HEAD:]
    if len(MARKED_HEAD) + 2 + len(body) > LARGEST_BLOCK:
        stored = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
        body = stored + body[-TRAILER:]
    return MARKED_HEAD + struct.pack("<H", len(MARKED_HEAD) + 1 + len(body)) + body


def data_end(source: ByteSource) -> int:
    """Byte at which the data end: before the end marker if there is one, else the size of the file."""
    marked = source.size >= len(EOF) and source.read(source.size - len(EOF), len(EOF)) == EOF
    return source.size - len(EOF) if marked else source.size


class Stream:
    """Inflated bytes from the beginning of a file, with the virtual offset of the next one.

    Nothing is allocated because a length field says so: only what the file really inflates to, up to ``limit`` bytes.
    """

    def __init__(self, source: ByteSource, limit: int) -> None:
        self._source = source
        self._left = limit
        self._offset = 0  # of the block in ``_data``
        self._next = 0  # of the block after it
        self._data = b""
        self._at = 0

    def tell(self) -> int:
        """Virtual offset of the next byte."""
        if self._at == len(self._data):
            return self._next << 16
        return self._offset << 16 | self._at

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes.

        :raises DamagedFile: if the file ends before, or the limit is passed.
        """
        pieces: list[bytes] = []
        while length > 0:
            piece = self._available(length)
            if not piece:
                raise DamagedFile(f"the header of the file is cut off at byte {self._next}")
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def skip(self, length: int) -> None:
        """Pass over ``length`` bytes; raises as :meth:`take` does."""
        while length > 0:
            length -= len(self.take(min(length, LARGEST_BLOCK)))

    def line(self) -> bytes:
        """The next line with its end; the last may lack one; empty at the end of the file."""
        pieces: list[bytes] = []
        while self._fill():
            stop = self._data.find(b"\n", self._at)
            if stop >= 0:
                pieces.append(self._available(stop + 1 - self._at))
                break
            pieces.append(self._available(LARGEST_BLOCK))
        return b"".join(pieces)

    def peek(self) -> bytes:
        """The next byte without passing it; empty at the end of the file."""
        return self._data[self._at : self._at + 1] if self._fill() else b""

    def _available(self, most: int) -> bytes:
        self._fill()
        piece = self._data[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def _fill(self) -> bool:
        """Make at least one byte available; False at the end of the file."""
        while self._at == len(self._data):
            if self._next >= self._source.size:
                return False
            block = read_block(self._source, self._next)
            self._left -= len(block.data)
            if self._left < 0:
                raise DamagedFile(f"the header of the file goes on after byte {self._next}; that is too long")
            self._offset, self._next = self._next, self._next + block.size
            self._data, self._at = block.data, 0
        return True
