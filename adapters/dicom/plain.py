"""Values that can be read in one way only, as the DICOM JSON model has them (PS3.18 annex F); the rest is pydicom's."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from struct import calcsize, unpack
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement

INLINE = 1024  # bytes of a value that stands in the document itself
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
SPLIT = frozenset({"AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC"})  # values divided by backslashes
STRIPPED = frozenset({"LO", "SH", "UC"})  # each value is, not only the last
LONG = frozenset({"LT", "ST", "UT"})  # one value, backslashes are letters
BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})
TEXT = re.compile(rb"[\x20-\x7e]*")
LONG_TEXT = re.compile(rb"[\x20-\x7e\t\n\r]*")
UIDS = re.compile(rb"[0-9.]+(?:\\[0-9.]+)*")
WHOLE = re.compile(rb" *[+-]?\d{1,12} *(?:\\ *[+-]?\d{1,12} *)*")
DECIMAL = re.compile(rb" *[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)? *(?:\\ *[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)? *)*")
NAME = re.compile(rb"[\x20-\x3c\x3e-\x5b\x5d-\x7e]*")  # one person, of letters of ASCII only
DESCRIPTORS = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})  # of tables: signed in files, not in JSON
PADDING = b"\0 "

Shown = dict[str, Any]


def plain(element: RawDataElement) -> Shown | None:
    """An element as it stands in the file, in JSON; None if it takes more to read it."""
    if not element.is_little_endian:
        return None
    return plain_value(element.tag, element.VR or _standard(element.tag), element.value)


def plain_value(tag: int, vr: str, value: bytes | None) -> Shown | None:
    """The same of a value in little endian."""
    read = READERS.get(vr)
    if read is None or tag in DESCRIPTORS or len(value or b"") > INLINE:
        return None
    return read(vr, value) if value else {"vr": vr}


@cache
def _standard(tag: int) -> str:
    """The VR of a standard attribute, where files do not say it; empty if it is none."""
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


def _split(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    if not value:
        return {"vr": vr}
    if not TEXT.fullmatch(value):
        return None
    values = value.decode().split("\\")
    if vr in STRIPPED:
        values = [text.rstrip(" ") for text in values]
    return {"vr": vr, "Value": values} if all(values) else None


def _uids(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    return {"vr": vr, "Value": value.decode().split("\\")} if UIDS.fullmatch(value) else None


def _titles(vr: str, value: bytes) -> Shown | None:
    values = value.decode("latin-1").split("\\")
    if not TEXT.fullmatch(value) or not value.strip():
        return None
    return {"vr": vr, "Value": [text.strip(" ") for text in values]}


def _long(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    return {"vr": vr, "Value": [value.decode()]} if value and LONG_TEXT.fullmatch(value) else None


def _name(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    if not value:
        return {"vr": vr}
    return {"vr": vr, "Value": [{"Alphabetic": value.decode()}]} if NAME.fullmatch(value) else None


def _whole(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    return {"vr": vr, "Value": [*map(int, value.split(b"\\"))]} if WHOLE.fullmatch(value) else None


def _decimal(vr: str, value: bytes) -> Shown | None:
    value = value.rstrip(PADDING)
    return {"vr": vr, "Value": [*map(float, value.split(b"\\"))]} if DECIMAL.fullmatch(value) else None


def _numbers(vr: str, value: bytes) -> Shown | None:
    format = NUMBERS[vr]
    count, left = divmod(len(value), calcsize(f"<{format}"))
    return None if left else {"vr": vr, "Value": [*unpack(f"<{count}{format}", value)]}


def _binary(vr: str, value: bytes) -> Shown:
    return {"vr": vr, "InlineBinary": b64encode(value).decode()}


READERS: dict[str, Callable[[str, bytes], Shown | None]] = {
    **dict.fromkeys(NUMBERS, _numbers),
    **dict.fromkeys(SPLIT, _split),
    **dict.fromkeys(LONG, _long),
    **dict.fromkeys(BINARY, _binary),
    "AE": _titles,
    "UI": _uids,
    "PN": _name,
    "IS": _whole,
    "DS": _decimal,
}
