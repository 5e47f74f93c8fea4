"""Frames that are compressed: their media types and their bytes (PS3.5 A.4)."""

from __future__ import annotations

from pydicom.encaps import get_frame

from adapters.dicom.layout import Layout
from adapters.dicom.reading import UNREADABLE, Unreadable
from adapters.store.source import ByteSource

# Media type of one frame by transfer syntax (PS3.18 8.7.3.3.2).
MEDIA = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


def compressed(source: ByteSource, layout: Layout, frame: int) -> bytes:
    """The bytes of a compressed frame.

    :param frame: 1-based.
    :raises NoSuchFrame: if there is none.
    :raises Unreadable: if its fragments are damaged.
    """
    layout.check(frame)
    assert layout.pixels is not None
    try:
        with source.open() as file:
            file.seek(layout.pixels[1])
            return get_frame(file, frame - 1, number_of_frames=layout.count)
    except UNREADABLE as error:
        raise Unreadable(f"frame {frame}: {type(error).__name__}") from error
