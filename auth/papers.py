"""What is written and filed about a request: comments, the committee's own notes, attached documents."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass

from sqlalchemy import func, select

from auth import access_request
from auth.caller import Caller
from auth.docket import Docket
from auth.errors import Conflict, InvalidRequest, NotFound
from auth.tables import Attachment, Comment

MOST = 10
LARGEST = 5 << 20
"""Bytes of one attachment."""

LONGEST_NAME = 100
KINDS: dict[str, tuple[bytes, ...]] = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "docx": (b"PK\x03\x04",),
    "txt": (),
}
"""Endings that are taken, and how such files begin. None of them is ever unpacked, converted or shown here."""


@dataclass(frozen=True, slots=True)
class Paper:
    """An attached document; ``size`` in bytes."""

    id: str
    name: str
    size: int
    sha256: str
    added_by: str
    at: int


class Papers:
    """Comments and attachments of requests."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    def comment(self, caller: Caller, request: str, text: str, *, internal: bool = False) -> str:
        """Add a comment; its id. ``internal`` ones are for the committee's eyes only, and only it writes them.

        :raises InvalidRequest: empty, too long, or with control characters.
        """
        text = access_request.text("text", text, required=True)
        action = "note" if internal else "comment"
        with self._docket.opened(caller, request, action) as case:
            row = Comment(
                request=case.row.id,
                author=case.subject,
                author_name=case.name,
                text=text,
                internal=internal,
                at=case.now,
            )
            case.session.add(row)
            case.session.flush()
            self._docket.record(case, action)
            return str(row.id)

    def attach(self, caller: Caller, request: str, name: str, content: bytes) -> Paper:
        """Attach a document to a draft or returned request (applicant).

        :raises InvalidRequest: a name or kind that is not taken, no content, or more than 5 MiB.
        :raises Conflict: there are 10 already.
        """
        name, kind = file_name(name)
        _content(kind, content)
        with self._docket.opened(caller, request, "attach") as case:
            held = select(func.count()).select_from(Attachment).where(Attachment.request == case.row.id)
            if (case.session.scalar(held) or 0) >= MOST:
                raise Conflict(f"at most {MOST} attachments are allowed")
            row = Attachment(
                id=secrets.token_hex(8),
                request=case.row.id,
                name=name,
                kind=kind,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                content=content,
                added_by=case.subject,
                at=case.now,
            )
            case.session.add(row)
            self._docket.record(case, "attach", attachment=row.id, sha256=row.sha256)
            return paper(row)

    def detach(self, caller: Caller, request: str, attachment: str) -> None:
        """Take an attachment back (applicant).

        :raises NotFound: no such attachment.
        """
        with self._docket.opened(caller, request, "detach") as case:
            row = case.session.get(Attachment, attachment)
            if row is None or row.request != case.row.id:
                raise NotFound("no such attachment")
            case.session.delete(row)
            self._docket.record(case, "detach", attachment=row.id, sha256=row.sha256)

    def read(self, caller: Caller, request: str, attachment: str) -> tuple[str, bytes]:
        """Name and bytes of an attachment.

        :raises NotFound: no such request or attachment, or none that the caller may see.
        """
        with self._docket.read(caller, request) as case:
            row = case.session.get(Attachment, attachment)
            if row is None or row.request != case.row.id:
                raise NotFound("no such attachment")
            return row.name, row.content


def paper(row: Attachment) -> Paper:
    """An attachment without its bytes."""
    return Paper(row.id, row.name, row.size, row.sha256, row.added_by, row.at)


def file_name(given: str) -> tuple[str, str]:
    """The name to keep, and its ending in lower case.

    :raises InvalidRequest: a path, a name that hides what it is, or an ending that is not taken.
    """
    name = unicodedata.normalize("NFC", given).strip()
    stem, _, kind = name.rpartition(".")
    kind = kind.lower()
    if not stem.strip(". ") or len(name) > LONGEST_NAME or not name.isprintable() or set(name) & set('/\\:*?"<>|'):
        raise InvalidRequest(f"name: a file name of at most {LONGEST_NAME} characters, without a path, is needed")
    if kind not in KINDS:
        raise InvalidRequest(f"name: {kind or 'no ending'!r} is not taken; allowed: {', '.join(KINDS)}")
    return name, kind


def _content(kind: str, content: bytes) -> None:
    if not content:
        raise InvalidRequest("the attachment is empty")
    if len(content) > LARGEST:
        raise InvalidRequest(f"the attachment has {len(content)} bytes; at most {LARGEST} are allowed")
    beginnings = KINDS[kind]
    if beginnings and not content.startswith(beginnings):
        raise InvalidRequest(f"the attachment is not a {kind} file")
    if not beginnings:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRequest("the attachment is not text in UTF-8") from error
