"""The made family, brought up once for all tests of this folder."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.demo.configuration import PROCESSES

READY_SECONDS = 90


def free_ports() -> int:
    """The first of six ports that are free; below those that the system gives to outgoing connections."""
    while True:
        base = random.randrange(20_000, 30_000)
        if all(_free(base + number) for number in range(len(PROCESSES))):
            return base


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class RunningDemo:
    """``gsanode demo`` as a person started it."""

    process: subprocess.Popen[str]
    folder: Path
    port_base: int
    output: Path

    @property
    def family(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / "family.json").read_bytes())
        return loaded


def gsanode_demo(*options: str) -> list[str]:
    return [sys.executable, "-m", "node.cli", "demo", *options]


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that has no event to wait for: another process's output."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@contextmanager
def started(folder: Path, *options: str) -> Iterator[RunningDemo]:
    """A family in ``folder``, serving; ended afterwards whatever happens."""
    base, output = free_ports(), folder.with_suffix(".out")
    command = gsanode_demo("--dir", str(folder), "--port-base", str(base), *options)
    with output.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(
            lambda: "Serving." in output.read_text() or process.poll() is not None, READY_SECONDS, "demo is ready"
        )
        assert process.poll() is None, output.read_text()
        yield RunningDemo(process, folder, base, output)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The made family."""
    with started(tmp_path_factory.mktemp("demo") / "family") as running:
        yield running
