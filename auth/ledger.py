"""Rows of budgets, read and written by the driver's own statements.

SQLAlchemy takes longer to make these statements than SQLite takes to run them: their texts are made once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

Account = tuple[str, str]
"""Data set and holder."""
Place = tuple[str, str, str]
"""Data set, holder and block of alleles."""
Paid = tuple[str, str, float]
"""Question, release, and what was charged for it."""

FEW = 50  # keys that are asked for at once

_PLACE = ("dataset", "holder", "block")
_QUESTION = (*_PLACE, "question", "release")
_ROW = (*_QUESTION, "number", "charged")
_OPENED = (
    "INSERT INTO auth_budget_spent (dataset, holder, spent) VALUES {} "
    "ON CONFLICT (dataset, holder) DO UPDATE SET spent = auth_budget_spent.spent RETURNING dataset, holder, spent"
)
_FOUND = f"SELECT {', '.join(_QUESTION)}, charged FROM auth_question_charged WHERE {{}} ORDER BY number"
_KNOWN = "SELECT count(*) FROM auth_question_charged WHERE {}"
_ENTERED = f"INSERT INTO auth_question_charged ({', '.join(_ROW)}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_CHANGED = "UPDATE auth_budget_spent SET spent = ? WHERE dataset = ? AND holder = ?"


def opened(connection: Connection, accounts: Iterable[Account]) -> dict[Account, float]:
    """What was spent of each account. It is opened, or updated to what it is, which locks its row until the
    transaction ends; all in one order.
    """
    found: dict[Account, float] = {}
    for some in _few(accounts):
        for dataset, holder, spent in _run(connection, _opening(len(some)), _flat(some)):
            found[dataset, holder] = spent
    return found


def questions(connection: Connection, places: Iterable[Place]) -> defaultdict[Place, list[Paid]]:
    """What was paid before at each place, in order."""
    found: defaultdict[Place, list[Paid]] = defaultdict(list)
    for some in _few(places):
        for *place, question, release, charged in _run(connection, _of(_FOUND, _PLACE, len(some)), _flat(some)):
            dataset, holder, block = place
            found[dataset, holder, block].append((question, release, charged))
    return found


def known(connection: Connection, asked: Iterable[tuple[str, str, str, str, str]]) -> bool:
    """Whether all questions, each with its place and its release, were paid before."""
    return all(
        _run(connection, _of(_KNOWN, _QUESTION, len(some)), _flat(some)).scalar_one() == len(some)
        for some in _few(asked)
    )


def enter(connection: Connection, rows: Sequence[tuple[Any, ...]], spent: Mapping[Account, float]) -> None:
    """Write down what is paid.

    :param rows: (data set, holder, block, question, release, number, charged).
    :param spent: of the accounts that change.
    """
    _run(connection, _ENTERED, list(rows))
    _run(connection, _CHANGED, [(spent[account], *account) for account in sorted(spent)])


def _few(keys: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Each key once, in order, a few at a time."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), FEW):
        yield ordered[start : start + FEW]


def _flat(keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(part for key in keys for part in key)


@lru_cache(FEW)
def _opening(number: int) -> str:
    return _OPENED.format(", ".join(["(?, ?, 0.0)"] * number))


@lru_cache(2 * FEW)
def _of(statement: str, key: tuple[str, ...], number: int) -> str:
    """Spelt out, because SQLite looks through the whole table where it is asked for a row value in a list."""
    one = " AND ".join(f"{column} = ?" for column in key)
    return statement.format(" OR ".join([f"({one})"] * number))


def _run(connection: Connection, statement: str, given: Any) -> Any:
    text = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
    return connection.exec_driver_sql(text, given)
