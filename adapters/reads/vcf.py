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
    line = stream.line()
    if not line.startswith(MAGIC):
        raise DamagedFile("the file is no VCF: it does not begin with ##fileformat=VCF")
    names: dict[str, int] = {}
    while stream.peek() == b"#":
        line = stream.line()
        contig = CONTIG.match(line)
        if contig:
            names.setdefault(contig[1].decode("utf-8", "replace"), len(names))
    if not line.startswith(b"#CHROM"):
        raise DamagedFile("the header of the VCF does not end with #CHROM")
    return Header(names, stream.tell())
