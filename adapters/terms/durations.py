"""ISO 8601 durations as used for ages (``P32Y``, ``P2Y6M``, ``P10W``), comparable in days."""

from __future__ import annotations

import re

DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d+(?:\.\d+)?)Y)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
# A month is a twelfth of a mean year, so that P12M equals P1Y; months and days compare as they do on average.
DAYS = (365.25, 365.25 / 12, 7.0, 1.0, 1 / 24, 1 / 1440, 1 / 86400)
MAX_TEXT = 40


def days(text: str) -> float | None:
    """The length of a duration in days, or None if ``text`` is not an ISO 8601 duration."""
    found = DURATION.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None:
        return None
    return round(sum(float(part) * unit for part, unit in zip(found.groups(), DAYS, strict=True) if part), 6)
