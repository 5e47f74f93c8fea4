"""The header of a bgzipped VCF file."""

from __future__ import annotations

import re

from adapters.reads.bgzf import Stream
from adapters.reads.errors import DamagedFile
from adapters.reads.header import LARGEST_HEADER, Header
from adapters.reads.source import ByteSource

MAGIC = b"##fileformat=VCF"
CONTIG = re.compile(rb"##contig=<(?:.*?,)?ID=([^,>]+)")


def read_header(source: ByteSource) -> Header:
    """Names of the contig lines in their order, and where the records begin.

    :raises DamagedFile: if it is no bgzipped VCF or its header is cut off.
    """
    stream = Stream(source, LARGEST_HEADER)
    names: dict[str, int] = {}
    line = b""
    while stream.peek() == b"#":
        previous, line = line, stream.line()
        if not previous and not line.startswith(MAGIC):
            break
        contig = CONTIG.match(line)
        if contig:
            names.setdefault(contig[1].decode("utf-8", "replace"), len(names))
    if not line.startswith(b"#CHROM"):
        raise DamagedFile("the file is no VCF: its header does not lead from ##fileformat=VCF to #CHROM")
    return Header(names, stream.tell())
