"""The content of a BGZF block (SAM specification 4.1)."""

from __future__ import annotations

import struct
from typing import Final, cast

from isal import igzip_lib, isal_zlib

FIXED: Final = 12
"""Bytes before the extra field."""
HEADER: Final = 64
"""Bytes of a header that are looked at: enough for the extra field of every writer."""
LARGEST: Final = 1 << 16
"""Bytes that a block holds at most, packed and unpacked."""

# The stub of isal calls its exception class an exception.
ISAL_ERROR: Final = cast("type[Exception]", isal_zlib.error)


def length(block: bytes | memoryview, end: int) -> int:
    """Bytes that a block that ends at ``end`` says it holds."""
    return int(struct.unpack_from("<I", block, end - 4)[0])


def content(block: memoryview) -> bytes | None:
    """Content of a whole block, or nothing if it is not what its check sums say, or more than a block may hold."""
    head = FIXED + struct.unpack_from("<H", block, 10)[0]
    sums = struct.unpack_from("<II", block, len(block) - 8)
    if sums[1] > LARGEST:
        return None
    try:
        out = igzip_lib.decompress(block[head:-8], flag=igzip_lib.DECOMP_DEFLATE, bufsize=LARGEST)
    except (ISAL_ERROR, EOFError):
        return None
    return out if (isal_zlib.crc32(out), len(out)) == sums else None
