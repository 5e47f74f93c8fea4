"""The quarantine: originals, each under the digest of its bytes, in a folder that no store and no URL leads to."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.durable import make_folder, sync

STORE: Final = "quarantine"
"""What arrivals call this place; no store of a configuration has the name."""
INCOMING, STAGED = "incoming", "staged"
MAGIC_END: Final = 132
TOGETHER: Final = 8  # files that are made durable at a time: a journal takes many at once
FORGOTTEN: Final = 24 * 3600.0
"""Seconds after which a file that nobody asked for again is left behind by somebody who was killed."""


class TooLarge(Exception):
    """The object has more bytes than are taken in; the message says how many those are."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An original in quarantine; ``size`` in bytes."""

    key: str
    size: int


class Incoming:
    """An object while it comes in, piece by piece. It is gone unless :meth:`keep` was called.

    :param most: bytes that it may have.
    """

    def __init__(self, quarantine: Quarantine, dataset: str, most: int) -> None:
        self._quarantine = quarantine
        self._dataset = dataset
        self._most = most
        self._path = quarantine.folder / INCOMING / uuid.uuid4().hex
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        self._digest = hashlib.sha256()
        self._head = b""
        self.size = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Take a piece.

        :raises TooLarge: if there are too many bytes.
        """
        self.size += len(piece)
        if self.size > self._most:
            raise TooLarge(f"has more than {self._most:,} bytes")
        if len(self._head) < MAGIC_END:
            self._head += bytes(piece[: MAGIC_END - len(self._head)])
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]

    @property
    def is_dicom(self) -> bool:
        """Whether what came begins as a DICOM file does (PS3.10 7.1)."""
        return self._head.endswith(b"DICM") and len(self._head) == MAGIC_END

    def keep(self) -> Taken:
        """Give the object its place; durable with :meth:`Quarantine.settle`."""
        key = f"{self._dataset}/{self._digest.hexdigest()}"
        self._quarantine.admit(self._path, key)
        return Taken(key, self.size)

    def close(self) -> None:
        """Let go of what was not kept."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


class Quarantine:
    """The folder, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in (folder, folder / INCOMING, folder / STAGED):
            make_folder(part, 0o700)
        self._named: set[Path] = set()

    def take(self, dataset: str, content: Iterable[bytes], most: int) -> Taken:
        """Take an object whole or not at all.

        :raises TooLarge: if it has more than ``most`` bytes.
        """
        incoming = Incoming(self, dataset, most)
        try:
            for piece in content:
                incoming.write(piece)
            return incoming.keep()
        finally:
            incoming.close()

    def admit(self, path: Path, key: str) -> None:
        """Give a file that is whole its place; one of the same bytes that is there already stays."""
        target = self.path(key)
        self._name(target.parent)
        try:
            os.link(path, target)
        except FileExistsError:
            if not _is_whole(target):  # the power failed before it was
                path.replace(target)

    def _name(self, folder: Path) -> None:
        """Make the folder of a collection, durably, before this process gives names in it."""
        if folder not in self._named:
            folder.mkdir(mode=0o700, exist_ok=True)
            sync(self.folder)
            sync(self.folder.parent)
            self._named.add(folder)

    def settle(self, keys: Sequence[str]) -> None:
        """Make originals durable, but for their names (see :meth:`settle_names`)."""
        paths = [self.path(key) for key in keys]
        if len(paths) > 1:
            with ThreadPoolExecutor(TOGETHER) as pool:
                list(pool.map(_sync_if_there, paths))
        else:
            list(map(_sync_if_there, paths))

    def settle_names(self, keys: Iterable[str]) -> None:
        """Make the names of originals durable."""
        for folder in {self.path(key).parent for key in keys}:
            sync(folder)

    def path(self, key: str) -> Path:
        """The file of a key."""
        return self.folder / key

    def beside(self, key: str) -> Path:
        """What is kept of the study of an original that waits for a person; as private as the original."""
        return self.folder / f"{key}.known"

    def remove(self, key: str) -> None:
        """Remove an original."""
        self.path(key).unlink(missing_ok=True)
        self.beside(key).unlink(missing_ok=True)

    def staged(self, job: int) -> Path:
        """The folder in which a job keeps what it wrote until that is archived."""
        return self.folder / STAGED / str(job)

    def forgotten(self, before: float | None = None) -> Iterator[Path]:
        """Files from before a moment (epoch seconds; a day ago), but for what jobs wrote."""
        before = time.time() - FORGOTTEN if before is None else before
        for folder, names, files in os.walk(self.folder):
            if Path(folder) == self.folder:
                names.remove(STAGED)
            for name in files:
                path = Path(folder) / name
                with suppress(FileNotFoundError):  # its owner was faster
                    if path.stat().st_mtime < before:
                        yield path

    def clear(self, job: int) -> None:
        """Remove what a job wrote."""
        shutil.rmtree(self.staged(job), ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Whether a file has the bytes that its name says."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.name
    except FileNotFoundError:
        return False


def _sync_if_there(path: Path) -> None:
    with suppress(FileNotFoundError):  # it was refused, or its equal has had its last state
        sync(path)
