"""Kinds of findings. The order of :data:`RECORD_KINDS` is the kernel's numbering of them."""

from __future__ import annotations

from typing import Final

AT_SIGN: Final = 0
PLUS_LINE: Final = 1
PLUS_NAME: Final = 2
LENGTH: Final = 3
EMPTY_READ: Final = 4
ALPHABET: Final = 5
QUALITY_RANGE: Final = 6
NAME_EMPTY: Final = 7
NAME_LENGTH: Final = 8
NAME_CHARACTERS: Final = 9
BROKEN_RECORD: Final = 10
BLANK_LINE: Final = 11
PARTIAL_RECORD: Final = 12

RECORD_KINDS: Final = (
    "at-sign",
    "plus-line",
    "plus-name",
    "length",
    "empty-read",
    "alphabet",
    "quality-range",
    "name-empty",
    "name-length",
    "name-characters",
    "broken-record",
    "blank-line",
    "partial-record",
)
"""What the kernel notes while it reads, each with count and first positions."""

FILE_KINDS: Final = (
    "extension",
    "format",
    "empty-file",
    "compression-truncated",
    "compression-corrupt",
    "trailing-data",
    "crlf",
    "mixed-line-ends",
    "quality-encoding",
    "acgtu-share",
    "q30-share",
    "duplicate-name",
    "pair-count",
    "pair-order",
    "pair-marker",
)
"""What is known about the whole file or its mate."""

KINDS: Final = RECORD_KINDS + FILE_KINDS

NAME_LIMIT: Final = 254
"""Longest name in bytes, mate marker excluded: the limit of QNAME in SAM."""
EOF_BYTE: Final = -1
