"""Row 65: documents of a request: what is taken, what is not, and that nothing in them is ever opened."""

from __future__ import annotations

import io
import zipfile

import pytest
from sqlalchemy import Engine

from auth.errors import Conflict, InvalidRequest, NotFound
from auth.papers import LARGEST, file_name
from tests.auth.desk import ALICE, BOB, DORA, PDF, Desk
from tests.auth.world import Clock


@pytest.fixture
def desk(small_engine: Engine, clock: Clock) -> Desk:
    return Desk(small_engine, clock)


def slipping() -> bytes:
    """A docx whose entries climb out of any folder it would be unpacked into."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../../../../etc/cron.d/x", "* * * * * root true")
    return made.getvalue()


GOOD = {
    "plan.pdf": PDF,
    "PLAN.PDF": PDF,
    "scan.png": b"\x89PNG\r\n\x1a\n..",
    "scan.jpg": b"\xff\xd8\xff\xe0..",
    "scan.JPEG": b"\xff\xd8\xff\xe0..",
    "notes.txt": "注释".encode(),
    "letter.docx": slipping(),
    "伦理批件.pdf": PDF,
    "a.svg.pdf": PDF,
}
BAD = {
    "x.svg": b"<svg/>",
    "x.html": b"<html>",
    "x.pdf.html": PDF,
    "x.xhtml": b"<html>",
    "x.js": b"alert(1)",
    "x.exe": b"MZ",
    "x.zip": b"PK\x03\x04",
    "x.pdf": b"<svg onload=alert(1)>",
    "y.png": b"<html>",
    "z.txt": b"\xff\xfe\x00",
    "empty.pdf": b"",
    "large.pdf": b"%PDF-" + bytes(LARGEST),
}
NAMES = ["", "x", ".pdf", "..pdf", "../x.pdf", "a/b.pdf", "a\\b.pdf", "C:x.pdf", "x\n.pdf", "x\r\nSet-Cookie: a.pdf"]
NAMES += ['x".pdf', "x\u202efdp.exe.pdf", "x\0.pdf", "y" * 97 + ".pdf", " .pdf", "<b>.pdf"]


@pytest.mark.parametrize("name", GOOD)
def test_documents_come_back_as_they_were(desk: Desk, name: str) -> None:
    made = desk.request("draft")
    paper = desk.dac.papers.attach(ALICE, made.id, name, GOOD[name])
    assert desk.dac.papers.read(ALICE, made.id, paper.id) == (name, GOOD[name])
    assert desk.dac.dossier(ALICE, made.id).attachments == (paper,)


@pytest.mark.parametrize("name", BAD)
def test_ATTACKS_65_other_kinds_are_refused(desk: Desk, name: str) -> None:
    made = desk.request("draft")
    with pytest.raises(InvalidRequest):
        desk.dac.papers.attach(ALICE, made.id, name, BAD[name])
    assert desk.dac.dossier(ALICE, made.id).attachments == ()


@pytest.mark.parametrize("name", NAMES)
def test_ATTACKS_65_names_that_are_more_than_a_name_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        file_name(name)


def test_an_attachment_of_another_request_is_not_there(desk: Desk) -> None:
    """Also not through a request that one may see (IDOR)."""
    mine, theirs = desk.request("draft"), desk.request("draft", BOB)
    paper = desk.dac.papers.attach(BOB, theirs.id, "plan.pdf", PDF)
    for act in (desk.dac.papers.read, desk.dac.papers.detach):
        with pytest.raises(NotFound, match="attachment"):
            act(ALICE, mine.id, paper.id)
        with pytest.raises(NotFound, match="request"):
            act(ALICE, theirs.id, paper.id)
    assert desk.dac.papers.read(BOB, theirs.id, paper.id) == ("plan.pdf", PDF)


def test_what_the_committee_read_stays_as_it_was(desk: Desk) -> None:
    made = desk.request("draft")
    paper = desk.dac.papers.attach(ALICE, made.id, "plan.pdf", PDF)
    desk.bring(made.id, "submitted")
    with pytest.raises(Conflict):
        desk.dac.papers.detach(ALICE, made.id, paper.id)
    assert desk.dac.papers.read(DORA, made.id, paper.id) == ("plan.pdf", PDF)
