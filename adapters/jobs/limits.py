"""A child process: what it may take, and that it never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Bytes of memory of a child (those it asked for, not what it maps of files), and seconds on the clock."""

    memory: int = 2 << 30
    seconds: float = 24 * 3600


def start(command: Sequence[str], limits: ChildLimits, errors: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a child with pipes to and from it; what it says on standard error goes to a file.

    It stands in a process group of its own, so that what it starts itself ends with it.
    """
    with errors.open("wb") as said:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
            preexec_fn=_limited(limits.memory, os.getpid()),
        )


def _limited(memory: int, parent: int) -> Callable[[], None]:
    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it went away before we asked
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(5)

    return ask


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
