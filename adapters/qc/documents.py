"""The report as data, in the published schema (``config/qc/report.schema.json``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from adapters.qc.findings import Finding, Place
from adapters.qc.report import FileReport, Report, SetReport

VERSION: Final = 1


def document(made: Report) -> dict[str, Any]:
    """The whole report."""
    return {"version": VERSION, "status": made.status, "sets": [_set(one) for one in made.sets]}


def report(made: Mapping[str, Any]) -> Report:
    """The report that :func:`document` made a document of; why a file was not checked is known as a sentence only."""
    return Report([_set_of(one) for one in made["sets"]])


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


def _set_of(made: Mapping[str, Any]) -> SetReport:
    return SetReport(
        files=[_file_of(file) for file in made["files"]],
        layout=made["layout"],
        findings=[_finding_of(finding) for finding in made["findings"]],
    )


def _file_of(made: Mapping[str, Any]) -> FileReport:
    given = {name: value for name, value in made.items() if name != "status" and value is not None}
    given |= {"path": Path(made["path"]), "findings": [_finding_of(finding) for finding in made["findings"]]}
    return FileReport(**given)


def _finding(finding: Finding) -> dict[str, Any]:
    made = asdict(finding)
    made["places"] = [
        {name: value for name, value in place.items() if value not in (None, "")} for place in made["places"]
    ]
    return made


def _finding_of(made: Mapping[str, Any]) -> Finding:
    return Finding(**{**made, "places": tuple(Place(**place) for place in made["places"])})
