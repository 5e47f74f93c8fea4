"""Containers of a CRAM file, versions 2 and 3 (CRAM specification sections 6 to 9)."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from dataclasses import dataclass

from adapters.reads.errors import DamagedFile
from adapters.reads.header import LARGEST_HEADER, Header
from adapters.reads.source import ByteSource, read_exactly

DEFINITION = 26  # bytes of the file definition before the first container
LONGEST_HEAD = 1 << 16  # bytes read to find a container's head; landmarks make it long
EOF_2 = bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100")
EOF_3 = bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b")
SEQUENCE = re.compile(rb"^@SQ\t(?:.*\t)?SN:([^\t\r\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Container:
    """``head`` bytes of head and ``body`` bytes of blocks after it."""

    head: int
    body: int


def version(source: ByteSource) -> int:
    """Major version of the file.

    :raises DamagedFile: if it is no CRAM of version 2 or 3.
    """
    definition = source.read(0, DEFINITION)
    if len(definition) < DEFINITION or definition[:4] != b"CRAM" or definition[4] not in (2, 3):
        raise DamagedFile("the file is no CRAM of version 2 or 3")
    return definition[4]


def end_marker(major: int) -> bytes:
    """The container that ends a file."""
    return EOF_3 if major == 3 else EOF_2


def data_end(source: ByteSource, major: int) -> int:
    """Byte at which the data end: before the end marker if there is one, else the size of the file."""
    marker = end_marker(major)
    marked = source.size >= len(marker) and source.read(source.size - len(marker), len(marker)) == marker
    return source.size - len(marker) if marked else source.size


def read_container(source: ByteSource, offset: int, major: int) -> Container:
    """The container that begins at byte ``offset``.

    :raises DamagedFile: if there is none; in version 3 its checksum decides.
    """
    data = source.read(offset, LONGEST_HEAD) if 0 <= offset < source.size else b""
    fields = _Fields(data, offset)
    body = int.from_bytes(fields.take(4), "little", signed=True)
    for _ in range(4):  # reference, start, span, records
        fields.itf8()
    if major == 3:
        fields.ltf8()  # counter of records
    else:
        fields.itf8()
    fields.ltf8()  # bases
    fields.itf8()  # blocks
    for _ in range(fields.itf8()):
        fields.itf8()  # landmarks
    if major == 3 and zlib.crc32(data[: fields.at]) != int.from_bytes(fields.take(4), "little"):
        raise DamagedFile(f"no CRAM container begins at byte {offset}")
    if body < 0 or offset + fields.at + body > source.size:
        raise DamagedFile(f"the CRAM container at byte {offset} is cut off")
    return Container(fields.at, body)


def check_blocks(source: ByteSource, offset: int, container: Container, major: int) -> None:
    """Go over the blocks of the container at byte ``offset``; in version 3 each has a checksum.

    :raises DamagedFile: if one is cut off or fails it.
    """
    begin = offset + container.head
    body = read_exactly(source, begin, container.body)
    fields = _Fields(body, offset)
    while fields.at < len(body):
        at = fields.at
        fields.take(2)  # method and kind
        fields.itf8()  # content id
        packed, _ = fields.itf8(), fields.itf8()
        fields.take(packed)
        if major == 3 and zlib.crc32(body[at : fields.at]) != int.from_bytes(fields.take(4), "little"):
            raise DamagedFile(f"the CRAM block at byte {begin + at} fails its checksum")


def read_header(source: ByteSource) -> Header:
    """Names of the references in the header text, and the byte at which the containers of records begin.

    :raises DamagedFile: if it is no CRAM or its header is cut off.
    """
    major = version(source)
    container = read_container(source, DEFINITION, major)
    end = DEFINITION + container.head + container.body
    if container.body > LARGEST_HEADER:
        raise DamagedFile(f"the header of {container.body} bytes is too long")
    body = read_exactly(source, DEFINITION + container.head, container.body)
    text = _first_block(body)
    names: dict[str, int] = {}
    for number, found in enumerate(SEQUENCE.finditer(text[4 : 4 + int.from_bytes(text[:4], "little")])):
        names.setdefault(found[1].decode("utf-8", "replace"), number)
    return Header(names, end)


def _first_block(body: bytes) -> bytes:
    """Content of the first block of a container."""
    fields = _Fields(body, DEFINITION)
    method = fields.take(2)[0]
    fields.itf8()  # content id
    packed, size = fields.itf8(), fields.itf8()
    data = fields.take(packed)
    if size > LARGEST_HEADER:
        raise DamagedFile(f"the header of {size} bytes is too long")
    try:
        text = _unpacked(method, data, size)
    except (zlib.error, OSError, lzma.LZMAError) as error:
        raise DamagedFile("the header of the CRAM cannot be inflated") from error
    if len(text) != size:
        raise DamagedFile(f"the header of the CRAM has {len(text)} bytes instead of {size}")
    return text


def _unpacked(method: int, data: bytes, size: int) -> bytes:
    match method:  # numbers of the specification, section 8
        case 0:
            return data
        case 1:
            return zlib.decompressobj(wbits=31).decompress(data, size + 1)
        case 2:
            return bz2.BZ2Decompressor().decompress(data, size + 1)
        case 3:
            return lzma.LZMADecompressor(memlimit=LARGEST_HEADER).decompress(data, size + 1)
    raise DamagedFile(f"the header of the CRAM is compressed by method {method}; read are 0 to 3")


class _Fields:
    """Reads one field after the other; a missing byte is an error."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset
        self.at = 0

    def take(self, length: int) -> bytes:
        end = self.at + length
        if length < 0 or end > len(self._data):
            raise DamagedFile(f"the CRAM container at byte {self._offset} is cut off")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def itf8(self) -> int:
        """An unsigned reading of ITF8: one to five bytes, 32 bits."""
        first = self.take(1)[0]
        more = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1 if first >= 0x80 else 0
        if more == 4:
            rest = self.take(4)
            return (first & 0x0F) << 28 | int.from_bytes(rest[:3], "big") << 4 | rest[3] & 0x0F
        return int.from_bytes(bytes([first & (0x7F >> more)]) + self.take(more), "big")

    def ltf8(self) -> int:
        """An unsigned reading of LTF8: one to nine bytes, 64 bits."""
        first = self.take(1)[0]
        more = next((count for count in range(8) if not first & (0x80 >> count)), 8)
        return int.from_bytes(bytes([first & (0x7F >> more)]) + self.take(more), "big")
