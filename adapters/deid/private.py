"""Private elements: which are kept, and on what basis (PS3.15 E.3.10)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from struct import iter_unpack

from adapters.deid.known import Known
from adapters.deid.rules import NUMERIC, PrivateTag, Profile

FORMATS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
MOST_BYTES = 4096  # of a value that is kept for being numeric: more may be anything
MOST_JUDGED = 10_000  # values remembered
PRINTABLE = re.compile(rb"[\x20-\x7e\x80-\xff]{4,}\0*")
FIRST_YEAR, LAST_YEAR = 1900, 2100


class Basis(StrEnum):
    """Why a private element is kept."""

    STANDARD = "table E.3.10-1"
    DECLARED = "declared safe in (0008,0300)"
    NUMERIC = "numeric, and equal to no identifier or date"


class Keeper:
    """Decides about private elements of one object.

    :param declared: elements that the object itself says do not identify.
    """

    def __init__(self, profile: Profile, known: Known, declared: frozenset[PrivateTag] = frozenset()) -> None:
        self._safe = profile.safe
        self._known = known
        self._declared = declared

    def basis(self, tag: PrivateTag, vr: str) -> Basis | None:
        """The basis that needs no look at the value."""
        if tag in self._safe and vr != "UN":
            return Basis.STANDARD
        if vr != "UN" and (tag in self._declared or tag._replace(element=-1) in self._declared):
            return Basis.DECLARED
        return None

    def is_harmless(self, vr: str, raw: bytes, order: str = "<") -> bool:
        """Whether a value is purely numeric and none of its numbers an identifier or a date."""
        if vr not in NUMERIC or len(raw) > MOST_BYTES:
            return False
        judged = self._known.harmless
        found = judged.get((vr + order, raw))
        if found is None:
            if len(judged) > MOST_JUDGED:
                judged.clear()
            found = judged[vr + order, raw] = not any(map(self._tells, _numbers(vr, raw, order)))
        return found

    def _tells(self, number: float | None) -> bool:
        if number is None:
            return True
        if number != number or number in (float("inf"), float("-inf")) or number != int(number):
            return False
        whole = abs(int(number))
        return whole in self._known.numbers or _is_date(whole) or self._is_moment(whole)

    def _is_moment(self, number: int) -> bool:
        """Whether seconds, milli- or microseconds since 1970 fall on a date of the original, give or take a day."""
        for unit in (1, 1_000, 1_000_000):
            seconds = number // unit
            if 86_400 * 365 < seconds < 86_400 * 365 * 80:
                day = datetime.fromtimestamp(seconds, UTC).toordinal()
                if any(abs(day - known) <= 1 for known in self._days()):
                    return True
        return False

    def _days(self) -> Iterable[int]:
        return (day.toordinal() for number in self._known.numbers if (day := as_date(number)))


def as_date(number: int) -> date | None:
    """The date that YYYYMMDD reads as, between 1900 and 2100."""
    year, rest = divmod(number, 10_000)
    if not FIRST_YEAR <= year < LAST_YEAR:
        return None
    try:
        return date(year, rest // 100, rest % 100)
    except ValueError:
        return None


def _is_date(number: int) -> bool:
    if as_date(number):
        return True
    head = int(str(number)[:8])
    return len(str(number)) in {12, 14, 17, 20} and as_date(head) is not None


def _numbers(vr: str, raw: bytes, order: str) -> Iterable[float | None]:
    """The numbers of a value; None for what is no number."""
    if vr in {"DS", "IS"}:
        for text in raw.decode("latin-1").strip(" \0").split("\\"):
            yield _literal(text.strip())
        return
    format_ = order + FORMATS[vr]
    if len(raw) % (4 if vr in {"FL", "SL", "UL"} else 2 if vr in {"SS", "US"} else 8) or (
        len(raw) > 8 and PRINTABLE.fullmatch(raw)
    ):
        yield None
        return
    for (number,) in iter_unpack(format_, raw):
        yield number


def _literal(text: str) -> float | None:
    if not text:
        return 0
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return None


def declared_safe(group: int, creator: str, status: str, elements: Iterable[int]) -> Iterable[PrivateTag]:
    """What one item of (0008,0300) declares (PS3.3 C.12.1.1.7): the block, or the elements that it lists."""
    if status == "SAFE":
        yield PrivateTag(creator, group, -1)
    elif status == "MIXED":
        for element in elements:
            yield PrivateTag(creator, group, element & 0xFF)
