"""The header of an object as JSON (PS3.18 annex F)."""

from __future__ import annotations

from typing import Any

from pydicom.dataelem import RawDataElement

from adapters.dicom.explicit import NotPlain, explicit
from adapters.dicom.plain import INLINE, plain
from adapters.dicom.reading import Header, header, quietly
from adapters.store.source import ByteSource

HEAD = 1 << 16  # bytes in which most headers end
BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
UNSPEAKABLE = (ValueError, TypeError, AttributeError, NotImplementedError, KeyError, OverflowError)

Document = dict[str, Any]


def described(source: ByteSource, bulk: str) -> Document:
    """The data set without group 0002 of an object, see :func:`document`.

    :raises Unreadable: if it is none.
    """
    head = source.read(0, HEAD)
    try:
        return explicit(head, bulk, whole=len(head) == source.size)
    except NotPlain:
        return document(header(source), bulk)


def document(header: Header, bulk: str) -> Document:
    """The data set without group 0002.

    :param bulk: URL below which the large binary values of the top level are found by tag.
    """
    shown: Document = {}
    with quietly():
        for tag, element in list(header.data.items()):  # as they stand in the file: reading may change them
            name = f"{int(tag):08X}"
            try:
                plainly = plain(element) if isinstance(element, RawDataElement) else None
                shown[name] = plainly or _shown(header.data[tag], bulk)
            except UNSPEAKABLE:
                continue  # a value that JSON cannot hold, a word in a number for one; the bytes of the object have it
    if header.pixels is not None:
        name = f"{header.pixels[0]:08X}"
        wide = header.number("BitsAllocated", 8) > 8 and header.pixels[2] is not None
        shown[name] = {"vr": "OW" if wide else "OB", "BulkDataURI": f"{bulk}/{name}"}
    return shown


def _shown(element: Any, bulk: str) -> Document:
    if element.VR in BULK and len(element.value or b"") > INLINE:
        return {"vr": element.VR, "BulkDataURI": f"{bulk}/{int(element.tag):08X}"}
    found: Document = element.to_json_dict(None, INLINE)
    return found
