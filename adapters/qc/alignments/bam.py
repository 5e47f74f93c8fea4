"""The check of one BAM file, whole."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import numpy as np

from adapters.qc.alignments import counted as c_
from adapters.qc.alignments.counted import Counted, counted
from adapters.qc.alignments.header import Header, Reference, read_header
from adapters.qc.alignments.kinds import MESSAGES, RECORD_CUT
from adapters.qc.alignments.records import COORDINATE, QUERYNAME, check_block
from adapters.qc.alignments.tags import hash_of
from adapters.qc.detection import Container
from adapters.qc.errors import CannotCheck
from adapters.qc.findings import Finding, Place
from adapters.qc.source import Fault, Source
from adapters.qc.stitched import read_all
from adapters.qc.tally import Bytes
from adapters.reads.bgzf import EOF

LARGEST_HEADER: Final = 1 << 28
MAGIC: Final = b"BAM\1"
ORDERS: Final = {"coordinate": COORDINATE, "queryname": QUERYNAME}


@dataclass(slots=True)
class Stream:
    """What a stream of BAM holds."""

    header: Header = field(default_factory=Header)
    counted: Counted = field(default_factory=lambda: counted(0))
    fault: Fault | None = None
    headed: bool = False

    @property
    def records(self) -> int:
        """Records that were read."""
        return int(self.counted.state[c_.RECORDS])

    @property
    def whole(self) -> bool:
        """Whether all of it could be read."""
        return self.headed and self.fault is None and not self.counted.state[c_.STOPPED]

    def facts(self) -> dict[str, Any]:
        """Numbers that a person wants to know."""
        state = self.counted.state
        return {
            "records": self.records,
            "mapped": int(state[c_.PRIMARY] - state[c_.UNMAPPED]),
            "unmapped": int(state[c_.UNMAPPED]),
            "references": len(self.header.sequences),
            "read_groups": len(self.header.groups),
            "order": self.header.order,
        }

    def findings(self) -> list[Finding]:
        """Of the header and of the records."""
        made = self.header.findings()
        for number, (kind, message) in enumerate(MESSAGES):
            if number == RECORD_CUT and self.fault:  # follows from it
                continue
            if count := int(self.counted.counts[number]):
                firsts = self.counted.firsts[number, : min(count, c_.FIRSTS)].tolist()
                places = tuple(Place(record=record, byte=byte) for record, byte, _ in firsts)
                made.append(Finding(kind, count, "records", message, places))
        return made


def read_stream(file: BinaryIO, container: Container, told: Callable[[int], None]) -> Stream:
    """Read a stream of BAM; ``told`` hears how many stored bytes were read so far.

    :raises CannotCheck: if it does not begin as BAM does, or its header is longer than :data:`LARGEST_HEADER`.
    """
    made = Stream()
    source = Source(file, container)
    groups, lengths = np.zeros(0, np.uint64), np.zeros(0, np.int64)

    def read(text: Bytes, start: int, end: int, final: bool) -> int:
        nonlocal groups, lengths
        if not made.headed:
            parsed = _header(text[start:end].tobytes())
            if parsed is None:
                if end - start > LARGEST_HEADER:
                    raise CannotCheck(f"{file.name}: the header is longer than {LARGEST_HEADER:,} bytes")
                return end if final else start
            made.header, consumed = parsed
            made.counted = counted(len(made.header.sequences))
            made.counted.state[c_.BYTES_READ] = consumed
            made.headed = True
            lengths = np.array([one.length for one in made.header.sequences], np.int64)
            groups = np.array([hash_of(one.encode()) for one in made.header.groups], np.uint64)
            start += consumed
        order = ORDERS.get(made.header.order, 0)
        return check_block(text, start, end, final, lengths, groups, order, made.counted)

    for block in read_all(source, read):
        told(block.stored)
    made.fault = source.fault
    if not made.headed and made.fault is None:
        made.header.faults.append((0, "the file ends within the header"))
    return made


def _header(data: bytes) -> tuple[Header, int] | None:
    """Header and its length; None if more bytes are needed."""
    try:
        (length,) = struct.unpack_from("<I", data, 4)
        text = data[8 : 8 + length].decode("utf-8", "replace")
        (count,) = struct.unpack_from("<I", data, 8 + length)
        at = 12 + length
        listed = []
        for _ in range(count):
            (name_length,) = struct.unpack_from("<I", data, at)
            name = data[at + 4 : at + 4 + name_length].rstrip(b"\0").decode("utf-8", "replace")
            (bases,) = struct.unpack_from("<I", data, at + 4 + name_length)
            listed.append(Reference(name, bases))
            at += 8 + name_length
    except struct.error:
        return None
    return read_header(text, listed), at


def end_marker(file: BinaryIO, size: int) -> list[Finding]:
    """The finding of a BGZF file without the empty block that marks its end (SAM specification 4.1.2)."""
    if size >= len(EOF):
        file.seek(size - len(EOF))
        if file.read() == EOF:
            return []
    said = "there is no mark of the end: the file may have been cut between two blocks"
    return [Finding("end-marker", 1, "files", said, (Place(detail=f"byte {size:,} of the stored file"),))]
