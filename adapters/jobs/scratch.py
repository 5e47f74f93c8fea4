"""Folders for what an attempt writes. Those of attempts that were killed are found by their free locks, and removed.

Folders are made and looked for under a lock of the folder that they are in, so that none is taken for left behind
before its own lock is held.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = "gsanode-attempt-"


@contextmanager
def attempt_folder(scratch: Path) -> Iterator[Path]:
    """A folder of its own for one attempt; it is gone afterwards."""
    scratch.mkdir(parents=True, exist_ok=True)
    with _locked(scratch):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=scratch))
        held = _opened(folder)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(scratch: Path) -> int:
    """Remove the folders of attempts that nobody is at any more; how many there were."""
    if not scratch.is_dir():
        return 0
    with _locked(scratch):
        left = [folder for folder in scratch.glob(f"{PREFIX}*") if _is_free(folder)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
    return len(left)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = _opened(folder)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _is_free(folder: Path) -> bool:
    try:
        held = _opened(folder)
    except OSError:  # its attempt has just ended, or it is another person's
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def _opened(folder: Path) -> int:
    """The lock of a folder: it ends with the process, and children do not inherit it."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
