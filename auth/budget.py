"""Budgets of information: debited before an answer is computed, in one transaction, once for the same question.

A holder is a person, an organisation, or everyone; each has a budget for each data set. A debit is of all holders and
data sets that a question concerns, or of none. Processes share the database; within a process, debits that wait for
the write lock are committed together.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, String, UniqueConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from auth import ledger
from auth.database import writing
from auth.errors import AuthError
from auth.protection import Protection
from auth.turns import Turns

EVERYONE = "everyone"
AT_ONCE = 64  # debits of one transaction: an answer must not wait long for those of others
ROUNDING = 1e-9


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

    ``number`` counts the holder's questions about a block of alleles in that release; those charged together have
    consecutive ones.
    """

    __tablename__ = "auth_question_charged"
    __table_args__ = (
        UniqueConstraint("dataset", "holder", "block", "release", "question"),
        {"sqlite_with_rowid": False},
    )
    dataset: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    block: Mapped[str] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    question: Mapped[str]
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
    def account(self) -> ledger.Account:
        return self.charge.dataset, self.holder

    @property
    def place(self) -> ledger.Place:
        return self.charge.dataset, self.holder, self.charge.block, self.charge.release

    @property
    def asked(self) -> ledger.Asked:
        return *self.place, self.charge.question


@dataclass(slots=True)
class _Debit:
    """A debit that waits for its turn."""

    entries: list[_Entry]
    done: bool = False
    failure: BaseException | None = None


@dataclass(slots=True)
class _Books:
    """What the database says of the accounts and blocks of some debits, and what is to be written."""

    spent: dict[ledger.Account, float]
    known: set[ledger.Asked]
    latest: defaultdict[ledger.Place, list[ledger.Paid]]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    changed: dict[ledger.Account, float] = field(default_factory=dict)

    def settle(self, entries: Sequence[_Entry]) -> None:
        """Charge all entries.

        :raises BudgetExhausted: and charge none.
        """
        draft = self._of(entries)
        for entry in entries:
            if (due := draft._due(entry)) is not None:
                draft._enter(entry, due)
        short = {
            entry.charge.dataset
            for entry in entries
            if entry.account in draft.changed and draft.spent[entry.account] > entry.capacity + ROUNDING
        }
        if short:
            raise BudgetExhausted(sorted(short))
        self._take(draft)

    def _of(self, entries: Sequence[_Entry]) -> _Books:
        """A copy of what the books say of these entries: several may be of one account and one block."""
        spent = {entry.account: self.spent[entry.account] for entry in entries}
        latest = {entry.place: list(self.latest[entry.place]) for entry in entries}
        return _Books(spent, self.known.intersection(e.asked for e in entries), defaultdict(list, latest))

    def _take(self, draft: _Books) -> None:
        self.spent |= draft.spent
        self.known |= draft.known
        self.latest.update(draft.latest)
        self.rows += draft.rows
        self.changed |= draft.changed

    def _due(self, entry: _Entry) -> float | None:
        """What is to be paid; None for what was paid before."""
        if entry.asked in self.known:
            return None
        charge, latest = entry.charge, self.latest[entry.place]
        begun = _next(latest) % charge.protection.together
        return max(0.0, charge.price - sum(charged for _, charged in latest[len(latest) - begun :]))

    def _enter(self, entry: _Entry, due: float) -> None:
        latest = self.latest[entry.place]
        number = _next(latest)
        self.rows.append((*entry.asked, number, due))
        self.known.add(entry.asked)
        latest.append((number, due))
        self.spent[entry.account] += due
        self.changed[entry.account] = self.spent[entry.account]


def _next(latest: Sequence[ledger.Paid]) -> int:
    return latest[-1][0] + 1 if latest else 0


class Budgets:
    """The budgets of a member.

    :param engine: its database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[_Debit] = []
        self._queue = threading.Lock()
        self._turn = threading.Lock()
        self._turns = Turns(engine)

    def debit(self, person: str, organisation: str, charges: Sequence[Charge]) -> None:
        """Pay for a question, durably, or find that it was paid for; a question paid for before writes nothing.

        All that one question asks is charged together or not at all, each part after those before it.

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
            known = ledger.known(connection, [entry.asked for entry in entries])
        return all(entry.asked in known for entry in entries)

    def _settle(self) -> None:
        """Commit the debits that wait; each gets its own refusal, all of them a failure of the database."""
        with self._queue:
            batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        try:
            with self._turns.turn(), writing(self._engine).begin() as connection:
                self._settle_in(connection, batch)
        except BaseException as error:  # whatever it is, each that waits must learn that it has not paid
            for debit in batch:
                debit.failure = error
            if not isinstance(error, Exception):
                raise
        finally:
            for debit in batch:
                debit.done = True

    def _settle_in(self, connection: Connection, batch: Sequence[_Debit]) -> None:
        entries = [entry for debit in batch for entry in debit.entries]
        # Locked first: what was paid is then read as it stays until the transaction ends.
        spent = ledger.opened(connection, [entry.account for entry in entries])
        known = ledger.known(connection, [entry.asked for entry in entries])
        together = max(entry.charge.protection.together for entry in entries)
        books = _Books(spent, known, ledger.latest(connection, [entry.place for entry in entries], together))
        for debit in batch:
            try:
                books.settle(debit.entries)
            except BudgetExhausted as refusal:
                debit.failure = refusal
        if books.rows:
            ledger.enter(connection, books.rows, books.changed)


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
