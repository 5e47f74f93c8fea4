"""Budgets of information: debited before an answer is computed, in one transaction, once for the same question.

A holder is a person, an organisation, or everyone; each has a budget for each data set. A debit is of all holders and
data sets that a question concerns, or of none. Processes share the database; within a process, debits that wait for
the write lock are committed together.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, String, and_, bindparam, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from auth.errors import AuthError
from auth.protection import Protection
from auth.tables import writing

EVERYONE = "everyone"
AT_ONCE = 64  # debits of one transaction: an answer must not wait long for those of others
ROUNDING = 1e-9
FEW = 50  # keys that are asked for at once


class BudgetExhausted(AuthError):
    """The budget left does not pay for the question; ``datasets`` are those concerned. Says nothing of any data."""

    def __init__(self, datasets: Sequence[str]) -> None:
        super().__init__(f"the budget for questions about genotypes of {', '.join(datasets)} does not pay for this one")
        self.datasets = tuple(datasets)


class Base(DeclarativeBase):
    """Declarative base of the tables of budgets, in every member's database."""

    type_annotation_map = {str: String}  # noqa: RUF012 - SQLAlchemy reads this class attribute


class BudgetSpent(Base):
    """What a holder has spent of its budget for a data set, in shares of a whole one."""

    __tablename__ = "auth_budget_spent"
    __table_args__ = ({"sqlite_with_rowid": False},)
    dataset: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    spent: Mapped[float]


class QuestionCharged(Base):
    """A question that a holder has paid for: asked again of the same release of the data set it costs nothing.

    ``number`` counts the holder's questions about a block of alleles; those charged together have consecutive ones.
    """

    __tablename__ = "auth_question_charged"
    __table_args__ = ({"sqlite_with_rowid": False},)
    dataset: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    block: Mapped[str] = mapped_column(primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    charged: Mapped[float]


@dataclass(frozen=True, slots=True)
class Charge:
    """What one question costs at one data set.

    :param release: of the data set's data, as they are now; another release is another question.
    :param question: digest of the question and of how much its answer tells.
    :param block: the block of alleles it is about; see :class:`~auth.protection.Protection`.
    :param price: share of a budget (:func:`auth.information.price`).
    """

    dataset: str
    release: str
    question: str
    block: str
    price: float
    protection: Protection


@dataclass(frozen=True, slots=True)
class _Entry:
    """A charge to one holder, whose budget is ``capacity``."""

    holder: str
    capacity: float
    charge: Charge

    @property
    def account(self) -> tuple[str, str]:
        return self.charge.dataset, self.holder

    @property
    def place(self) -> tuple[str, str, str]:
        return self.charge.dataset, self.holder, self.charge.block


@dataclass(slots=True)
class _Debit:
    """A debit that waits for its turn."""

    entries: list[_Entry]
    done: bool = False
    failure: BaseException | None = None


@dataclass(slots=True)
class _Books:
    """What the database says of the accounts and blocks of some debits, and what is to be written."""

    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    paid: defaultdict[tuple[str, str, str], list[tuple[str, str, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    questions: list[dict[str, Any]] = field(default_factory=list)
    changed: set[tuple[str, str]] = field(default_factory=set)

    def settle(self, entries: Sequence[_Entry]) -> None:
        """Charge all entries.

        :raises BudgetExhausted: and charge none.
        """
        dues = {entry: self._due(entry) for entry in entries}
        short = {
            entry.charge.dataset
            for entry, due in dues.items()
            if due is not None and self.spent[entry.account] + due > entry.capacity + ROUNDING
        }
        if short:
            raise BudgetExhausted(sorted(short))
        for entry, due in dues.items():
            if due is not None:
                self._enter(entry, due)

    def _due(self, entry: _Entry) -> float | None:
        """What is to be paid; None for what was paid before."""
        charge, paid = entry.charge, self.paid[entry.place]
        if any(question == charge.question and release == charge.release for question, release, _ in paid):
            return None
        same = [charged for _, release, charged in paid if release == charge.release]
        begun = len(same) % charge.protection.together
        return max(0.0, charge.price - sum(same[len(same) - begun :]))

    def _enter(self, entry: _Entry, due: float) -> None:
        charge, paid = entry.charge, self.paid[entry.place]
        row: dict[str, Any] = {"dataset": charge.dataset, "holder": entry.holder, "block": charge.block}
        row |= {"question": charge.question, "release": charge.release, "number": len(paid), "charged": due}
        self.questions.append(row)
        paid.append((charge.question, charge.release, due))
        self.spent[entry.account] += due
        self.changed.add(entry.account)


class Budgets:
    """The budgets of a member.

    :param engine: its database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[_Debit] = []
        self._queue = threading.Lock()
        self._turn = threading.Lock()

    def debit(self, person: str, organisation: str, charges: Sequence[Charge]) -> None:
        """Pay for a question, durably, or find that it was paid for; a question paid for before writes nothing.

        :raises BudgetExhausted: if a holder's budget does not suffice; then nobody is charged.
        """
        entries = [entry for charge in charges for entry in _entries(person, organisation, charge)]
        if not entries or self._paid(entries):
            return
        debit = _Debit(entries)
        with self._queue:
            self._waiting.append(debit)
        while not debit.done:
            with self._turn:
                if not debit.done:
                    self._settle()
        if debit.failure is not None:
            raise debit.failure

    def spent(self, dataset: str, holder: str) -> float:
        """What a holder has spent on a data set."""
        wanted = select(BudgetSpent.spent).where(BudgetSpent.dataset == dataset, BudgetSpent.holder == holder)
        with self._engine.connect() as connection:
            return connection.scalar(wanted) or 0.0

    def _paid(self, entries: Sequence[_Entry]) -> bool:
        with self._engine.connect() as connection:
            paid = _questions(connection, entries)
        return all(
            any((e.charge.question, e.charge.release) == (question, release) for question, release, _ in paid[e.place])
            for e in entries
        )

    def _settle(self) -> None:
        """Commit the debits that wait; each gets its own refusal, all of them a failure of the database."""
        with self._queue:
            batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        try:
            with writing(self._engine).begin() as connection:
                self._settle_in(connection, batch)
        except BaseException as error:
            for debit in batch:
                debit.failure = error
            if not isinstance(error, Exception):
                raise
        finally:
            for debit in batch:
                debit.done = True

    def _settle_in(self, connection: Connection, batch: Sequence[_Debit]) -> None:
        entries = [entry for debit in batch for entry in debit.entries]
        books = _Books(_locked(connection, entries), _questions(connection, entries))
        for debit in batch:
            try:
                books.settle(debit.entries)
            except BudgetExhausted as refusal:
                debit.failure = refusal
        if books.questions:
            connection.execute(insert(QuestionCharged), books.questions)
            values = [{"of_dataset": d, "of_holder": h, "spent": books.spent[d, h]} for d, h in sorted(books.changed)]
            connection.execute(_CHANGED, values)


def _entries(person: str, organisation: str, charge: Charge) -> Iterator[_Entry]:
    budget = charge.protection.budget
    if budget is None:
        return
    for holder, capacity in (
        (f"person {person}", budget.caller),
        (f"organisation {organisation}", budget.organisation),
        (EVERYONE, budget.everyone),
    ):
        if capacity is not None:
            yield _Entry(holder, capacity, charge)


def _locked(connection: Connection, entries: Iterable[_Entry]) -> dict[tuple[str, str], float]:
    """What was spent of each account, locked in one order until the transaction ends."""
    accounts = sorted({entry.account for entry in entries})
    rows = connection.execute(_OPENED[connection.dialect.name], [{"dataset": d, "holder": h} for d, h in accounts])
    return {(dataset, holder): spent for dataset, holder, spent in rows}


def _opened(make: Any) -> Any:
    """Open an account, or update it to what it is: which locks the row, and returns it."""
    opened = make(BudgetSpent).values(dataset=bindparam("dataset"), holder=bindparam("holder"), spent=0.0)
    key = (BudgetSpent.dataset, BudgetSpent.holder)
    kept = opened.on_conflict_do_update(index_elements=key, set_={"spent": BudgetSpent.spent})
    return kept.returning(*key, BudgetSpent.spent)


# Statements that are always the same are made once: to compile one takes as long as to run it.
_OPENED = {"postgresql": _opened(postgresql.insert), "sqlite": _opened(sqlite.insert)}
_CHANGED = (
    update(BudgetSpent)
    .where(BudgetSpent.dataset == bindparam("of_dataset"), BudgetSpent.holder == bindparam("of_holder"))
    .values(spent=bindparam("spent"))
)


def _questions(
    connection: Connection, entries: Iterable[_Entry]
) -> defaultdict[tuple[str, str, str], list[tuple[str, str, float]]]:
    """(question, release, charged) of what was paid before, in order, by data set, holder and block."""
    key = (QuestionCharged.dataset, QuestionCharged.holder, QuestionCharged.block)
    columns = (*key, QuestionCharged.question, QuestionCharged.release, QuestionCharged.charged)
    found: defaultdict[tuple[str, str, str], list[tuple[str, str, float]]] = defaultdict(list)
    for some in _any_of(key, sorted({entry.place for entry in entries})):
        for row in connection.execute(select(*columns).where(some).order_by(*key, QuestionCharged.number)):
            found[row.dataset, row.holder, row.block].append((row.question, row.release, row.charged))
    return found


def _any_of(key: Sequence[Any], values: Sequence[Sequence[str]]) -> Iterator[ColumnElement[bool]]:
    """Conditions that the key is one of ``values``, a few at a time.

    Spelt out, because SQLite looks through the whole table where it is asked for a row value in a list.
    """
    for start in range(0, len(values), FEW):
        some = values[start : start + FEW]
        yield or_(*(and_(*(column == part for column, part in zip(key, one, strict=True))) for one in some))
