"""Rows of budgets, read and written by the driver's own statements.

SQLAlchemy takes longer to make these statements than SQLite takes to run them: their texts are made once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection

Account = tuple[str, str]
"""Data set and holder."""
Place = tuple[str, str, str, str]
"""Data set, holder, block of alleles, and release."""
Asked = tuple[str, str, str, str, str]
"""A place and the question."""
Paid = tuple[int, float]
"""Number of a question at its place, and what was charged for it."""

Key = TypeVar("Key", bound=tuple[str, ...])

FEW = 50  # keys that are asked for at once

_PLACE = ("dataset", "holder", "block", "release")
_ROW = (*_PLACE, "question", "number", "charged")
_OPENED = (
    "INSERT INTO auth_budget_spent (dataset, holder, spent) VALUES {} "
    "ON CONFLICT (dataset, holder) DO UPDATE SET spent = auth_budget_spent.spent RETURNING dataset, holder, spent"
)
_KNOWN = f"SELECT {', '.join(_PLACE)}, question FROM auth_question_charged WHERE "
_QUESTION = " AND ".join(f"{column} = ?" for column in (*_PLACE, "question"))
_LATEST = (
    f"SELECT * FROM (SELECT {', '.join(_PLACE)}, number, charged FROM auth_question_charged "
    f"WHERE {' AND '.join(f'{column} = ?' for column in _PLACE)} ORDER BY number DESC LIMIT ?) AS latest"
)
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


def known(connection: Connection, asked: Iterable[Asked]) -> set[Asked]:
    """Those of the questions that were paid before."""
    found: set[Asked] = set()
    for some in _few(asked):
        found.update(map(tuple, _run(connection, _knowing(len(some)), _flat(some))))
    return found


def latest(connection: Connection, places: Iterable[Place], number: int) -> defaultdict[Place, list[Paid]]:
    """The last ``number`` questions that were paid at each place, in order."""
    found: defaultdict[Place, list[Paid]] = defaultdict(list)
    for some in _few(places):
        given = _flat((*place, number) for place in some)
        for dataset, holder, block, release, *paid in _run(connection, _looking(len(some)), given):
            found[dataset, holder, block, release].append((paid[0], paid[1]))
    for at_place in found.values():
        at_place.sort()
    return found


def enter(connection: Connection, rows: Sequence[tuple[Any, ...]], spent: Mapping[Account, float]) -> None:
    """Write down what is paid.

    :param rows: (data set, holder, block, release, question, number, charged).
    :param spent: of the accounts that change.
    """
    _run(connection, _ENTERED, list(rows))
    _run(connection, _CHANGED, [(spent[account], *account) for account in sorted(spent)])


def _few(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """Each key once, in order, a few at a time."""
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), FEW):
        yield ordered[start : start + FEW]


def _flat(keys: Iterable[tuple[str | int, ...]]) -> tuple[str | int, ...]:
    return tuple(part for key in keys for part in key)


@lru_cache(FEW)
def _opening(number: int) -> str:
    return _OPENED.format(", ".join(["(?, ?, 0.0)"] * number))


@lru_cache(FEW)
def _knowing(number: int) -> str:
    """Spelt out, because SQLite looks through the whole table where it is asked for a row value in a list."""
    return _KNOWN + " OR ".join([f"({_QUESTION})"] * number)


@lru_cache(FEW)
def _looking(number: int) -> str:
    return " UNION ALL ".join([_LATEST] * number)


def _run(connection: Connection, statement: str, given: Any) -> Any:
    text = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
    return connection.exec_driver_sql(text, given)
