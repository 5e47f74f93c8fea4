"""Budgets of information: pure prices against a simulation, and debits that never exceed, whoever races."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select

from auth.budget import Base, BudgetExhausted, Budgets, BudgetSpent, Charge, QuestionCharged
from auth.ledger import FEW, latest
from auth.policy import Floor
from auth.protection import Budget, Protection

PROTECTION = Protection(Floor(20, 20), Budget(caller=1.0, organisation=2.0), together=2)


@pytest.fixture
def budgets(engine: Engine) -> Budgets:
    Base.metadata.create_all(engine)
    return Budgets(engine)


def charge(question: str, price: float = 0.25, block: str | None = None, **changes: object) -> Charge:
    made = Charge("HRA000001", "1", question, block or question, price, PROTECTION)
    return replace(made, **changes)  # type: ignore[arg-type]


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(QuestionCharged)) or 0


def test_a_budget_pays_for_what_it_holds_and_no_more(budgets: Budgets, engine: Engine) -> None:
    for number in range(4):
        budgets.debit("alice", "a.example", [charge(f"q{number}")])
    before = rows(engine)
    with pytest.raises(BudgetExhausted, match="HRA000001"):
        budgets.debit("alice", "a.example", [charge("q4", 0.01)])
    assert rows(engine) == before
    assert budgets.spent("HRA000001", "person alice") == pytest.approx(1.0)
    budgets.debit("alice", "a.example", [charge("elsewhere", dataset="HRA000002")])


def test_a_replay_costs_nothing_and_writes_nothing(budgets: Budgets, engine: Engine) -> None:
    budgets.debit("alice", "a.example", [charge("q", 1.0)])
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: written.append(statement))
    budgets.debit("alice", "a.example", [charge("q", 1.0)])
    assert [statement.split()[0] for statement in written if not statement.startswith("BEGIN")] == ["SELECT"]
    with pytest.raises(BudgetExhausted):
        budgets.debit("alice", "a.example", [charge("q", 1.0, release="2")])


def test_an_organisation_pays_for_all_its_people_but_once_for_one_question(budgets: Budgets) -> None:
    for person in ("alice", "bob", "carol"):
        budgets.debit(person, "a.example", [charge("same", 1.0)])
    assert budgets.spent("HRA000001", "organisation a.example") == pytest.approx(1.0)
    budgets.debit("dave", "a.example", [charge("other", 1.0)])
    with pytest.raises(BudgetExhausted):
        budgets.debit("erin", "a.example", [charge("third", 0.1)])
    budgets.debit("erin", "b.example", [charge("third", 0.1)])


def test_everyone_together_where_a_data_set_says_so(budgets: Budgets) -> None:
    limited = replace(PROTECTION, budget=Budget(everyone=0.5))
    budgets.debit("alice", "a.example", [charge("one", 0.4, protection=limited)])
    with pytest.raises(BudgetExhausted):
        budgets.debit("bob", "b.example", [charge("two", 0.4, protection=limited)])
    budgets.debit("bob", "b.example", [charge("one", 0.4, protection=limited)])


def test_neighbours_are_charged_as_one_block_up_to_a_number(budgets: Budgets) -> None:
    prices = [0.1, 0.3, 0.2, 0.2]
    due = [0.1, 0.2, 0.2, 0.0]
    total = 0.0
    for number, (price, paid) in enumerate(zip(prices, due, strict=True)):
        budgets.debit("alice", "a.example", [charge(f"n{number}", price, block="GRCh38:1:5")])
        total += paid
        assert budgets.spent("HRA000001", "person alice") == pytest.approx(total)


def test_all_data_sets_are_charged_or_none(budgets: Budgets) -> None:
    budgets.debit("alice", "a.example", [charge("first", 0.9)])
    both = [charge("second", 0.5), charge("second", 0.5, dataset="HRA000002")]
    with pytest.raises(BudgetExhausted) as refusal:
        budgets.debit("alice", "a.example", both)
    assert refusal.value.datasets == ("HRA000001",)
    assert budgets.spent("HRA000002", "person alice") == 0


def test_all_of_many_data_sets_are_charged_or_none(budgets: Budgets, engine: Engine) -> None:
    """More than are asked for at once, and the one that does not pay is the last."""
    many = [charge("q", 0.5, dataset=f"HRA{number:06}") for number in range(FEW + 20)]
    last = many[-1].dataset
    budgets.debit("alice", "a.example", [charge("before", 0.6, dataset=last)])
    with pytest.raises(BudgetExhausted) as refusal:
        budgets.debit("alice", "a.example", many)
    assert refusal.value.datasets == (last,)
    assert rows(engine) == 2
    budgets.debit("alice", "a.example", many[:-1])
    assert rows(engine) == 2 * len(many)
    with pytest.raises(BudgetExhausted):
        budgets.debit("alice", "a.example", many)
    for number, one in enumerate(many[:-1]):
        assert budgets.spent(one.dataset, "person alice") == 0.5, number


def test_a_debit_takes_the_same_few_statements_for_one_data_set_as_for_ten(budgets: Budgets, engine: Engine) -> None:
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: written.append(statement))
    for number in (1, 10):
        written.clear()
        budgets.debit("alice", "a.example", [charge("q", dataset=f"HRA{number}{n}") for n in range(number)])
        words = [statement.split()[0] for statement in written if not statement.startswith("BEGIN")]
        assert words == ["SELECT", "INSERT", "SELECT", "SELECT", "INSERT", "UPDATE"]


@pytest.mark.parametrize("processes", [1, 2])
def test_racing_debits_never_exceed_and_are_never_lost(engine: Engine, processes: int) -> None:
    """Two ledgers stand for two processes: they share nothing but the database."""
    Base.metadata.create_all(engine)
    ledgers = [Budgets(engine) for _ in range(processes)]
    start, paid = threading.Barrier(16), []

    def ask(worker: int) -> None:
        start.wait()
        for number in range(6):
            question = charge(f"q{worker % 12}-{number}", 0.03)
            try:
                ledgers[worker % processes].debit("alice", "a.example", [question])
            except BudgetExhausted:
                continue
            paid.append(question.question)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))
    assert len(set(paid)) == 33
    assert rows(engine) == 2 * 33
    with engine.connect() as connection:
        spent = dict(connection.execute(select(BudgetSpent.holder, BudgetSpent.spent)).all())
    assert spent == pytest.approx({"person alice": 0.99, "organisation a.example": 0.99})


def test_a_failing_database_fails_everybody_who_waits_and_charges_nobody(budgets: Budgets, engine: Engine) -> None:
    def broken(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            raise OSError("disk is full")

    event.listen(engine, "before_cursor_execute", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="disk is full"):
            budgets.debit("alice", "a.example", [charge("q")])
    event.remove(engine, "before_cursor_execute", broken)
    assert rows(engine) == 0
    budgets.debit("alice", "a.example", [charge("q")])
    assert rows(engine) == 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.floats(0, 0.6)), max_size=25))
def test_spent_is_what_was_charged(asked: list[tuple[int, int, float]]) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    budgets, answered = Budgets(engine), set()
    for question, block, price in asked:
        try:
            budgets.debit("alice", "a.example", [charge(f"q{question}", price, block=f"b{block}")])
        except BudgetExhausted:
            assert (question, block) not in answered
        else:
            answered.add((question, block))
    with engine.connect() as connection:
        charged = connection.scalar(
            select(func.sum(QuestionCharged.charged)).where(QuestionCharged.holder == "person alice")
        )
    assert budgets.spent("HRA000001", "person alice") == pytest.approx(charged or 0.0)
    assert (charged or 0.0) <= 1 + 1e-9
    assert rows(engine) == 2 * len(answered)


def test_a_debit_looks_nothing_up_by_going_through_a_whole_table(sqlite_engine: Engine) -> None:
    """A budget that many have used must not get slower with every question."""
    Base.metadata.create_all(sqlite_engine)
    asked: list[tuple[str, Any]] = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda _c, _k, text, given, *_: asked.append((text, given)))
    Budgets(sqlite_engine).debit("alice", "a.example", [charge("q1"), charge("q2")])
    selects = [(statement, given) for statement, given in asked if statement.startswith("SELECT")]
    assert len(selects) >= 2
    with sqlite_engine.connect() as connection:
        for statement, given in selects:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            assert not any(row.detail.startswith(("SCAN auth_", "USE TEMP B-TREE")) for row in plan), plan


def test_a_debit_reads_no_more_of_a_block_than_is_charged_with_it(budgets: Budgets, engine: Engine) -> None:
    """Of rare alleles a block may have thousands of questions that cost next to nothing."""
    for number, release in enumerate("1112111"):
        budgets.debit("alice", "a.example", [charge(f"q{number}", 0.01 * number, block="b", release=release)])
    place = ("HRA000001", "person alice", "b", "1")
    with engine.connect() as connection:
        assert latest(connection, [place], 2) == {place: [(4, pytest.approx(0.05)), (5, pytest.approx(0.01))]}
