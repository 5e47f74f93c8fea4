"""Writing one object: a temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from adapters.deid.rewrite import Piece
from adapters.deid.source import Source

SMALL, MANY = 4096, 256  # bytes, and pieces, that are joined before they are written


def written(target: Path, header: bytes, body: Iterable[bytes], claim: Callable[[str], None]) -> str:
    """Write a file whole or not at all; SHA-256 of its bytes, as hex digits.

    :param claim: told the digest before the file gets its name; what it raises leaves nothing behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(header)
    with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(header)
            for piece in body:
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            claim(digest.hexdigest())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return digest.hexdigest()


def stretches(source: Source, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes of pieces; stretches of the source a megabyte at a time."""
    small: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            small.append(piece)
        elif piece[1] - piece[0] < SMALL:
            small.append(source.read(piece[0], piece[1] - piece[0]))
        else:
            yield b"".join(small)
            small.clear()
            yield from source.chunks(*piece)
        if len(small) > MANY:
            yield b"".join(small)
            small.clear()
    yield b"".join(small)


def deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A deflated data set (PS3.5 A.5), padded to even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    total = 0
    for piece in pieces:
        out = deflater.compress(piece)
        total += len(out)
        yield out
    rest = deflater.flush()
    yield rest + b"\0" * ((total + len(rest)) % 2)
