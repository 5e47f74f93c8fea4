"""The folder of a demo family: what is where in it, and that only one family at a time lives in it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DemoError(Exception):
    """Why a demo family cannot be brought up; the message says it to a person."""


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Make ``folder`` and hold it: the lock ends with this process, however that ends.

    :raises DemoError: if another family runs in it, or if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise DemoError(f"{folder}: cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DemoError(
                f"{folder}: a demo family already runs here (process {lock.read().strip() or 'unknown'}); "
                "stop it, or give another --dir and --port-base"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield folder


def atomic_write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write ``path`` as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    Path(name).replace(path)
