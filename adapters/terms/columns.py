"""Comparisons of filters as conditions on columns that hold texts or ages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, not_, select

from adapters.terms.durations import days
from adapters.terms.errors import InvalidFilter
from adapters.terms.filters import Filter


def of_text(filter: Filter, column: Any) -> ColumnElement[bool]:
    """``=`` and ``!`` without regard to case, ``%`` standing for any text; an empty value is no value.

    :raises InvalidFilter: for another operator.
    """
    if filter.operator not in ("=", "!"):
        raise InvalidFilter(f"filter {filter.id!r}: operator {filter.operator!r} on a text; allowed: = !")
    wanted = str(filter.value).upper()
    equal: ColumnElement[bool] = func.upper(column) == wanted
    if "%" in wanted:
        pattern = wanted.replace("\\", "\\\\").replace("_", "\\_")
        equal = func.upper(column).like(pattern, escape="\\")
    return and_(column != "", equal if filter.operator == "=" else not_(equal))


def of_age(connection: Connection, filter: Filter, column: Any) -> ColumnElement[bool]:
    """An age in ``column`` compares with the filter's; both are ISO 8601 durations.

    Few ages are distinct, so they are compared here and asked for by name: texts do not sort as durations do.

    :raises InvalidFilter: if the filter's value is no duration.
    """
    wanted = days(str(filter.value))
    if wanted is None:
        allowed = "an ISO 8601 duration such as P45Y or P2Y6M"
        raise InvalidFilter(f"filter {filter.id!r}: value {filter.value!r} is not an age; allowed: {allowed}")
    texts = connection.scalars(select(column).where(column.is_not(None)).distinct())
    ages = {text: length for text in texts if (length := days(text)) is not None}
    return column.in_([text for text, length in ages.items() if _holds(length, str(filter.operator), wanted)])  # type: ignore[no-any-return]


def _holds(left: float, operator: str, right: float) -> bool:
    return {
        "=": left == right,
        "!": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]
