"""What a check says about a file and about a set of files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from adapters.qc.errors import CannotCheck
from adapters.qc.findings import Finding

Status = Literal["clean", "findings", "unchecked"]


@dataclass(slots=True)
class FileReport:
    """One file. ``reads`` and ``bases`` count what was read; ``reason`` says why a file was not checked,
    and ``error`` is what was raised then."""

    path: Path
    size: int = 0
    container: str = ""
    format: str = ""
    engine: str = ""
    reads: int = 0
    bases: int = 0
    findings: list[Finding] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    taxonomy: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    error: CannotCheck | None = None
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """Whether it was checked, and clean."""
        if self.reason is not None:
            return "unchecked"
        return "findings" if self.findings else "clean"


@dataclass(slots=True)
class SetReport:
    """Files that belong together: mates, or a 10x set. ``findings`` are those of the set."""

    files: list[FileReport]
    layout: str
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """A whole run."""

    sets: list[SetReport]

    @property
    def files(self) -> list[FileReport]:
        """All files, in the order given."""
        return [file for one in self.sets for file in one.files]

    @property
    def status(self) -> Status:
        """The worst of all: a file that could not be checked, then findings."""
        states = {file.status for file in self.files}
        if "unchecked" in states:
            return "unchecked"
        return "findings" if "findings" in states or any(one.findings for one in self.sets) else "clean"

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 something could not be checked."""
        return {"clean": 0, "findings": 1, "unchecked": 2}[self.status]
