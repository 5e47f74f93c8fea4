"""``gsanode dac committee`` and ``gsanode audit``: what is written is found whole, and what was touched is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from adapters.catalog.engine import connect
from auth.tables import AuditEvent, AuditHead, Committee
from migrations.schema import upgrade
from node.cli import app

MEMBERS = ["--member", "dora=dora@dac.example", "--member", "dave"]


class Operator:
    """A person at the command line of one member."""

    def __init__(self, folder: Path) -> None:
        self.config, self.anchors = folder / "member.yaml", folder / "elsewhere" / "anchors.txt"
        self.engine: Engine = connect(f"sqlite:///{folder}/catalog.db")
        upgrade(self.engine, "member")
        settings = {
            "kind": "member",
            "member": "gsa-human",
            "public_url": "http://127.0.0.1:8083",
            "listen": {"port": 8083},
            "database": str(self.engine.url),
            "organization": {"id": "x", "name": "X", "url": "https://example.org"},
            "drs_host": "gsa-human.localhost",
            "stores": {},
            "broker": {"issuer": "http://127.0.0.1:1", "client_id": "gsa-human"},
            "trust": [],
            "url_key": "ab" * 32,
            "audit_anchors": str(self.anchors),
        }
        self.config.write_text(yaml.safe_dump(settings))

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--config", str(self.config)])


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_a_committee_with_chairs_and_a_quorum(operator: Operator) -> None:
    given = ["dac", "committee", "HDAC000001", "--title", "First", *MEMBERS]
    done = operator.run(*given, "--chair", "dave", "--quorum", "2")
    assert (done.exit_code, done.stdout) == (0, "HDAC000001: registered\n"), done.output
    assert operator.run(*given, "--chair", "dave", "--quorum", "2").stdout == "HDAC000001: unchanged\n"
    with Session(operator.engine) as session:
        assert session.get_one(Committee, "HDAC000001").quorum == 2
    for wrong, said in ((["--quorum", "3"], "1 to 2 are allowed"), (["--chair", "eve"], "one of its members")):
        refused = operator.run(*given, *wrong)
        assert refused.exit_code == 1
        assert said in refused.output


def test_ATTACKS_68_verify_finds_an_edit_and_a_cut_end(operator: Operator) -> None:
    assert "0 events, chain whole" in operator.run("audit", "verify").stdout
    for title in ("One", "Two", "Three"):
        operator.run("dac", "committee", "HDAC000001", "--title", title, *MEMBERS)
    assert "anchored" in operator.run("audit", "anchor").stdout
    assert "nothing new" in operator.run("audit", "anchor").stdout
    whole = operator.run("audit", "verify")
    assert whole.exit_code == 0
    assert whole.stdout.startswith("3 events, chain whole, head ")
    with Session(operator.engine) as session, session.begin():
        session.execute(update(AuditEvent).where(AuditEvent.sequence == 2).values(actor="nobody"))
    edited = operator.run("audit", "verify")
    assert edited.exit_code == 1
    assert "event 2: was changed" in edited.output
    with Session(operator.engine) as session, session.begin():
        session.execute(update(AuditEvent).where(AuditEvent.sequence == 2).values(actor="operator"))
        session.execute(delete(AuditEvent).where(AuditEvent.sequence == 3))
        digest = session.get_one(AuditEvent, 2).digest
        session.execute(update(AuditHead).values(sequence=2, digest=digest))
    cut = operator.run("audit", "verify")
    assert cut.exit_code == 1
    assert "event 3: missing, an anchor says there were 3" in cut.output


def test_anchors_that_are_none(operator: Operator, tmp_path: Path) -> None:
    assert operator.run("audit", "verify", "--anchors", str(tmp_path / "nowhere")).exit_code == 2
    (tmp_path / "text").write_text("hello\n")
    for command in ("verify", "anchor"):
        operator.run("dac", "committee", "HDAC000001", "--title", command, *MEMBERS)
        refused = operator.run("audit", command, "--anchors", str(tmp_path / "text"))
        assert refused.exit_code == 1
        assert "line 1" in refused.output
