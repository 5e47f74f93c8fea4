"""Row 68: every edit, deletion, insertion and reordering of the audit log is found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from auth import anchors, audit
from auth.database import writing
from auth.tables import AuditEvent, AuditHead
from tests.auth.world import NOW

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


COLUMNS = [column.name for column in AuditEvent.__table__.columns]


@dataclass(frozen=True)
class Forgery:
    """What somebody with the database in hand does: rows as they shall be, and whether the head is made to fit."""

    edits: tuple[tuple[int, str, int], ...]
    deleted: frozenset[int]
    order: tuple[int, ...]
    inserted: tuple[tuple[int, bool], ...]
    rehash: str
    new_head: bool


forgeries = st.builds(
    Forgery,
    edits=st.lists(st.tuples(st.integers(0, EVENTS - 1), st.sampled_from(COLUMNS), st.integers(0, 2)), max_size=3).map(
        tuple
    ),
    deleted=st.frozensets(st.integers(0, EVENTS - 1), max_size=3),
    order=st.one_of(st.just(tuple(range(EVENTS))), st.permutations(range(EVENTS)).map(tuple)),
    inserted=st.lists(st.tuples(st.integers(0, EVENTS), st.booleans()), max_size=2).map(tuple),
    rehash=st.sampled_from(["no", "each", "chain"]),
    new_head=st.booleans(),
)


def forged(rows: list[dict[str, Any]], forgery: Forgery) -> list[dict[str, Any]]:
    """``rows`` after the forgery. ``rehash`` makes each digest fit its row, or the whole chain hang together."""
    made = [dict(row) for row in rows]
    for place, column, change in forgery.edits:
        old = made[place][column]
        made[place][column] = (
            {"n": change} if isinstance(old, dict) else old + change if isinstance(old, int) else old[change:]
        )
    made = [made[place] for place in forgery.order if place not in forgery.deleted]
    for place, plausible in forgery.inserted:
        copied = dict(made[min(place, len(made) - 1)]) if made else dict(rows[0])
        made.insert(place, {**copied, "actor": "mallory"} if plausible else copied)
    if forgery.rehash == "chain" or len({row["sequence"] for row in made}) != len(made):
        for number, row in enumerate(made, start=1):
            row["sequence"] = number
    last = audit.START
    for row in made if forgery.rehash != "no" else ():
        row["previous"] = last if forgery.rehash == "chain" else row["previous"]
        row["digest"] = last = audit.digest(AuditEvent(**row))
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forgery=forgeries)
def test_ATTACKS_68_whatever_is_done_to_the_rows_is_found(chain: Engine, forgery: Forgery) -> None:
    """Any number of edits, deletions, insertions and swaps, even with all digests and the head made to fit.

    Left out is what no chain can tell from a true event: one more, well made, after the last anchor. Without an
    anchor that goes for the newest event too, and for a cut end.
    """
    with Session(chain) as session:
        rows = [dict(row._mapping) for row in session.execute(select(AuditEvent.__table__).order_by("sequence"))]
        head = dict(session.execute(select(AuditHead.__table__)).one()._mapping)
    anchors = {rows[-1]["sequence"]: rows[-1]["digest"]}
    made = forged(rows, forgery)
    last = made[-1] if made else {"sequence": 0, "digest": audit.START}
    wanted = {**head, "sequence": last["sequence"], "digest": last["digest"]} if forgery.new_head else head
    assume(made == rows or made[:EVENTS] != rows or not forgery.new_head)
    try:
        replace(chain, made, wanted)
        read = sorted(made, key=lambda row: row["sequence"])
        untouched = read == rows and wanted == head
        assert (audit.verify(chain, anchors).fault is None) == untouched
        if forgery.rehash != "chain":
            last_remade = forgery.rehash == "each" and read[:-1] == rows[: len(read) - 1]
            assert (audit.verify(chain).fault is None) == untouched or read == rows[: len(read)] or last_remade
    finally:
        replace(chain, rows, head)


def replace(chain: Engine, rows: list[dict[str, Any]], head: dict[str, Any]) -> None:
    with Session(chain) as session, session.begin():
        session.execute(delete(AuditEvent))
        session.execute(update(AuditHead).values(head))
        if rows:
            session.execute(insert(AuditEvent), rows)


def test_ATTACKS_68_a_cut_end_with_a_head_to_match_is_found_by_its_anchor(chain: Engine, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "anchors.txt"
    assert (anchors.note(chain, path, NOW), anchors.note(chain, path, NOW)) == (True, False)
    write(chain, 2)
    assert anchors.note(chain, path, NOW)
    assert audit.verify(chain, anchors.read(path)).fault is None
    with Session(chain) as session, session.begin():
        session.execute(delete(AuditEvent).where(AuditEvent.sequence > EVENTS))
        last = session.get_one(AuditEvent, EVENTS)
        session.execute(update(AuditHead).values(sequence=EVENTS, digest=last.digest))
    assert audit.verify(chain).fault is None  # nothing inside the database tells
    assert audit.verify(chain, anchors.read(path)).fault == f"event {EVENTS + 1}: missing, an anchor says there were 14"


@pytest.mark.parametrize("line", ["x", "1 2 3", f"1 {'a' * 64} 1\n1 {'b' * 64} 2", f"1 {'A' * 64} 1"])
def test_anchors_that_are_damaged_are_not_believed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "anchors.txt"
    path.write_text(line + "\n")
    with pytest.raises(anchors.DamagedAnchors, match="line"):
        anchors.read(path)


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
