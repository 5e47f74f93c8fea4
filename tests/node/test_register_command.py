"""``gsanode register`` and ``gsanode withdraw``: the whole way from a configuration to rows, and every refusal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from openpyxl import Workbook as Book
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from adapters.catalog.engine import connect
from adapters.catalog.models import Dataset, File, Individual
from adapters.terms.tables import IndividualTerm
from migrations.schema import upgrade
from node.cli import app

DESCRIPTOR = {
    "accession": "HRA000001",
    "title": "A study",
    "tier": "controlled",
    "dac": "HDAC000001",
    "release_date": "2024-01-01",
}
PEOPLE = [
    {"id": "HG1", "sex": {"id": "NCIT:C20197", "label": "male"}, "diseases": [{"diseaseCode": {"id": "ICD10:E11"}}]}
]


class Operator:
    """A person at a shell, with one member configured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/catalog.db"
        (folder / "archive").mkdir()
        (folder / "people").mkdir()
        (folder / "people/individuals.json").write_text(json.dumps(PEOPLE))
        (folder / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTOR))
        self.configure({"disk": {"kind": "local", "root": str(folder / "archive")}})
        engine = connect(self.url)
        upgrade(engine, "member")
        engine.dispose()

    def configure(self, stores: dict[str, Any]) -> None:
        settings = {
            "kind": "member",
            "member": "gsa-human",
            "public_url": "http://127.0.0.1:8083",
            "listen": {"port": 8083},
            "database": self.url,
            "organization": {"id": "org.example", "name": "Example", "url": "https://example.org"},
            "drs_host": "gsa-human.localhost",
            "stores": stores,
            "broker": {"issuer": "http://127.0.0.1:8081", "client_id": "gsa-human"},
            "trust": [],
            "url_key": "00" * 32,
        }
        (self.folder / "member.yaml").write_text(yaml.safe_dump(settings))

    def __call__(self, *arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, [*arguments, "--config", str(self.folder / "member.yaml")])

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def scalars(self, query: Any) -> list[Any]:
        engine = connect(self.url)
        with Session(engine) as session:
            found = list(session.scalars(query))
        engine.dispose()
        return found

    def register_people(self, *more: str) -> Result:
        return self(
            "register",
            "individuals",
            self.path("people"),
            "--descriptor",
            self.path("dataset.yaml"),
            "--numbering",
            *more,
        )


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_individuals_then_files_then_withdrawal(operator: Operator) -> None:
    first = operator.register_people()
    assert first.exit_code == 0, first.output
    assert "registered: 1 dataset, 1 individual, 1 membership" in first.output
    assert operator.scalars(select(IndividualTerm.term))  # indexed for filters in the same transaction
    assert "unchanged" in operator.register_people().output

    (operator.folder / "archive/x.txt").write_bytes(b"x\n")
    line = f"x.txt\t{hashlib.md5(b'x' + chr(10).encode()).hexdigest()}\tX\tTXT\tHRR000001-01\tHRI000001"
    (operator.folder / "m.tsv").write_text(f"path\tmd5\ttitle\ttype\tid\tindividuals\n{line}\n")
    done = operator("register", "manifest", operator.path("m.tsv"), "--dataset", "HRA000001", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["inserted"] == {"file": 1, "checksum": 2, "location": 1, "file_person": 1}
    assert operator.scalars(select(File.id)) == ["HRR000001-01"]

    assert "HRI000001: withdrawn" in operator("withdraw", "individual", "HRI000001").output
    assert "HRI000001: unchanged" in operator("withdraw", "individual", "HRI000001").output
    assert "release date set" in operator("register", "release-date", "HRA000001", "2030-01-01").output
    assert "HRA000001: withdrawn" in operator("withdraw", "dataset", "HRA000001").output
    assert operator.scalars(select(Dataset.withdrawn_at)) != [None]
    missing = operator("withdraw", "dataset", "HRA000009")
    assert (missing.exit_code, "HRA000009" in missing.stderr) == (1, True)


def test_a_dry_run_validates_and_writes_nothing(operator: Operator) -> None:
    assert "valid; nothing was written" in operator.register_people("--dry-run").output
    assert operator.scalars(select(Individual.accession)) == []


def test_problems_are_a_table_or_json_and_exit_code_1(operator: Operator) -> None:
    (operator.folder / "people/individuals.json").write_text(
        json.dumps([{"id": "x", "sex": {"id": "male"}}, {"id": 2}])
    )
    shown = operator.register_people()
    assert shown.exit_code == 1
    assert "2 problems, nothing was written" in shown.stderr
    listed = operator.register_people("--json")
    assert listed.exit_code == 1
    assert json.loads(listed.stdout)["problems"] == [
        {
            "source": "individuals.json", "sheet": "", "row": 1, "column": "sex", "kind": "bad value",
            "message": "'male' is no CURIE such as HP:0001250",
        },
        {
            "source": "individuals.json", "sheet": "", "row": 2, "column": "id", "kind": "missing value",
            "message": "'id' must be a string",
        },
    ]  # fmt: skip
    assert operator.scalars(select(Individual.accession)) == []


def test_a_workbook_phenopackets_and_images_have_their_commands(operator: Operator) -> None:
    Book().save(operator.folder / "book.xlsx")
    for command, path in (("workbook", "book.xlsx"), ("phenopackets", "people")):
        refused = operator("register", command, operator.path(path), "--descriptor", operator.path("dataset.yaml"))
        assert refused.exit_code == 1, refused.output
    refused = operator("register", "dicom", "none", "--descriptor", operator.path("dataset.yaml"))
    assert "holds no DICOM file" in refused.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("- a\n", "mapping"), ("a: [", "neither YAML nor JSON"), ("accession: HRA1\ntitle: x\n", "bad accession")],
)
def test_wrong_descriptors(operator: Operator, content: str, message: str) -> None:
    (operator.folder / "dataset.yaml").write_text(content)
    refused = operator.register_people()
    assert refused.exit_code == 1
    assert message in refused.stderr


def test_wrong_options_and_settings_end_with_code_2(operator: Operator) -> None:
    both = operator.register_people("--dataset", "HRA000001")
    assert (both.exit_code, "give either --dataset" in both.stderr) == (2, True)
    root = str(operator.folder / "archive")
    operator.configure({"one": {"kind": "local", "root": root}, "two": {"kind": "local", "root": root}})
    (operator.folder / "m.tsv").write_text("path\tmd5\ttitle\ttype\n")
    unnamed = operator("register", "manifest", operator.path("m.tsv"), "--dataset", "HRA000001")
    assert (unnamed.exit_code, "--store is needed: the configuration has one, two" in unnamed.stderr) == (2, True)
    wrong = operator("register", "manifest", operator.path("m.tsv"), "--dataset", "HRA000001", "--store", "three")
    assert (wrong.exit_code, "allowed: one, two" in wrong.stderr) == (2, True)
    operator.configure({"one": {"kind": "local", "root": "/no/such/folder"}})
    gone = operator.register_people()
    assert (gone.exit_code, "stores.one.root" in gone.stderr) == (2, True)
