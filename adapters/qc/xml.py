"""The archive's error report: XML with codes 201 to 212 (``config/qc/codes.yaml``)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from xml.etree import ElementTree as Tree

import yaml

from adapters.qc.findings import Finding
from adapters.qc.report import Report


@cache
def codes() -> dict[str, tuple[int, str]]:
    """By kind of finding: code, and what the code stands for."""
    table = yaml.safe_load((files("config") / "qc" / "codes.yaml").read_text())
    return {kind: (code, row["text"]) for code, row in table.items() for kind in row["kinds"]}


def xml(report: Report) -> str:
    """The whole report."""
    root = Tree.Element("fastqCheck", status=report.status)
    for one in report.sets:
        group = Tree.SubElement(root, "set", layout=one.layout)
        for file in one.files:
            made = Tree.SubElement(group, "file", name=file.path.name, status=file.status, reads=str(file.reads))
            if file.reason:
                Tree.SubElement(made, "unchecked").text = printable(file.reason)
            for finding in file.findings:
                _error(made, finding)
        for finding in one.findings:
            _error(group, finding)
    Tree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Tree.tostring(root, encoding="unicode") + "\n"


def _error(parent: Tree.Element, finding: Finding) -> None:
    code, text = codes()[finding.kind]
    made = Tree.SubElement(
        parent, "error", code=str(code), type=text, kind=finding.kind, count=str(finding.count), unit=finding.unit
    )
    Tree.SubElement(made, "message").text = printable(finding.message)
    for place in finding.places:
        known = {name: getattr(place, name) for name in ("record", "line", "byte", "column")}
        at = Tree.SubElement(made, "place", {name: str(value) for name, value in known.items() if value is not None})
        at.text = printable(place.detail) or None


def printable(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return "".join(letter if letter >= " " or letter in "\t\n" else "�" for letter in text)
