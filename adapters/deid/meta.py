"""Preamble and file meta information (PS3.10 7.1): read, and written anew."""

from __future__ import annotations

import struct

from adapters.deid import vr as representations
from adapters.deid.errors import Reason, Refused
from adapters.deid.source import Source

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"
NO_PIXELS = ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.94")  # JPIP: the pixels are elsewhere
VERSION, CLASS, INSTANCE, SYNTAX, SOFTWARE, SOFTWARE_NAME = 1, 2, 3, 0x10, 0x12, 0x13
OUR_CLASS = "2.25.213503316094498914830061186034127405961"
OUR_NAME = "GSANODE_DEID"
LENGTH_OF_PREAMBLE = 128


def read_meta(source: Source) -> tuple[dict[int, bytes], int]:
    """Values of group 0002 by element number, and where the data set begins. A wrong group length does not matter.

    :raises Refused: if the file is not DICOM or the group is damaged.
    """
    data = source.head
    at = LENGTH_OF_PREAMBLE + 4
    if data[LENGTH_OF_PREAMBLE:at] != b"DICM":
        raise Refused(Reason.NOT_DICOM, "no DICM after the preamble")
    values: dict[int, bytes] = {}
    while data[at : at + 2] == b"\2\0":
        if at + 12 > len(data):
            raise Refused(Reason.DAMAGED, f"cut off at byte {at}")
        number, vr, length = struct.unpack_from("<2xH2sH", data, at)
        name = representations.BY_BYTES.get(vr)
        if name is None:
            raise Refused(Reason.DAMAGED, f"no value representation at byte {at + 4}")
        value = at + 8
        if name in representations.LONG:
            length, value = struct.unpack_from("<I", data, at + 8)[0], at + 12
        if value + length > len(data):
            raise Refused(Reason.DAMAGED, f"cut off at byte {len(data)}")
        values[number] = data[value : value + length]
        at = value + length
    return values, at


def syntax_of(meta: dict[int, bytes]) -> str:
    """The transfer syntax.

    :raises Refused: if there is none, or one that this software does not know.
    """
    syntax = meta.get(SYNTAX, b"").decode("latin-1").strip(" \0")
    known = syntax in {IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG, RLE} or (
        syntax.startswith(ENCAPSULATED) and syntax[len(ENCAPSULATED) :].isdigit() and syntax not in NO_PIXELS
    )
    if not known:
        raise Refused(Reason.TRANSFER_SYNTAX, "not a transfer syntax that is taken in")
    return syntax


def write_meta(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """Preamble of zeros, and the file meta information that names no sender."""
    group = b"".join(
        (
            struct.pack("<HH2s2xI2s", 2, VERSION, b"OB", 2, b"\0\1"),
            _text(CLASS, b"UI", sop_class, b"\0"),
            _text(INSTANCE, b"UI", sop_instance, b"\0"),
            _text(SYNTAX, b"UI", syntax, b"\0"),
            _text(SOFTWARE, b"UI", OUR_CLASS, b"\0"),
            _text(SOFTWARE_NAME, b"SH", OUR_NAME, b" "),
        )
    )
    return bytes(LENGTH_OF_PREAMBLE) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def _text(number: int, vr: bytes, text: str, pad: bytes) -> bytes:
    raw = text.encode("ascii")
    raw += pad * (len(raw) % 2)
    return struct.pack("<HH2sH", 2, number, vr, len(raw)) + raw
