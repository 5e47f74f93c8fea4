"""The query of a search (PS3.18 8.3.4): what must match, how many, from where on."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag

from adapters.catalog.images import COLUMNS, LEVELS, MODALITIES, Level, Match
from web.errors import Failure

MOST = 1000  # rows of one answer
USUAL = 100
LONGEST = 1024  # characters of a value
TAG = re.compile(r"[0-9A-Fa-f]{8}")
DAY = re.compile(r"\d{8}")
NUMBER = re.compile(r"[+-]?\d{1,9}")
INCLUDED = re.compile(r"all|[0-9A-Fa-f]{8}|[A-Za-z0-9]{1,64}")
NUMBERS = frozenset({"SeriesNumber", "InstanceNumber", "Rows", "Columns"})
EMPTY = frozenset({"AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "StudyID"})  # nothing has them
FUZZY = '299 {base} "The fuzzymatching parameter is not supported. Only literal matching has been performed."'
MORE = '299 {base} "There are more results than the limit; ask for the next by offset."'


@dataclass(frozen=True, slots=True)
class Question:
    """A search.

    :ivar nothing: nothing can match.
    :ivar fuzzy: fuzzy matching was asked for.
    """

    matches: tuple[Match, ...]
    limit: int
    offset: int
    nothing: bool
    fuzzy: bool


def parsed(level: Level, given: Sequence[tuple[str, str]]) -> Question:
    """The search that a query means.

    :raises Failure: 400 for a parameter that is unknown, or a value that is none of its kind.
    """
    paging = {"limit": USUAL, "offset": 0}
    matches: list[Match] = []
    nothing = fuzzy = False
    for name, value in given:
        if len(value) > LONGEST or "\0" in value:
            raise Failure(400, f"{name[:64]}: a value of at most {LONGEST} characters without NUL is allowed")
        if name in paging:
            paging[name] = _count(name, value)
        elif name == "fuzzymatching":
            fuzzy = value == "true"
        elif name == "includefield":
            _included(value)
        elif name != "accept" and value not in {"", "*"}:
            keyword = _keyword(level, name)
            nothing |= keyword in EMPTY
            if keyword not in EMPTY:
                matches.append(_match(keyword, value))
    return Question(tuple(matches), min(paging["limit"], MOST), paging["offset"], nothing, fuzzy)


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise Failure(400, f"{name}: {value[:32]!r} is not a number from 0 on")
    return int(value)


def _included(value: str) -> None:
    """Every attribute that there is is in every answer, so nothing is to be done about those asked for."""
    for name in value.split(","):
        if not INCLUDED.fullmatch(name):
            raise Failure(400, f"includefield: {name[:64]!r} is no attribute; allowed: all, a keyword or a tag")


def _keyword(level: Level, name: str) -> str:
    keyword = keyword_for_tag(int(name, 16)) if TAG.fullmatch(name) else name
    if keyword in EMPTY or keyword == MODALITIES:
        return keyword
    at = COLUMNS.get(keyword, (None,))[0]
    if at is None or LEVELS.index(at) > LEVELS.index(level):
        known = sorted(k for k, (of, _) in COLUMNS.items() if LEVELS.index(of) <= LEVELS.index(level))
        raise Failure(400, f"{name[:64]!r} cannot be searched for here; allowed: {', '.join([*known, MODALITIES])}")
    return keyword


def _match(keyword: str, value: str) -> Match:
    if keyword == "StudyDate":
        return Match(keyword, days=_days(value))
    if keyword in NUMBERS:
        if not NUMBER.fullmatch(value):
            raise Failure(400, f"{keyword}: {value[:32]!r} is not a whole number")
        return Match(keyword, numbers=(int(value),))
    if keyword.endswith("UID") or keyword == MODALITIES:
        return Match(keyword, texts=tuple(part for part in re.split(r"[,\\]", value) if part))
    return Match(keyword, texts=(value,))


def _days(value: str) -> tuple[dt.date | None, dt.date | None]:
    """A day, or a range of days that may be open at one end (PS3.4 C.2.2.2.5)."""
    first, dash, last = value.partition("-")
    if not dash:
        last = first
    if not (first or last):
        raise Failure(400, "StudyDate: a range without an end")
    return _day(first), _day(last)


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        if DAY.fullmatch(text):
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    raise Failure(400, f"StudyDate: {text[:32]!r} is no day (YYYYMMDD)")
