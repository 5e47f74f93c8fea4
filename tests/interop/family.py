"""A running demo family for real clients and browsers: six processes on loopback, made once, stopped at the end.

``tests/conftest.py`` makes the fixture known, so that one session starts one family.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scrub import logs_of_family

SECONDS = 240
PROCESSES = 6


@dataclass(frozen=True)
class Family:
    """What ``family.json`` says, and questions that tests ask of it."""

    facts: dict[str, Any]
    folder: Path

    def url(self, process: str) -> str:
        """Public URL of a process."""
        return str(self.facts["urls"][process])

    def user(self, role: str) -> dict[str, str]:
        """Name and password of the user of that role."""
        return next(user for user in self.facts["users"] if user["role"] == role)

    def file(self, member: str, tier: str, format: str) -> dict[str, Any]:
        """The first released file of that kind."""
        for dataset in self.facts["datasets"]:
            if (dataset["member"], dataset["tier"], dataset["state"]) == (member, tier, "released"):
                for file in dataset["files"]:
                    if file["format"] == format:
                        return dict(file)
        raise LookupError(f"the demo family has no {tier} {format} in {member}")

    def dataset(self, member: str, tier: str) -> str:
        """Accession of the first released data set of that tier."""
        wanted = (member, tier, "released")
        return next(
            str(dataset["accession"])
            for dataset in self.facts["datasets"]
            if (dataset["member"], dataset["tier"], dataset["state"]) == wanted
        )

    def stored(self, member: str, name: str) -> Path:
        """The file in the archive, to compare with what was fetched."""
        return next(self.folder.joinpath("archive", member).rglob(name))

    def token(self, role: str, *options: str) -> str:
        """An access token from the real code flow, or with ``--passport`` a Passport."""
        user = self.user(role)
        command = [sys.executable, "-m", "node.cli", "token", "--user", user["name"], "--password-env", "DEMO_PASSWORD"]
        environment = {**os.environ, "DEMO_PASSWORD": user["password"], "GSANODE_CLIENT": self.facts["client"]}
        done = subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    """The family, ready."""
    folder = tmp_path_factory.mktemp("family")
    base = free_base()
    command = [sys.executable, "-m", "node.cli", "demo", "--port-base", str(base), "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _await(process, "Ready after")
        yield Family(json.loads((folder / "family.json").read_text()), folder)
        assert logs_of_family(folder) == []
    finally:
        process.terminate()
        process.communicate(timeout=60)


def free_base() -> int:
    """The first of six neighbouring ports on 127.0.0.1 that were free a moment ago, below those of outgoing calls."""
    while True:
        base = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            for port in range(base, base + PROCESSES):
                opened.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base


def _await(process: subprocess.Popen[str], words: str) -> None:
    """Read what the process prints until ``words``."""
    assert process.stdout is not None
    # Not by its lines: several may come at once, and those that a reader holds back wake no selector.
    output, said = process.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while selector.select(timeout=SECONDS):
            piece = os.read(output, 65_536)
            said += piece
            if words.encode() in said:
                return
            if not piece:
                break
    process.kill()
    pytest.fail("the demo family did not come up:\n" + said.decode(errors="replace")[-4000:])
