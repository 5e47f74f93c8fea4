"""The header of a BCF file and the shape of its records (VCF specification section 6)."""

from __future__ import annotations

import re
import struct

from adapters.reads.bgzf import Stream
from adapters.reads.errors import DamagedFile
from adapters.reads.header import LARGEST_HEADER, Header
from adapters.reads.source import ByteSource
from adapters.reads.vcf import CONTIG

MAGIC = b"BCF\2"
INDEX = re.compile(rb"[<,]IDX=(\d{1,9})[,>]")
RECORD = struct.Struct("<IIiii")
SHARED = 24  # bytes of the fixed fields of a record


def read_header(source: ByteSource) -> Header:
    """Names and numbers of the contigs, and where the records begin.

    :raises DamagedFile: if it is no BCF 2 or its header is cut off.
    """
    stream = Stream(source, LARGEST_HEADER)
    magic = stream.take(5)
    if magic[:4] != MAGIC:
        raise DamagedFile("the file is no BCF 2: its magic number is another")
    text = stream.take(int.from_bytes(stream.take(4), "little"))
    names: dict[str, int] = {}
    for line in text.splitlines():
        contig = CONTIG.match(line)
        if contig:
            number = INDEX.search(line)
            names.setdefault(contig[1].decode("utf-8", "replace"), int(number[1]) if number else len(names))
    return Header(names, stream.tell())


def looks_like_record(data: bytes, references: int) -> bool:
    """Whether a record may begin with ``data``; too few bytes to tell count as yes."""
    if len(data) < RECORD.size:
        return True
    shared, _, contig, position, _ = RECORD.unpack_from(data)
    return bool(shared >= SHARED and 0 <= contig < references and position >= -1)
