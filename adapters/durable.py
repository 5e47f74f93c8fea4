"""What stays through a loss of power: bytes of files, and names in folders (``fsync`` of the one and of the other)."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those that are missing above it, each durably named in the one above.

    :param mode: of the folder itself.
    """
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for one in reversed(missing):
        if not one.exists():
            one.mkdir(mode if one is folder else 0o777, exist_ok=True)
            sync(one.parent)
