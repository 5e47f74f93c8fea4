"""Pieces that, put one behind the other, are a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Section = Literal["header", "body"]


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that exist nowhere in the file as they are: trimmed blocks and end markers."""

    data: bytes
    section: Section | None


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` (inclusive) to ``end`` (exclusive), 0-based, of the file."""

    start: int
    end: int
    section: Section | None


Part = Inline | Span


def joined(parts: Iterable[Part]) -> list[Part]:
    """The same payload in as few parts as possible; empty parts vanish, sections stay apart."""
    result: list[Part] = []
    for part in parts:
        last = result[-1] if result else None
        if isinstance(part, Inline):
            if not part.data:
                continue
            if isinstance(last, Inline) and last.section == part.section:
                result[-1] = Inline(last.data + part.data, part.section)
                continue
        else:
            if part.start >= part.end:
                continue
            if isinstance(last, Span) and last.section == part.section and last.end == part.start:
                result[-1] = Span(last.start, part.end, part.section)
                continue
        result.append(part)
    return result
