"""An archive on a mounted file system: a tree under one root."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from adapters.durable import make_folder, sync
from adapters.store.mounts import all_local
from adapters.store.protocol import (
    PIECE,
    ChangedObject,
    KeyOutsideRoot,
    NoSuchObject,
    Stat,
    StoreUnavailable,
    WouldWait,
    checked_key,
    checked_range,
    pieces,
)

PARTIAL = ".partial"
CLOSED = -1
FOUND = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # what was a regular file, should it be a link or a pipe by now
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class LocalStore:
    """Files under ``root``. Symbolic links are followed as long as they stay inside the root.

    ``list`` names files and links to files, and does not descend into linked folders (they may form circles).
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root.resolve()
        self.prompt = all_local(self.root)
        self._inside_root = f"{self.root}/".replace("//", "/")

    def head(self, key: str) -> Stat:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        return self.found(key)[1]

    def found(self, key: str) -> tuple[str, Stat]:
        """The resolved file behind ``key``, as a path below the root, and what is known of it; raises as ``head``."""
        path, status = self._seen(key)
        return path[len(self._inside_root) :], _stat(status)

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        checked_range(offset, length)
        with self._open(key) as file:
            return _full_read(file.fileno(), offset, length)

    def open(self, key: str) -> OpenFile:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        path, status = self._seen(key)
        return OpenFile(status, lambda: self._descriptor(key, path))

    def stream(self, key: str, offset: int = 0, length: int | None = None, chunk: int = PIECE) -> Iterator[bytes]:
        """See :class:`~adapters.store.protocol.ArchiveStore`; the open file keeps its content if it is replaced."""
        checked_range(offset, length)
        return self._pieces(key, self._open(key), offset, length, chunk)

    def url(self, key: str, expires_seconds: int, method: str = "GET") -> str | None:  # noqa: ARG002
        """None: a file system gives no URLs."""
        checked_key(key)
        return None

    def path(self, key: str) -> Path:
        """The file behind ``key`` with every link resolved; it need not exist.

        :raises KeyOutsideRoot: if it is not under the root.
        """
        return Path(self._resolved(key))

    def _resolved(self, key: str) -> str:
        plain = f"{self._inside_root}{checked_key(key)}"
        return self._followed(key, plain) if self._unlinked(plain) is None else plain

    def _seen(self, key: str) -> tuple[str, os.stat_result]:
        """The resolved path of a regular file, and what was seen of it."""
        path = f"{self._inside_root}{checked_key(key)}"
        status = self._unlinked(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            path = self._followed(key, path)
            status = self._status(key, path)
        return path, status

    def _followed(self, key: str, plain: str) -> str:
        try:
            resolved = os.path.realpath(plain)
        except OSError as error:  # a name too long for the file system
            raise NoSuchObject(f"store {self.name!r} cannot resolve {key!r}: {error}") from error
        if not resolved.startswith(self._inside_root):
            raise KeyOutsideRoot(f"key {key!r} leads out of the root of store {self.name!r}")
        return resolved

    def _unlinked(self, path: str) -> os.stat_result | None:
        """What is at ``path``, if no symbolic link is on the way from the root, itself resolved; None in doubt."""
        end = len(self._inside_root)
        while True:
            end = path.find("/", end + 1)
            try:
                status = os.lstat(path[:end] if end > 0 else path)
            except OSError:
                return None  # whatever it is, the slow way says what
            if stat.S_ISLNK(status.st_mode):
                return None
            if end < 0:
                return status

    def put(self, key: str, content: BinaryIO | Iterable[bytes]) -> Stat:
        """See :class:`~adapters.store.protocol.ArchiveStore`: temporary file, fsync, rename, fsync of the folder."""
        target = self.path(key)
        partial = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
        try:
            make_folder(target.parent)
            with partial.open("xb") as file:
                file.writelines(pieces(content))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            raise StoreUnavailable(f"store {self.name!r} cannot write {key!r}: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)
        sync(target.parent)
        return self.head(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """See :class:`~adapters.store.protocol.ArchiveStore`."""
        folder = self.path(prefix) if prefix else self.root
        return self._walk(folder, f"{prefix}/" if prefix else "")

    def _walk(self, folder: Path, prefix: str) -> Iterator[str]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=_order)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreUnavailable(f"store {self.name!r} cannot list {prefix!r}: {error.strerror}") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif not entry.name.endswith(PARTIAL) and self._inside(entry):
                yield f"{prefix}{entry.name}"

    def _inside(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return entry.is_file()
        resolved = Path(os.path.realpath(entry.path))  # unlike Path.resolve, does not raise on a circle
        return resolved.is_file() and resolved.is_relative_to(self.root)

    def _status(self, key: str, path: str) -> os.stat_result:
        try:
            status = os.stat(path)  # noqa: PTH116 - making a Path takes longer than the look
        except OSError as error:
            if error.errno in ABSENT:
                raise NoSuchObject(f"store {self.name!r} holds no file {key!r}") from error
            raise StoreUnavailable(f"store {self.name!r} cannot look at {key!r}: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            raise NoSuchObject(f"{key!r} in store {self.name!r} is no regular file")
        return status

    def _open(self, key: str) -> BinaryIO:
        return self._opened(key, self._seen(key)[0])  # seen before opening: a pipe would block

    def _opened(self, key: str, path: str) -> BinaryIO:
        return os.fdopen(self._descriptor(key, path), "rb", buffering=0)

    def _descriptor(self, key: str, path: str) -> int:
        try:
            return os.open(path, FOUND)
        except FileNotFoundError as error:
            raise NoSuchObject(f"store {self.name!r} holds no file {key!r}") from error
        except OSError as error:
            raise StoreUnavailable(f"store {self.name!r} cannot open {key!r}: {error.strerror}") from error

    def _pieces(self, key: str, file: BinaryIO, offset: int, length: int | None, chunk: int) -> Iterator[bytes]:
        with file:
            size = os.fstat(file.fileno()).st_size
            end = size if length is None else min(size, offset + length)
            while offset < end:
                piece = os.pread(file.fileno(), min(chunk, end - offset), offset)
                if not piece:
                    raise ChangedObject(f"{key!r} in store {self.name!r} was cut off at byte {offset} while being read")
                yield piece
                offset += len(piece)


class OpenFile:
    """See :class:`~adapters.store.protocol.Opened`. Many that are looked at are never read: it is opened when it is.

    From then on it keeps its content if another file takes its name.

    :param status: what was seen of the file.
    :param opening: opens what has its name now.
    """

    def __init__(self, status: os.stat_result, opening: Callable[[], int]) -> None:
        self.size = status.st_size
        self._status = status
        self._opening = opening
        self._file: int | None = None

    @property
    def stat(self) -> Stat:
        """See :class:`~adapters.store.protocol.Opened`."""
        return _stat(self._status)

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`~adapters.store.protocol.Opened`."""
        checked_range(offset, length)
        return _full_read(self._descriptor(), offset, length)

    def read_at_once(self, offset: int, into: memoryview) -> None:
        """See :class:`~adapters.store.protocol.Opened`; the system says whether it has the bytes in memory."""
        try:
            count = os.preadv(self._descriptor(), [into], offset, os.RWF_NOWAIT)
        except OSError as error:
            raise WouldWait from error
        if count < len(into):
            raise WouldWait

    def close(self) -> None:
        """See :class:`~adapters.store.protocol.Opened`."""
        if self._file not in (None, CLOSED):
            os.close(self._file)
        self._file = CLOSED

    def _descriptor(self) -> int:
        if self._file is None:
            file = self._opening()
            if _content(os.fstat(file)) != _content(self._status):
                os.close(file)
                raise ChangedObject("the file was replaced before it was read")
            self._file = file
        return self._file


def _content(status: os.stat_result) -> tuple[int, int, int]:
    """What is another as soon as the content is."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _stat(status: os.stat_result) -> Stat:
    inode, size, changed = _content(status)
    return Stat(size, f'"{inode:x}-{size:x}-{changed:x}"', dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))


def _full_read(descriptor: int, offset: int, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0 and (part := os.pread(descriptor, length, offset)):
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _order(entry: os.DirEntry[str]) -> bytes:
    """A folder sorts as its keys do: by its name and the slash that follows."""
    return os.fsencode(f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name)
