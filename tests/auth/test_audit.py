"""Row 68: every edit, deletion, insertion and reordering of the audit log is found."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from auth import audit
from auth.tables import AuditEvent, AuditHead, writing

EVENTS = 12


def write(engine: Engine, count: int, actor: str = "alice") -> None:
    for number in range(count):
        with Session(writing(engine)) as session, session.begin():
            audit.append(
                session,
                at=1000 + number,
                actor=actor,
                action="submit",
                target=f"r{number}",
                details={"n": number, "t": "é"},
            )


@pytest.fixture
def chain(small_engine: Engine) -> Engine:
    write(small_engine, EVENTS)
    return small_engine


def test_an_empty_and_an_untouched_log_are_whole(auth_engine: Engine) -> None:
    assert audit.verify(auth_engine) == audit.Verification(0, audit.START, None)
    write(auth_engine, EVENTS)
    report = audit.verify(auth_engine)
    assert (report.events, report.fault) == (EVENTS, None)
    write(auth_engine, 1)
    assert audit.verify(auth_engine).events == EVENTS + 1
    with Session(auth_engine) as session, session.begin():
        session.execute(update(AuditEvent).where(AuditEvent.sequence == 2).values(actor="mallory"))
    assert audit.verify(auth_engine).fault == "event 2: was changed after it was written"


@pytest.mark.parametrize("column", ["at", "actor", "action", "target", "details", "previous", "digest"])
def test_ATTACKS_68_an_edit_of_any_column_of_any_row_is_found(chain: Engine, column: str) -> None:
    value = {"at": 1, "details": {"n": 99}}.get(column, "x")
    for sequence in (1, EVENTS // 2, EVENTS):
        with Session(chain) as session, session.begin():
            old = session.scalars(select(getattr(AuditEvent, column)).where(AuditEvent.sequence == sequence)).one()
            session.execute(update(AuditEvent).where(AuditEvent.sequence == sequence).values({column: value}))
        assert f"event {sequence}:" in (audit.verify(chain).fault or "")
        with Session(chain) as session, session.begin():
            session.execute(update(AuditEvent).where(AuditEvent.sequence == sequence).values({column: old}))
        assert audit.verify(chain).fault is None


def _delete(session: Session, sequence: int) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.sequence == sequence))


def _delete_and_close_the_gap(session: Session, sequence: int) -> None:
    _delete(session, sequence)
    for later in range(sequence + 1, EVENTS + 1):
        session.execute(update(AuditEvent).where(AuditEvent.sequence == later).values(sequence=later - 1))


def _swap(session: Session, sequence: int) -> None:
    other = sequence % EVENTS + 1
    for old, new in ((sequence, -1), (other, sequence), (-1, other)):
        session.execute(update(AuditEvent).where(AuditEvent.sequence == old).values(sequence=new))


def _edit_and_rehash(session: Session, sequence: int) -> None:
    """The clever one: the digest fits the edited event, but nothing after it follows."""
    event = session.get_one(AuditEvent, sequence)
    event.actor = "mallory"
    event.digest = audit.digest(event)


@pytest.mark.parametrize("tamper", [_delete, _delete_and_close_the_gap, _swap, _edit_and_rehash])
@pytest.mark.parametrize("sequence", [1, 2, EVENTS // 2, EVENTS - 1, EVENTS])
def test_ATTACKS_68_tampering_is_found(chain: Engine, tamper: Callable[[Session, int], None], sequence: int) -> None:
    with Session(chain) as session, session.begin():
        tamper(session, sequence)
    assert audit.verify(chain).fault is not None


def test_ATTACKS_68_an_appended_event_that_the_head_does_not_know_is_found(chain: Engine) -> None:
    with Session(chain) as session, session.begin():
        last = session.get_one(AuditEvent, EVENTS)
        forged = AuditEvent(
            sequence=EVENTS + 1,
            at=1,
            actor="m",
            action="approve",
            target="r",
            details={},
            previous=last.digest,
            digest="",
        )
        forged.digest = audit.digest(forged)
        columns = {column.name: getattr(forged, column.name) for column in AuditEvent.__table__.columns}
        session.execute(insert(AuditEvent).values(columns))
    assert audit.verify(chain).fault is not None


def test_ATTACKS_68_everything_deleted_is_found(chain: Engine) -> None:
    with Session(chain) as session, session.begin():
        session.execute(delete(AuditEvent))
    assert audit.verify(chain).fault is not None


def test_a_rewritten_log_has_another_head(chain: Engine) -> None:
    """Whoever rewrites all of it cannot keep the head that was noted elsewhere."""
    head = audit.verify(chain).head
    with Session(chain) as session, session.begin():
        session.execute(delete(AuditEvent))
        session.execute(delete(AuditHead))
    write(chain, EVENTS, actor="mallory")
    report = audit.verify(chain)
    assert report.fault is None
    assert report.head != head


def test_writers_at_the_same_moment_do_not_fork_the_chain(auth_engine: Engine) -> None:
    """Also the very first event, when there is no head to lock yet; and verification runs meanwhile."""
    start, faults = threading.Barrier(5), []

    def writer() -> None:
        start.wait()
        write(auth_engine, 8)

    threads = [threading.Thread(target=writer) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        faults.append(audit.verify(auth_engine).fault)
    for thread in threads:
        thread.join(60)
    with Session(auth_engine) as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 32
    assert {*faults, audit.verify(auth_engine).fault} == {None}
