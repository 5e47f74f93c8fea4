"""The audit log: append-only and hash-chained, so that any later edit, deletion or insertion is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auth.tables import AuditEvent, AuditHead, Document

START = "0" * 64
"""``previous`` of the first event."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found.

    :param events: events read.
    :param head: digest of the last event; kept elsewhere, it also proves later that nothing was rewritten as a whole.
    :param fault: where the chain is broken, or None.
    """

    events: int
    head: str
    fault: str | None


def append(session: Session, *, at: int, actor: str, action: str, target: str, details: Document) -> None:
    """Add an event in the caller's transaction.

    :param at: epoch seconds.
    :param actor: subject of the one who acts.
    :param details: text and numbers; never a token, a purpose or a name.
    """
    head = _locked_head(session)
    event = AuditEvent(
        sequence=head.sequence + 1,
        at=at,
        actor=actor,
        action=action,
        target=target,
        details=details,
        previous=head.digest,
        digest="",
    )
    event.digest = digest(event)
    session.add(event)
    head.sequence, head.digest = event.sequence, event.digest


def digest(event: AuditEvent) -> str:
    """SHA-256 (hex) over everything in ``event`` but the digest itself."""
    covered: dict[str, Any] = {
        name: getattr(event, name) for name in ("sequence", "at", "actor", "action", "target", "details", "previous")
    }
    content = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def verify(engine: Engine, anchors: Mapping[int, str] | None = None) -> Verification:
    """Walk the chain from its start and report the first fault; events may be appended meanwhile.

    :param anchors: digests by sequence that were kept elsewhere (:mod:`auth.anchors`). Without them, somebody who can
        write the whole database could cut the end off, or write all of it anew, and set the head to match.
    """
    kept = anchors or {}
    with Session(engine) as session, session.begin():
        before = _head(session)
        count, last, passed = 0, START, before == (0, START)
        query = select(AuditEvent).order_by(AuditEvent.sequence).execution_options(yield_per=500)
        with session.scalars(query) as events:
            for event in events:
                fault = _fault(event, count + 1, last, kept)
                if fault:
                    return Verification(count, last, fault)
                count, last = event.sequence, event.digest
                passed = passed or before == (count, last)
        after = _head(session)
    if not passed or count > after[0]:
        return Verification(count, last, f"event {count + 1}: the chain does not end where its head says ({after[0]})")
    if max(kept, default=0) > count:
        return Verification(count, last, f"event {count + 1}: missing, an anchor says there were {max(kept)}")
    return Verification(count, last, None)


def head(engine: Engine) -> tuple[int, str]:
    """Sequence and digest of the last event."""
    with Session(engine) as session:
        return _head(session)


def _head(session: Session) -> tuple[int, str]:
    row = session.execute(select(AuditHead.sequence, AuditHead.digest).where(AuditHead.id == 1)).one_or_none()
    return (0, START) if row is None else (row[0], row[1])


def _fault(event: AuditEvent, sequence: int, previous: str, anchors: Mapping[int, str]) -> str | None:
    if event.sequence != sequence:
        return f"event {sequence}: missing, the next one is {event.sequence}"
    if event.previous != previous:
        return f"event {sequence}: does not follow the event before it"
    if event.digest != digest(event):
        return f"event {sequence}: was changed after it was written"
    if anchors.get(sequence, event.digest) != event.digest:
        return f"event {sequence}: is not the one that was anchored"
    return None


def _locked_head(session: Session) -> AuditHead:
    head = session.get(AuditHead, 1, with_for_update=True)
    if head is None:
        try:
            with session.begin_nested():
                session.add(AuditHead(id=1, sequence=0, digest=START))
        except IntegrityError:  # another process wrote the first event at the same moment
            session.expire_all()
        head = session.get_one(AuditHead, 1, with_for_update=True)
    return head
