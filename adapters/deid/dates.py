"""Dates moved back by whole days (DA and DT of PS3.5 6.2); a date keeps the precision it has."""

from __future__ import annotations

import re
from datetime import date, timedelta

DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")  # with dots as in ACR-NEMA
DATE_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?([\d.]*)([+-]\d{4})?")
TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?")


def moved(text: str, vr: str, days: int) -> str:
    """``text`` (one value) ``days`` earlier; empty where it is no date."""
    text = text.strip(" \0")
    match = (DATE if vr == "DA" else DATE_TIME).fullmatch(text)
    if match is None:
        return ""
    try:
        moment = date(int(match[1]), int(match[2] or 1), int(match[3] or 1)) - timedelta(days)
    except (ValueError, OverflowError):
        return ""
    if vr == "DA":
        return f"{moment:%Y%m%d}" if "." not in text else f"{moment:%Y.%m.%d}"
    whole = f"{moment.year:04d}{moment.month:02d}{moment.day:02d}"
    precise = 4 + 2 * (match[2] is not None) + 2 * (match[3] is not None)
    return whole[:precise] + match[4] + (match[5] or "")
