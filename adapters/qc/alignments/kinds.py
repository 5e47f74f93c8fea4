"""Kinds of findings in alignments. The order of :data:`RECORD_KINDS` is the kernel's numbering of them."""

from __future__ import annotations

from typing import Final

RECORD_SIZE: Final = 0
RECORD_CUT: Final = 1
POSITION: Final = 2
MATE_POSITION: Final = 3
RECORD_NAME: Final = 4
CIGAR: Final = 5
RECORD_QUALITY: Final = 6
TAGS: Final = 7
FLAGS: Final = 8
READ_GROUP: Final = 9
SORT_ORDER: Final = 10
MESSAGES: Final = (
    ("record-size", "the parts of the record do not fit into it; nothing after it could be read"),
    ("record-cut", "the file ends within a record"),
    ("position", "the record lies outside the references of the header"),
    ("mate-position", "the mate lies outside the references of the header"),
    ("record-name", "the name is empty, not ended, or has a character that is not allowed"),
    ("cigar", "the CIGAR has an unknown operation, a clip inside, or another length than the sequence"),
    ("record-quality", "a quality is above 93"),
    ("tags", "a tag is cut, or of an unknown type"),
    ("flags", "the flags contradict each other or the position"),
    ("read-group", "the read group is not in the header"),
    ("sort-order", "the record comes before the one before it, other than the header says"),
)
RECORD_KINDS: Final = tuple(kind for kind, _ in MESSAGES)
"""What the kernel notes, each with count and first positions."""
FILE_KINDS: Final = ("header", "end-marker", "container", "decoding", "index", "reference")
"""What is known about the whole file."""
