"""Headers in Explicit VR Little Endian whose every value is plain, read at once; all others are pydicom's."""

from __future__ import annotations

from struct import Struct
from struct import error as TooShort
from typing import Any

from adapters.dicom.plain import BINARY, INLINE, READERS, plain_value
from adapters.dicom.reading import PIXELS, UNDEFINED

EXPLICIT = "1.2.840.10008.1.2.1"
COMPRESSED = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")  # written in Explicit VR Little Endian but for the pixels
PREAMBLE = 132
LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
NAMES = {vr.encode(): vr for vr in READERS}
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LOWEST = 8  # group of a data set; those below are commands and meta information
DEEPEST = 16  # sequences within sequences
HEAD, LENGTH, TAGGED = Struct("<HH2sH").unpack_from, Struct("<I").unpack_from, Struct("<HHI").unpack_from

Document = dict[str, Any]


class NotPlain(Exception):
    """It takes more to read this header."""


def explicit(head: bytes, bulk: str, *, whole: bool) -> Document:
    """The header as JSON.

    :param head: the object from its first byte on.
    :param whole: it is all of it.
    :param bulk: URL below which large binary values are found by tag.
    :raises NotPlain: if it is written in another way, or goes on behind ``head``.
    """
    try:
        return _document(head, bulk, whole=whole)
    except TooShort as error:
        raise NotPlain from error


def _document(head: bytes, bulk: str, *, whole: bool) -> Document:
    if head[128:PREAMBLE] != b"DICM":
        raise NotPlain
    meta: Document = {}
    start = _elements(head, PREAMBLE, len(head), meta, 0, group=2)
    syntax = meta.get("00020010", {}).get("Value", [""])[0]
    if syntax != EXPLICIT and not syntax.startswith(COMPRESSED):
        raise NotPlain
    shown: Document = {}
    end = _elements(head, start, len(head), shown, 0, bulk=bulk)
    if end < len(head):
        _pixels(head, end, shown, bulk)
    elif not whole:
        raise NotPlain
    return shown


def _elements(
    data: bytes, at: int, end: int, shown: Document, depth: int, *, group: int | None = None, bulk: str | None = None
) -> int:
    """Elements up to ``end``, to pixel data, to a delimiter, or to another group than ``group``; where that is."""
    while at < end:
        first, second, vr, length = HEAD(data, at)
        tag = first << 16 | second
        if first == 0xFFFE or tag in PIXELS or (group is not None and first != group):
            return at
        if first < LOWEST and group is None:
            raise NotPlain
        if vr in LONG:
            (length,) = LENGTH(data, at + 8)
            at += 4
        at += 8
        name = f"{tag:08X}"
        if vr == b"SQ":
            shown[name], at = _sequence(data, at, end, length, depth)
            continue
        if at + length > end or (kind := NAMES.get(vr)) is None:
            raise NotPlain
        if length > INLINE and kind in BINARY and bulk is not None:
            shown[name] = {"vr": kind, "BulkDataURI": f"{bulk}/{name}"}
        else:
            shown[name] = _value(tag, kind, data[at : at + length])
        at += length
    return at


def _value(tag: int, vr: str, value: bytes) -> Document:
    found = plain_value(tag, vr, value)
    if found is None:
        raise NotPlain
    return found


def _sequence(data: bytes, at: int, end: int, length: int, depth: int) -> tuple[Document, int]:
    stop = end if length == UNDEFINED else at + length
    if stop > end or depth >= DEEPEST:
        raise NotPlain
    items: list[Document] = []
    while length == UNDEFINED or at < stop:
        group, element, size = TAGGED(data, at)
        at += 8
        tag = group << 16 | element
        if tag == SEQUENCE_END and length == UNDEFINED:
            break
        if tag != ITEM:
            raise NotPlain
        items.append({})
        at = _item(data, at, stop, size, items[-1], depth)
    return {"vr": "SQ", "Value": items}, at


def _item(data: bytes, at: int, end: int, size: int, shown: Document, depth: int) -> int:
    if size != UNDEFINED:
        if at + size > end or _elements(data, at, at + size, shown, depth + 1) != at + size:
            raise NotPlain
        return at + size
    at = _elements(data, at, end, shown, depth + 1)
    group, element, left = TAGGED(data, at)
    if (group << 16 | element, left) != (ITEM_END, 0):
        raise NotPlain
    return at + 8


def _pixels(head: bytes, at: int, shown: Document, bulk: str) -> None:
    first, second, vr, _ = HEAD(head, at)
    tag = first << 16 | second
    if tag not in PIXELS or vr not in LONG:
        raise NotPlain
    (length,) = LENGTH(head, at + 8)
    bits = shown.get("00280100", {}).get("Value", [8])
    if len(bits) != 1 or not isinstance(bits[0], int):
        raise NotPlain
    name = f"{tag:08X}"
    shown[name] = {"vr": "OW" if bits[0] > 8 and length != UNDEFINED else "OB", "BulkDataURI": f"{bulk}/{name}"}
