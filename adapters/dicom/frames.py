"""Frames of pixel data: where native ones are, and the compressed bytes of others (PS3.5 A.4)."""

from __future__ import annotations

from pydicom.encaps import get_frame

from adapters.dicom.reading import UNREADABLE, Header, Unreadable
from adapters.store.source import ByteSource

HALVED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})  # two samples a pixel
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


class NoSuchFrame(LookupError):
    """The object has no frame of that number, or no pixel data at all."""


def count(header: Header) -> int:
    """Frames of the object; 0 without pixel data."""
    return 0 if header.pixels is None else header.number("NumberOfFrames", 1)


def native(header: Header, frame: int) -> tuple[int, int] | None:
    """First byte (0-based, in the file) and length of a native frame; None if it is not whole bytes of the file.

    :param frame: 1-based.
    :raises NoSuchFrame: if there is none.
    """
    _exists(header, frame)
    assert header.pixels is not None
    _, start, length = header.pixels
    if length is None:
        return None
    halved = header.data.get("PhotometricInterpretation") in HALVED
    samples = 2 if halved else header.number("SamplesPerPixel", 1)
    bits = header.number("Rows", 0) * header.number("Columns", 0) * samples * header.number("BitsAllocated", 8)
    size = bits // 8
    if bits % 8 or size * frame > length:
        return None
    return start + size * (frame - 1), size


def compressed(source: ByteSource, header: Header, frame: int) -> bytes:
    """The bytes of a compressed frame.

    :param frame: 1-based.
    :raises NoSuchFrame: if there is none.
    :raises Unreadable: if its fragments are damaged.
    """
    _exists(header, frame)
    assert header.pixels is not None
    try:
        with source.open() as file:
            file.seek(header.pixels[1])
            return get_frame(file, frame - 1, number_of_frames=count(header))
    except UNREADABLE as error:
        raise Unreadable(f"frame {frame}: {type(error).__name__}") from error


def _exists(header: Header, frame: int) -> None:
    if not 1 <= frame <= count(header):
        raise NoSuchFrame(f"there is no frame {frame}: the object has {count(header)}")
