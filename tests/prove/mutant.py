"""Copies of the source in which one check is off, and what the tests say of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.prove.checks import Check

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("adapters", "auth", "config", "federation", "migrations", "node", "specs", "tests", "web")
SECONDS = 1200
PASSED, FAILED = 0, 1


class Copy:
    """A copy of the source of this project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy2(ROOT / "pyproject.toml", folder)

    def notices(self, check: Check) -> bool:
        """Does a test fail while ``check`` is off?"""
        path = self._folder / check.module
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        whole = path.read_text()
        path.write_text(check.off(whole))
        try:
            return self.run(check.tests)[0] == FAILED
        finally:
            path.write_text(whole)

    def run(self, tests: Iterable[str]) -> tuple[int, str]:
        """Exit code of pytest on the copy, and the end of what it said; it stops at the first failure.

        :raises RuntimeError: pytest judged nothing, for instance because the copy cannot be imported.
        """
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--timeout", "60", "-k", "not postgres", *tests]
        # Compiled files of a module that changes twice within a second would be taken for the new ones.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self._folder)}
        done = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode not in (PASSED, FAILED):
            raise RuntimeError(
                f"{' '.join(tests)}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
            )
        return done.returncode, done.stdout[-3000:]
