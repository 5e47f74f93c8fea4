"""What htslib turns a file into, read from a child process: a file that brings it down takes nothing else with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

SCRIPT: Final = """
import sys
from operator import attrgetter
import pysam
import pysam.bcftools
attrgetter(sys.argv[1])(pysam)(*sys.argv[2:], catch_stdout=False)
"""
WORDS: Final = 300


@dataclass(slots=True)
class Told:
    """How the child ended: ``reason`` is None if well. Known when the stream is closed."""

    reason: str | None = None


@contextmanager
def output(command: str, *arguments: str) -> Iterator[tuple[BinaryIO, Told]]:
    """What ``samtools COMMAND`` (or ``bcftools.COMMAND``) writes, as a stream.

    References are never asked for at a server.
    """
    told = Told()
    environment = {**os.environ, "REF_PATH": os.devnull, "REF_CACHE": os.devnull}
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
        assert child.stdout
        try:
            yield cast("BinaryIO", child.stdout), told
            if child.wait() != 0:
                errors.seek(0)
                told.reason = _reason(errors.read().decode("utf-8", "replace").splitlines())
        finally:
            child.kill()
            child.stdout.close()
            child.wait()


def _reason(lines: Sequence[str]) -> str:
    """What htslib said, without the trace of Python around it."""
    said = [line for line in lines if line.startswith(("[E::", "[W::"))]
    if said:
        return "; ".join(dict.fromkeys(line.split("] ", 1)[-1] for line in said))[:WORDS]
    return (lines[-1] if lines else "no reason given")[:WORDS]
