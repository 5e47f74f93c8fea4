"""Dates and ages as archives write them."""

from __future__ import annotations

import datetime as dt
import re

DURATION = re.compile(
    r"P(?=.)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
)
PARTIAL = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
ABSENT = {"", "na", "n/a", "not applicable", "not collected", "not provided", "missing", "unknown"}


def date(text: str) -> dt.date:
    """A full calendar date.

    :raises ValueError: naming what is allowed.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no date; allowed: YYYY-MM-DD")


def is_collection_date(text: str) -> bool:
    """Whether ``text`` is a date, a month, a year, an interval of those (``/``), or a word for an absent value."""
    return text.strip().lower() in ABSENT or all(_is_partial(part) for part in text.split("/", 1))


def _is_partial(text: str) -> bool:
    if not PARTIAL.fullmatch(text):
        return False
    year, month, day = (int(part) for part in (text + "-01-01")[:10].split("-"))
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def is_duration(text: str) -> bool:
    """Whether ``text`` is an ISO 8601 duration such as ``P32Y6M``."""
    return DURATION.fullmatch(text) is not None


def dicom_date(text: str) -> dt.date | None:
    """A DICOM DA value (PS3.5 6.2); None if empty.

    :raises ValueError: if it is no date.
    """
    text = text.strip().replace(".", "")  # the separator of ACR-NEMA
    if not text:
        return None
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError(f"{text!r} is no date; allowed: YYYYMMDD")
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))


def dicom_age(text: str) -> str | None:
    """A DICOM AS value (``045Y``) as an ISO 8601 duration; None if empty or not of that form (a type 3 tag)."""
    found = re.fullmatch(r"(\d{1,3})([DWMY])", text.strip())
    return f"P{int(found[1])}{found[2]}" if found else None
