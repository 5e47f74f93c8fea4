"""Writing objects: temporary files in the same folder, made durable many together, then given their names."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from adapters.deid.rewrite import Piece
from adapters.deid.source import COPIED, Source
from adapters.durable import make_folder, sync

SMALL = 4096  # bytes that are joined with others before they are written
TOGETHER = 32  # files that are made durable together
Bytes = bytes | memoryview
Digest = Callable[[], str]  # SHA-256 of a file, as hex digits
Waiting = dict[str, tuple[int, str]]  # by the path that a file gets: its descriptor, and the path that it has so far


class Output:
    """The folder that objects are written to. Not for several threads.

    A file that was written has its name, and keeps it through a loss of power, once :meth:`settle` has returned.

    :param digests: whether the digest of every file is wanted; if not, only those that are asked for are taken.
    """

    def __init__(self, folder: Path, *, digests: bool = True) -> None:
        self.folder = folder
        self._digests = digests
        self._root = str(folder)
        self._made: set[str] = set()
        self._waiting: Waiting = {}
        self._handed: Waiting = {}  # to the thread behind
        self._behind = ThreadPoolExecutor(1)
        self._named: Future[None] | None = None
        self._buffer = memoryview(bytearray(COPIED))

    def written(self, target: str, body: Iterable[Bytes], claim: Callable[[Digest], None]) -> str | None:
        """Write a file whole or not at all; its digest, if digests are wanted.

        :param target: path relative to the folder.
        :param claim: may ask for the digest once the bytes are written; what it raises leaves nothing behind.
        """
        path = f"{self._root}/{target}"
        folder, _, name = path.rpartition("/")
        if folder not in self._made:
            make_folder(Path(folder))
            self._made.add(folder)
        if path in self._waiting or path in self._handed:
            self._name_all()
        part = f"{folder}/.{name}.part"
        digest = hashlib.sha256() if self._digests else None
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            for piece in body:
                if digest:
                    digest.update(piece)
                _write(descriptor, piece)
            claim(digest.hexdigest if digest else partial(_digest, part))
        except BaseException:  # whatever ends it, no half of a file stays
            os.close(descriptor)
            Path(part).unlink()
            raise
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # the disk begins, while the next files are made
        self._waiting[path] = descriptor, part
        if len(self._waiting) == TOGETHER:
            self._name()
        return digest.hexdigest() if digest else None

    def digest(self, target: str) -> str:
        """Digest of a file that was written."""
        self._name_all()
        return _digest(f"{self._root}/{target}")

    def settle(self) -> None:
        """Make the files written durable, under their names."""
        self._name_all()
        for folder in self._made:
            sync(Path(folder))
        self._made.clear()

    def _name(self) -> None:
        """Have the files that wait made durable in the thread behind, once it is done with those before them."""
        if self._named:
            self._named.result()
        self._handed, self._waiting = self._waiting, {}
        self._named = self._behind.submit(_named, self._handed)

    def _name_all(self) -> None:
        self._name()
        self._name()  # which waits for the one before

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


def _named(files: Waiting) -> None:
    """Make files durable, and give them their names."""
    for path, (descriptor, part) in files.items():
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # its memory is the next file's
        finally:
            os.close(descriptor)
        os.replace(part, path)  # noqa: PTH105 - a path object for each of many files costs more than the call


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
