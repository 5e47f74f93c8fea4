"""The report as data, in the published schema (``config/qc/report.schema.json``)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from adapters.qc.findings import Finding
from adapters.qc.report import FileReport, Report, SetReport

VERSION: Final = 1


def document(report: Report) -> dict[str, Any]:
    """The whole report."""
    return {"version": VERSION, "status": report.status, "sets": [_set(one) for one in report.sets]}


def _set(one: SetReport) -> dict[str, Any]:
    return {
        "layout": one.layout,
        "files": [_file(file) for file in one.files],
        "findings": [_finding(finding) for finding in one.findings],
    }


def _file(file: FileReport) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "size": file.size,
        "status": file.status,
        "reason": file.reason,
        "container": file.container,
        "format": file.format,
        "engine": file.engine,
        "seconds": round(file.seconds, 3),
        "reads": file.reads,
        "bases": file.bases,
        "findings": [_finding(finding) for finding in file.findings],
        "profile": file.profile or None,
        "facts": file.facts or None,
        "taxonomy": file.taxonomy or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    made = asdict(finding)
    made["places"] = [
        {name: value for name, value in place.items() if value not in (None, "")} for place in made["places"]
    ]
    return made
