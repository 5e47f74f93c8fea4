"""A file opened for the byte path: where its data set begins, and how it is written."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from adapters.deid.errors import Reason, Refused
from adapters.deid.meta import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE, read_meta, syntax_of
from adapters.deid.rules import Profile
from adapters.deid.source import Source

INFLATED_AT_ONCE = 1 << 18


class BigEndian(Exception):
    """The file is big endian, which the byte path does not read."""


@dataclass(frozen=True, slots=True)
class Body:
    """The data set of a file.

    :ivar source: where places count: the file, or its inflated data set.
    :ivar start: byte at which the data set begins there.
    """

    source: Source
    start: int
    syntax: str

    @property
    def implicit(self) -> bool:
        """Whether value representations are not written."""
        return self.syntax == IMPLICIT_LITTLE


@contextmanager
def opened(path: Path | str, profile: Profile) -> Iterator[Body]:
    """The data set of a file. Links are not followed.

    :raises Refused: if it is not DICOM, damaged, or of a transfer syntax that is not taken in.
    :raises BigEndian: if it is big endian.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(Reason.LINK if Path(path).is_symlink() else Reason.DAMAGED, error.strerror or "") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(Reason.NOT_DICOM, "no file with bytes in it")
        source = Source(descriptor, status.st_size)
        meta, start = read_meta(source)
        syntax = syntax_of(meta)
        if syntax == EXPLICIT_BIG:
            raise BigEndian
        if syntax != DEFLATED:
            yield Body(source, start, syntax)
            return
        with TemporaryFile() as inflated:
            for piece in _inflated(source, start, profile.limit("inflated")):
                inflated.write(piece)
            inflated.flush()
            yield Body(Source(inflated.fileno(), inflated.tell()), 0, syntax)
    finally:
        os.close(descriptor)


def _inflated(source: Source, start: int, most: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    for piece in source.chunks(start, source.size):
        while piece and not inflater.eof:
            try:
                out = inflater.decompress(piece, INFLATED_AT_ONCE)
            except zlib.error as error:
                raise Refused(Reason.DAMAGED, "the deflated data set cannot be inflated") from error
            total += len(out)
            if total > most:
                raise Refused(Reason.TOO_LARGE, f"inflates to more than {most} bytes")
            yield out
            piece = inflater.unconsumed_tail
    if not inflater.eof:
        raise Refused(Reason.DAMAGED, "the deflated data set is cut off")
