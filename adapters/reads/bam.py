"""The header of a BAM file and the shape of its records (SAM specification section 4.2)."""

from __future__ import annotations

import struct

from adapters.reads.bgzf import Stream
from adapters.reads.errors import DamagedFile
from adapters.reads.header import LARGEST_HEADER, Header
from adapters.reads.source import ByteSource

MAGIC = b"BAM\1"
LONGEST_NAME = 4096
RECORD = struct.Struct("<iiiBBHHHiiii")


def read_header(source: ByteSource) -> Header:
    """Names of the references, and where the records begin.

    :raises DamagedFile: if it is no BAM or its header is cut off.
    """
    stream = Stream(source, LARGEST_HEADER)
    if stream.take(4) != MAGIC:
        raise DamagedFile("the file is no BAM: its magic number is another")
    stream.skip(_unsigned(stream))
    names: dict[str, int] = {}
    for number in range(_unsigned(stream)):
        length = _unsigned(stream)
        if not 0 < length <= LONGEST_NAME:
            raise DamagedFile(f"the name of reference {number} claims {length} bytes")
        names.setdefault(stream.take(length).rstrip(b"\0").decode("utf-8", "replace"), number)
        stream.skip(4)
    return Header(names, stream.tell())


def looks_like_record(data: bytes, references: int) -> bool:
    """Whether a record may begin with ``data``; too few bytes to tell count as yes."""
    if len(data) < RECORD.size:
        return True
    size, reference, position, name, _, _, operations, _, bases, mate, _, _ = RECORD.unpack_from(data)
    return bool(
        -1 <= reference < references
        and -1 <= mate < references
        and position >= -1
        and name > 0
        and bases >= 0
        and size >= RECORD.size - 4 + name + 4 * operations + (bases + 1) // 2 + bases
    )


def _unsigned(stream: Stream) -> int:
    return int.from_bytes(stream.take(4), "little")
