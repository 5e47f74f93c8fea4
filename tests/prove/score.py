"""Scores what a tool made of planted objects against the key."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from tests.prove.key import Check, Planted

LEAST_HIDDEN, LEAST_KEPT = 0.95, 0.97  # of the pixels of a text that are blank; of those elsewhere that stay
MARGIN = 8  # pixels around a text
ENCODINGS = ("utf-8", "gb18030", "latin-1")


@dataclass
class Score:
    """Checks met and missed by category; objects that were not passed on; identifiers found anywhere."""

    met: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    absent: int = 0
    leaks: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of checks met."""
        return sum(self.met.values()) / max(1, sum(self.met.values()) + sum(self.missed.values()))


class Scorer:
    """Goes through objects one by one and remembers what must be consistent."""

    def __init__(self) -> None:
        self.score = Score()
        self._uids: dict[str, str] = {}
        self._patients: dict[str, str] = {}
        self._days: dict[str, int] = {}

    def add(self, planted: Planted, out: Path | None) -> None:
        """One object and what became of it; None: it was refused."""
        if out is None:
            self.score.absent += 1
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(out)
            raw = _bytes_but_pixels(out, data)
            for check in planted.checks:
                self._check(check, planted, data, raw)

    def _check(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> None:
        met = bool(getattr(self, f"_{check.category}")(check, planted, data, raw))
        (self.score.met if met else self.score.missed)[check.category] += 1
        if not met:
            place = "/".join(f"{part:08x}" if part > 0xFFFF else str(part) for part in check.path)
            self.score.misses.append(f"{planted.file.name} {check.category} {place} {check.text[:40]!r}")

    def _text_removed(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        forms = {check.text.lower().encode(encoding, errors="ignore") for encoding in ENCODINGS}
        found = any(form in raw for form in forms if len(form) > 2)
        if found:
            self.score.leaks.append(f"{planted.file.name} {check.path} {check.text}")
        return not found

    def _number_removed(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        found = value(data, check.path) == check.text
        if found:
            self.score.leaks.append(f"{planted.file.name} {check.path} {check.text}")
        return not found

    def _text_retained(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        return check.text in (value(data, check.path) or "")

    def _text_notnull(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        return bool(value(data, check.path))

    def _tag_retained(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        return value(data, check.path) is not None

    def _date_shifted(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        new = value(data, check.path) or ""
        try:
            days = (_day(check.text) - _day(new[:8])).days
        except ValueError:
            return False
        return days != 0 and self._days.setdefault(planted.patient, days) == days

    def _uid_changed(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        new = value(data, check.path)
        return bool(new) and new != check.text and check.text.encode() not in raw

    def _uid_consistent(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        new = value(data, check.path)
        return bool(new) and self._uids.setdefault(check.text, str(new)) == new

    def _patid_consistent(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        new = value(data, check.path)
        return bool(new) and self._patients.setdefault(check.text, str(new)) == new

    def _pixels_retained(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        if check.text:
            return bool(data.PixelData == bytes.fromhex(check.text))
        left, top, right, bottom = check.path
        kept = _pixels(data) == _pixels(pydicom.dcmread(planted.file))
        kept[max(0, top - MARGIN) : bottom + MARGIN, max(0, left - MARGIN) : right + MARGIN] = True
        return bool(kept.mean() >= LEAST_KEPT)

    def _pixels_hidden(self, check: Check, planted: Planted, data: Dataset, raw: bytes) -> bool:
        """Whether next to all pixels around a text and in it have become one."""
        left, top, right, bottom = check.path
        shown = _pixels(data)[top:bottom, left:right]
        hidden = bool(np.unique(shown, return_counts=True)[1].max() >= LEAST_HIDDEN * shown.size)
        if not hidden:
            self.score.leaks.append(f"{planted.file.name} pixels, text burned in")
        return hidden


def _pixels(data: Dataset) -> NDArray[Any]:
    return np.asarray(pixel_array(data))


def value(data: Dataset, path: tuple[int, ...]) -> str | None:
    """Text of the element at a path; None if there is none."""
    for tag, item in zip(path[:-1:2], path[1::2], strict=False):
        if tag not in data or len(data[tag].value or []) <= item:
            return None
        data = data[tag].value[item]
    if path[-1] not in data:
        return None
    found: Any = data[path[-1]].value
    if found is None:
        return ""
    if isinstance(found, pydicom.multival.MultiValue | list):
        return "\\".join(map(str, found))
    return str(getattr(found, "original_string", found))


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _bytes_but_pixels(path: Path, data: Dataset) -> bytes:
    """The file as it would be uncompressed, without pixel data, in lower case."""
    raw = path.read_bytes()
    if data.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1.99":
        raw = b"".join(map(bytes, _values(data)))
    elif "PixelData" in data:
        raw = raw.replace(data.PixelData, b"")
    return raw.lower()


def _values(data: Dataset) -> list[bytes]:
    out = []
    for element in data.iterall():
        if element.VR != "SQ" and element.keyword != "PixelData":
            out.append(element.value if isinstance(element.value, bytes) else str(element.value).encode())
            out.append(b"\n")
    return out


def by_category(score: Score) -> Mapping[str, tuple[int, int]]:
    """Met and all, by category."""
    table: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for category in sorted(score.met.keys() | score.missed.keys()):
        table[category] = (score.met[category], score.met[category] + score.missed[category])
    return dict(table)
