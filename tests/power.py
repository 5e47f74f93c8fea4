"""What a disk has after the power fails: of files and of folders what was there when they were last made durable.

``fsync`` is noted by every process that is started with the environment of :func:`watched`, this one too.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LOG = "GSANODE_TEST_SYNCED"
HOOK = f"""
import os
if os.environ.get({LOG!r}):
    from tests import power
    power.note(os.environ[{LOG!r}])
"""


def note(log: str) -> None:
    """From now on this process notes what it makes durable."""
    synced = os.fsync

    def fsync(file: Any) -> None:
        synced(file)
        descriptor = file if isinstance(file, int) else file.fileno()
        _write(Path(log), _seen(Path(f"/proc/self/fd/{descriptor}")))

    os.fsync = fsync  # type: ignore[assignment]


def _write(log: Path, line: dict[str, Any]) -> None:
    with log.open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def _seen(path: Path) -> dict[str, Any]:
    """What is at a path now."""
    inode = path.stat().st_ino
    if path.is_dir():
        return {"folder": inode, "names": {entry.name: entry.inode() for entry in os.scandir(path)}}
    return {"file": inode, "digest": hashlib.sha256(path.read_bytes()).hexdigest()}


class Disk:
    """What was noted."""

    def __init__(self, log: Path, root: Path) -> None:
        self._log = log
        self._root = root
        self._lock = threading.Lock()
        self._read = 0
        self._files: dict[int, str] = {}
        self._folders: dict[int, dict[str, int]] = {}

    def has(self, path: Path) -> bool:
        """Whether the file would be there with the bytes that it has now; the root is there always."""
        with self._lock:
            self._follow()
            if self._files.get(path.stat().st_ino) != _seen(path)["digest"]:
                return False
            while path != self._root:
                names = self._folders.get(path.parent.stat().st_ino, {})
                if names.get(path.name) != path.stat().st_ino:
                    return False
                path = path.parent
            return True

    def _follow(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                seen = json.loads(line)
                if "file" in seen:
                    self._files[seen["file"]] = seen["digest"]
                else:
                    self._folders[seen["folder"]] = seen["names"]
                self._read += len(line)


@contextmanager
def watched(folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Note what is made durable, by this process and by those that it starts.

    :param folder: takes what is noted.
    :param root: a folder whose own name is durable.
    """
    hook, log = folder / "hook", folder / "synced"
    hook.mkdir()
    log.touch()
    (hook / "sitecustomize.py").write_text(HOOK)
    project = Path(__file__).parents[1]
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join((str(hook), str(project))))
        patched.setenv(LOG, str(log))
        patched.setattr(os, "fsync", os.fsync)  # put back afterwards
        note(str(log))
        yield Disk(log, root)
