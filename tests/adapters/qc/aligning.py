"""BAM files built byte by byte from the specification (SAM 4.2), so that every part of a record can be wrong."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

REFERENCES = (("chr1", 5000), ("chr2", 3000))
TEXT = (
    "@HD\tVN:1.6\tSO:coordinate\n"
    + "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in REFERENCES)
    + "@RG\tID:g1\tSM:s\n@PG\tID:a\tPN:a\n@PG\tID:b\tPN:b\tPP:a\n@CO\tanything: goes\n"
)
EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@dataclass(frozen=True)
class Record:
    """A record by the names of the specification; ``cigar`` is (length, operation number)."""

    name: bytes = b"r"
    flag: int = 0
    reference: int = 0
    position: int = 0
    mapq: int = 60
    cigar: tuple[tuple[int, int], ...] = ((20, 0),)
    next_reference: int = -1
    next_position: int = -1
    bases: int = 20
    quality: bytes = bytes([30]) * 20
    tags: bytes = b"RGZg1\0NMC\1"
    end: bytes = b"\0"
    size: int | None = None

    def packed(self) -> bytes:
        name = self.name + self.end
        fixed = struct.pack(
            "<iiBBHHHiiii",
            self.reference,
            self.position,
            len(name),
            self.mapq,
            4680,
            len(self.cigar),
            self.flag,
            self.bases,
            self.next_reference,
            self.next_position,
            0,
        )
        cigar = b"".join(struct.pack("<I", length << 4 | operation) for length, operation in self.cigar)
        body = fixed + name + cigar + bytes([0x12]) * ((self.bases + 1) // 2) + self.quality + self.tags
        return struct.pack("<i", len(body) if self.size is None else self.size) + body


def good(count: int) -> list[Record]:
    """Records in coordinate order: pairs on both references, then unplaced ones."""
    draw = random.Random(7)
    places = sorted((draw.randrange(2), draw.randrange(2000)) for _ in range(count - 4))
    made = []
    for number, (reference, position) in enumerate(places):
        flag = (0, 99, 147, 16, 0x100, 4)[number % 6]
        mate = (reference, position) if flag & 1 else (-1, -1)
        made.append(
            Record(b"read%05d" % number, flag, reference, position, next_reference=mate[0], next_position=mate[1])
        )
    unplaced = Record(b"u", 4, -1, -1, 0, ())
    return made + [replace(unplaced, name=b"u%d" % number) for number in range(4)]


@dataclass(frozen=True)
class Bam:
    """A file: its header text, its list of references, its records."""

    records: Sequence[Record] = field(default_factory=lambda: good(60))
    text: str = TEXT
    references: Sequence[tuple[str, int]] = REFERENCES

    def content(self) -> bytes:
        head = b"BAM\1" + struct.pack("<I", len(self.text)) + self.text.encode()
        head += struct.pack("<I", len(self.references))
        for name, length in self.references:
            head += struct.pack("<I", len(name) + 1) + name.encode() + b"\0" + struct.pack("<I", length)
        return head + b"".join(record.packed() for record in self.records)

    def packed(self, end: bytes = EOF) -> bytes:
        return blocked(self.content()) + end


def blocked(data: bytes, size: int = 1000) -> bytes:
    """Data as BGZF blocks of so many bytes."""
    blocks = []
    for at in range(0, len(data), size):
        part = data[at : at + size]
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(part) + deflate.flush()
        head = b"\x1f\x8b\x08\4\0\0\0\0\0\xff\6\0BC\2\0" + struct.pack("<H", len(body) + 25)
        blocks.append(head + body + struct.pack("<II", zlib.crc32(part), len(part)))
    return b"".join(blocks)


def unblocked(bam: Bam) -> bytes:
    """The same as plain gzip."""
    return gzip.compress(bam.content())
