"""The containers of a CRAM file (CRAM specification sections 6 to 9): all there, checksums right, the end marked."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from adapters.qc.findings import Finding, Place
from adapters.reads.cram import DEFINITION, check_blocks, data_end, read_container, version
from adapters.reads.errors import DamagedFile

NO_SEQUENCE = "required_fields=0x1dff"
"""Every field but the bases: they need the reference."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file as :mod:`adapters.reads` wants it."""

    file: BinaryIO
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`adapters.reads.source.ByteSource`."""
        self.file.seek(offset)
        return self.file.read(length)


@dataclass(slots=True)
class Containers:
    """Bytes at which containers of records begin, and what is wrong with them."""

    begins: set[int] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def walk(file: BinaryIO, told: Callable[[int], None]) -> Containers:
    """Go from container to container to the end; ``told`` hears how many bytes are behind."""
    made = Containers()
    size = file.seek(0, io.SEEK_END)
    source = OpenFile(file, size)
    try:
        major = version(source)
        end = data_end(source, major)
        if end == size:
            said = "there is no container that marks the end: the file may have been cut between two containers"
            made.findings.append(Finding("end-marker", 1, "files", said, (Place(detail=f"byte {size:,}"),)))
        at = DEFINITION
        first = True
        while at < end:
            container = read_container(source, at, major)
            check_blocks(source, at, container, major)
            if not first:
                made.begins.add(at)
            first = False
            at += container.head + container.body
            told(at)
    except DamagedFile as error:
        place = Place(detail=str(error))
        made.findings.append(Finding("container", 1, "places", "a container is damaged or cut off", (place,)))
    return made
