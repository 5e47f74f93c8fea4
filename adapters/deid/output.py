"""Writing one object: a temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from adapters.deid.rewrite import Piece
from adapters.deid.source import COPIED, Source

SMALL = 4096  # bytes that are joined with others before they are written
Bytes = bytes | memoryview


class Output:
    """The folder that objects are written to. Not for several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[Path] = set()
        self._buffer = memoryview(bytearray(COPIED))

    def written(self, target: str, body: Iterable[Bytes], claim: Callable[[str], None]) -> str:
        """Write a file whole or not at all; SHA-256 of its bytes, as hex digits.

        :param target: path relative to the folder.
        :param claim: told the digest before the file gets its name; what it raises leaves nothing behind.
        """
        path = self.folder / target
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        part = path.with_name(f".{path.name}.part")
        digest = hashlib.sha256()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            for piece in body:
                digest.update(piece)
                _write(descriptor, piece)
            os.fsync(descriptor)
            claim(digest.hexdigest())
            part.replace(path)
        except BaseException:  # whatever ends it, no half of a file stays
            part.unlink()
            raise
        finally:
            os.close(descriptor)
        return digest.hexdigest()

    def settle(self) -> None:
        """Make the names of the files written durable."""
        for folder in self._made:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._made.clear()

    def stretches(self, source: Source, pieces: Iterable[Piece]) -> Iterator[Bytes]:
        """The bytes of pieces, small ones joined; what is given is valid until the next is asked for."""
        small: list[bytes] = []
        size = 0
        for piece in pieces:
            large = isinstance(piece, tuple) and piece[1] - piece[0] >= SMALL
            if (large or size > COPIED) and small:
                yield b"".join(small)
                small.clear()
                size = 0
            if isinstance(piece, bytes):
                small.append(piece)
            elif large:
                yield from source.chunks(*piece, self._buffer)
                continue
            else:
                small.append(source.read(piece[0], piece[1] - piece[0]))
            size += len(small[-1])
        if small:
            yield b"".join(small)


def _write(descriptor: int, piece: Bytes) -> None:
    at = os.write(descriptor, piece)
    while at < len(piece):
        at += os.write(descriptor, piece[at:])


def deflated(pieces: Iterable[Bytes]) -> Iterator[bytes]:
    """A deflated data set (PS3.5 A.5), padded to even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    total = 0
    for piece in pieces:
        out = deflater.compress(piece)
        total += len(out)
        yield out
    rest = deflater.flush()
    yield rest + b"\0" * ((total + len(rest)) % 2)
