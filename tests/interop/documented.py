"""The commands of ``docs/clients.md``, to be run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
PYTHON = Path(sys.executable)
RUN: set[tuple[str, int]] = set()


def blocks(section: str) -> list[tuple[str, str]]:
    """Language and text of each block of commands under a heading."""
    pieces = HEADING.split(PAGE.read_text())
    return [(found[1], found[2]) for found in BLOCK.finditer(pieces[pieces.index(section) + 1])]


def sections() -> list[str]:
    return HEADING.findall(PAGE.read_text())


@dataclass(frozen=True)
class Reader:
    """Somebody in a folder of their own who types what the page says.

    :param variables: what the page lets its reader fill in.
    :param programs: folder of the programs that come first on the path.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    programs: Path = PYTHON.parent

    def types(self, section: str, block: int = 0) -> str:
        """Run a block; what it printed."""
        done = self.tries(section, block)
        assert done.returncode == 0, f"{section}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def tries(self, section: str, block: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a block that may fail."""
        language, text = blocks(section)[block]
        RUN.add((section, block))
        path = f"{self.programs}:{PYTHON.parent}:{os.environ['PATH']}"
        command = ["bash", "-euo", "pipefail", "-c", text]
        if language == "python":
            command = [str(self.programs / "python"), "-c", text]
        environment = {**os.environ, **self.variables, "PATH": path}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
