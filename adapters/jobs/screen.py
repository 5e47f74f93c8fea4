"""The search for human reads in what may hold none: a program of the operator's choice.

The program is given the files, plain or gzip, and writes a JSON object with two counts, of all reads and of human ones.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILES: Final = "{files}"
SUMMARY: Final = "{summary}"


class ScreenFailed(Exception):
    """The program gave no answer; the message says how."""


@dataclass(frozen=True, slots=True)
class Screen:
    """``command`` has ``{files}`` where the files go and ``{summary}`` where the path of the JSON file goes.

    ``reads`` and ``human`` name the counts in it; files with more than ``share`` (0 to 1) of human reads are refused.
    A set of more files than ``at_once`` is given file by file.
    """

    command: Sequence[str]
    reads: str
    human: str
    share: float
    at_once: int | None = None

    def objection(self, paths: Sequence[Path], folder: Path) -> str | None:
        """Why the files are refused; None if they are not.

        :param folder: for the summary.
        :raises ScreenFailed: if the program gives no answer.
        """
        whole = self.at_once is None or len(paths) <= self.at_once
        counted = [self._counts(part, folder) for part in ([paths] if whole else [[path] for path in paths])]
        reads, human = sum(all_ for all_, _ in counted), sum(some for _, some in counted)
        if human <= self.share * reads:
            return None
        return f"{human:,} of {reads:,} reads ({human / reads:.2%}) are human; allowed are {self.share:.2%}"

    def _counts(self, paths: Sequence[Path], folder: Path) -> tuple[int, int]:
        """All reads of some files, and the human ones."""
        found = self._summary(paths, folder / "screen.json")
        try:
            return int(found[self.reads]), int(found[self.human])
        except (KeyError, TypeError, ValueError) as error:
            wanted = f"{self.reads!r} and {self.human!r}"
            raise ScreenFailed(f"the summary of {self.command[0]} has no counts {wanted}") from error

    def _summary(self, paths: Sequence[Path], summary: Path) -> Mapping[str, Any]:
        command: list[str] = []
        for word in self.command:
            command += [str(path) for path in paths] if word == FILES else [word.replace(SUMMARY, str(summary))]
        try:
            with (summary.parent / "screen.out").open("wb") as said:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
            if done.returncode:
                words = (summary.parent / "screen.out").read_text("utf-8", "replace").strip().splitlines()
                last = words[-1][:300] if words else "nothing"
                raise ScreenFailed(f"{command[0]} ended with exit code {done.returncode} and said: {last}")
            found = json.loads(summary.read_bytes())
        except (OSError, ValueError) as error:
            raise ScreenFailed(f"{command[0]} gave no summary: {error}") from error
        if not isinstance(found, dict):
            raise ScreenFailed(f"{command[0]} gave no summary: not a JSON object")
        return found
