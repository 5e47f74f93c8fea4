"""Frames as a person sees them, in eight bits (PS3.18 8.7.4); and objects without compression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import FileDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian

from adapters.dicom.layout import Layout, layout
from adapters.dicom.reading import UNREADABLE, Header, quietly, whole
from adapters.store.source import ByteSource

BIG_ENDIAN = "1.2.840.10008.1.2.2"
LARGEST = 1 << 28  # bytes of pixel data that are decoded at once
UNDECODABLE = (*UNREADABLE, RuntimeError, TypeError, MemoryError)


class NoCodec(Exception):
    """The pixel data cannot be decoded here: no codec, too large, or damaged."""


@dataclass(frozen=True, slots=True)
class View:
    """How a frame is shown.

    :ivar window: centre and width, in units of the modality; None: the object's own, or all values.
    :ivar viewport: largest width and height in pixels; None: as it is.
    :ivar quality: of JPEG, 1 to 100.
    """

    format: Literal["jpeg", "png"] = "jpeg"
    window: tuple[float, float] | None = None
    viewport: tuple[int, int] | None = None
    quality: int = 90


def rendered(source: ByteSource, header: Header, frame: int, view: View) -> bytes:
    """A frame as a picture.

    :param frame: 1-based; it exists.
    :raises NoCodec: if it cannot be decoded.
    """
    array = _decoded(source, layout(header), frame)
    image = Image.fromarray(_eight_bits(array, header.data, view))
    if view.viewport:
        image.thumbnail(view.viewport)
    out = BytesIO()
    if view.format == "png":
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=view.quality)
    return out.getvalue()


def decoded(source: ByteSource, layout: Layout, frame: int) -> bytes:
    """A frame as native little-endian bytes, colours by pixel.

    :raises NoCodec: if it cannot be decoded.
    """
    array = _decoded(source, layout, frame, raw=True)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def uncompressed(source: ByteSource) -> bytes:
    """The object in Explicit VR Little Endian.

    :raises NoCodec: if its pixel data cannot be decoded.
    :raises Unreadable: if it is damaged.
    """
    data = whole(source)
    if data.file_meta.TransferSyntaxUID == BIG_ENDIAN:
        raise NoCodec("big-endian pixel data is handed out as it is only")
    out = BytesIO()
    try:
        with quietly():
            if data.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in data:
                header = Header(data, "", None)
                _small_enough(layout(header), frames=header.number("NumberOfFrames", 1))
                data.decompress(generate_instance_uid=False)
            data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            data.save_as(out, implicit_vr=False, little_endian=True, enforce_file_format=True)
    except UNDECODABLE as error:
        raise NoCodec(f"its pixel data cannot be decoded ({type(error).__name__})") from error
    return out.getvalue()


@cache
def can_decode(syntax: str) -> bool:
    """Whether there is a codec for a transfer syntax, or none is needed."""
    uid = UID(syntax)
    if not uid.is_transfer_syntax or uid == BIG_ENDIAN:
        return False
    try:
        return not uid.is_encapsulated or get_decoder(uid).is_available
    except NotImplementedError:
        return False


def _small_enough(layout: Layout, frames: int) -> None:
    if layout.decoded(frames) > LARGEST:
        raise NoCodec("its pixel data is too large to be decoded at once")


def _decoded(source: ByteSource, layout: Layout, frame: int, *, raw: bool = False) -> NDArray[Any]:
    _small_enough(layout, frames=1)
    try:
        with source.open() as file, quietly():
            return pixel_array(file, index=frame - 1, raw=raw)
    except UNDECODABLE as error:
        raise NoCodec(f"frame {frame} cannot be decoded ({type(error).__name__})") from error


def _eight_bits(array: NDArray[Any], data: FileDataset, view: View) -> NDArray[np.uint8]:
    with quietly():
        if data.get("PhotometricInterpretation") == "PALETTE COLOR":
            array = apply_color_lut(array, data)
        if array.ndim == 3:
            return _scaled(array, 0, max(int(np.iinfo(array.dtype).max), 1)) if array.dtype != np.uint8 else array
        values = _windowed(apply_modality_lut(array, data), data, view)
    low, high = float(values.min()), float(values.max())
    shown = _scaled(values, low, high)
    return np.asarray(255 - shown, np.uint8) if data.get("PhotometricInterpretation") == "MONOCHROME1" else shown


def _windowed(values: NDArray[Any], data: FileDataset, view: View) -> NDArray[Any]:
    if view.window:
        centre, width = view.window
        low, high = centre - width / 2, centre + width / 2
        return np.clip(values.astype(np.float64), low, high)
    return np.asarray(apply_voi_lut(values, data) if "WindowCenter" in data or "VOILUTSequence" in data else values)


def _scaled(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    span = high - low or 1.0
    return np.asarray((values.astype(np.float64) - low) * (255.0 / span), np.uint8)
