"""Documentation, contracts and configuration are checked against the code."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from node.cli import COMMANDS, Commands, app
from web import contracts

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))


def subcommands(name: str) -> set[str]:
    """Names of the commands of a group; empty for a plain command."""
    group = get_command(app)
    assert isinstance(group, Commands)
    found = group.get_command(None, name)
    return set(getattr(found, "commands", {}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert {target for target in re.findall(r"`make ([a-z]+)", text) if target not in TARGETS} == set()
    for command, following in re.findall(r"\bgsanode ([a-z-]+)(?: ([a-z-]+))?", text):
        assert command in COMMANDS, f"{page.name} names gsanode {command}"
        known = subcommands(command)
        if known and following:
            assert following in known, f"{page.name} names gsanode {command} {following}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_loads_and_is_named_in_the_documentation(command: str) -> None:
    subcommands(command)
    assert any(f"gsanode {command}" in page.read_text(encoding="utf-8") for page in PAGES)


def specifications() -> list[str]:
    return sorted(path.name.removesuffix(".yaml") for path in files("specs").iterdir() if path.name.endswith(".yaml"))


@pytest.mark.parametrize("name", specifications())
def test_contracts_document_every_operation_and_answer(name: str) -> None:
    document = contracts.document(name)
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            assert operation.get("summary"), f"{name}: {method} {path} has no summary"
            assert "default" in operation["responses"], f"{name}: {method} {path} documents no failure"
            ids.append(operation["operationId"])
    assert len(ids) == len(set(ids))
    for path in document["paths"]:
        assert set(re.findall(r"{(\w+)}", path)) == parameters(document, path)


def parameters(document: contracts.Document, path: str) -> set[str]:
    """Names of the path parameters that a path declares."""
    found = set()
    operations = document["paths"][path]
    listed = list(operations.get("parameters", []))
    for operation in operations.values():
        if isinstance(operation, dict):
            listed += operation.get("parameters", [])
    for parameter in listed:
        while "$ref" in parameter:
            parameter = document["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[-1]]
        if parameter["in"] == "path":
            found.add(parameter["name"])
    return found


def test_configuration_files_are_yaml() -> None:
    for path in sorted((ROOT / "config").rglob("*.yaml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8")) is not None, path


def test_decisions_are_numbered_once_and_without_gaps() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(record.name[:4]) for record in records]
    assert numbers == list(range(1, len(records) + 1))
    titled = [record.read_text(encoding="utf-8").split(maxsplit=2)[:2] for record in records]
    assert titled == [["#", f"{number}."] for number in numbers]
