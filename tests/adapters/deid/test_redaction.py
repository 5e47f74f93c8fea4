"""Text in pixels is blanked in every frame, in the transfer syntax of the object; not one other pixel changes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array

from adapters.deid.errors import Reason, Refused
from adapters.deid.known import Known
from adapters.deid.objects import Order, Writer
from adapters.deid.redaction import Box
from tests.adapters.deid.objects import AtOnce, subject

BOXES = [Box(2, 1, 9, 4), Box(5, 3, 14, 8), Box(-5, 10, 3, 40)]


def image(path: Path, **changed: Any) -> np.ndarray[Any, Any]:
    """Write a secondary capture; its pixels (frames, rows, columns, samples)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        data.Modality = "US"
        given = {"Rows": 12, "Columns": 16, "NumberOfFrames": 1, "SamplesPerPixel": 1, "BitsAllocated": 8} | changed
        for name, value in given.items():
            setattr(data, name, value)
        shape = tuple(given[name] for name in ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel"))
        kind = np.uint8 if given["BitsAllocated"] == 8 else np.uint16
        pixels = np.random.default_rng(1).integers(1, 200, shape).astype(kind)
        stored = pixels.transpose(0, 3, 1, 2) if given.get("PlanarConfiguration") == 1 else pixels
        data.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
        data["PixelData"].VR = "OW"
        data.save_as(path)
    return pixels


def written(tmp_path: Path, boxes: Sequence[Box], times: int = 1) -> pydicom.Dataset:
    """The object after de-identification, by whoever looked and found ``boxes``."""
    order = Order(AtOnce(tmp_path / "out"), lambda uid, digest: None, lambda path, facts: boxes)
    writer = Writer(order, subject(Known()), Known())
    for _ in range(times):
        place = writer.write(tmp_path / "in.dcm").path
    return pydicom.dcmread(tmp_path / "out" / place)


def expected(pixels: np.ndarray[Any, Any], boxes: Sequence[Box], fill: Sequence[int]) -> np.ndarray[Any, Any]:
    """The oracle: slices of an array."""
    hidden = pixels.copy()
    for box in boxes:
        hidden[:, max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = fill
    return hidden


COLOUR = {"SamplesPerPixel": 3, "BitsStored": 8, "HighBit": 7, "PhotometricInterpretation": "RGB"}
KINDS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "grey": ({"BitsStored": 8, "HighBit": 7}, [0]),
    "grey, 16 bits": ({"BitsAllocated": 16}, [0]),
    "frames": ({"BitsStored": 8, "HighBit": 7, "NumberOfFrames": 5}, [0]),
    "colour by pixel": (COLOUR | {"PlanarConfiguration": 0}, [0, 0, 0]),
    "colour by plane": (COLOUR | {"PlanarConfiguration": 1, "NumberOfFrames": 2}, [0, 0, 0]),
    "brightness and colour": (
        COLOUR | {"PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL"},
        [0, 128, 128],
    ),
    "brightness and colour by plane": (
        COLOUR | {"PlanarConfiguration": 1, "PhotometricInterpretation": "YBR_FULL"},
        [0, 128, 128],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_blank_and_nothing_else(kind: str, tmp_path: Path) -> None:
    changed, fill = KINDS[kind]
    pixels = image(tmp_path / "in.dcm", **changed)
    for times in (1, 3):  # the second and third by what the files share
        data = written(tmp_path, BOXES, times)
        hidden = expected(pixels, BOXES, fill)
        stored = hidden.transpose(0, 3, 1, 2) if changed.get("PlanarConfiguration") == 1 else hidden
        assert data.PixelData[: stored.nbytes] == stored.tobytes()
        assert data.BurnedInAnnotation == "NO"
        assert "113101" in [code.CodeValue for code in data.DeidentificationMethodCodeSequence]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Box, *[st.integers(-3, 20)] * 4), max_size=5))
def test_any_boxes(tmp_path: Path, boxes: list[Box]) -> None:
    pixels = image(tmp_path / "in.dcm", BitsStored=8, HighBit=7)
    assert written(tmp_path, boxes).PixelData[: pixels.nbytes] == expected(pixels, boxes, [0]).tobytes()


RLE, J2K, LOSSY = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
SIDES = {"Rows": 48, "Columns": 64}  # the codec makes nothing smaller than its wavelets
COMPRESSED: dict[str, tuple[str, dict[str, Any], list[int]]] = {
    "run lengths, 16 bits": (RLE, {"BitsAllocated": 16}, [0]),
    "run lengths, frames": (RLE, {"BitsStored": 8, "HighBit": 7, "NumberOfFrames": 3}, [0]),
    "run lengths, colour": (RLE, COLOUR | {"PlanarConfiguration": 0, "NumberOfFrames": 2}, [0, 0, 0]),
    "run lengths, brightness and colour": (
        RLE,
        COLOUR | {"PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL"},
        [0, 128, 128],
    ),
    "wavelets": (J2K, SIDES | {"BitsStored": 8, "HighBit": 7, "NumberOfFrames": 2}, [0]),
    "wavelets that may lose": (LOSSY, SIDES | {"BitsStored": 8, "HighBit": 7}, [0]),
    "wavelets, colour": (J2K, SIDES | COLOUR | {"PlanarConfiguration": 0}, [0, 0, 0]),
}


def compress(path: Path, syntax: str, pixels: np.ndarray[Any, Any]) -> None:
    """Compress the object, with another tool than the one that is tested where there is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path)
        if syntax == RLE:
            data.PixelRepresentation = 0
            data.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        else:
            frames = [BytesIO() for _ in pixels]
            for frame, stream in zip(pixels, frames, strict=True):
                Image.fromarray(frame.squeeze()).save(stream, "JPEG2000", no_jp2=True, irreversible=False, mct=0)
            data.PixelRepresentation = 0
            data.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
            data.PixelData = encapsulate([stream.getvalue() for stream in frames])
            data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.save_as(path)


def decoded(data: pydicom.Dataset) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(pixel_array(data, raw=True))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_compressed_pixels_are_blanked_in_their_own_syntax(kind: str, tmp_path: Path) -> None:
    """Every pixel outside the boxes is what it was, and the transfer syntax too."""
    syntax, changed, fill = COMPRESSED[kind]
    pixels = image(tmp_path / "in.dcm", **changed)
    compress(tmp_path / "in.dcm", syntax, pixels)
    assert np.array_equal(decoded(pydicom.dcmread(tmp_path / "in.dcm")), pixels.squeeze())
    for times in (1, 3):
        data = written(tmp_path, BOXES, times)
        assert data.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(decoded(data), expected(pixels, BOXES, fill).squeeze())
        assert data.BurnedInAnnotation == "NO"


REFUSED = ["SC_ybr_full_422_uncompressed.dcm", "ExplVR_BigEnd.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPEG2000.dcm"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_blanked_is_refused(name: str, tmp_path: Path) -> None:
    """Codecs that lose, pixels that share their bytes, and big-endian files wait for a person."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(str(get_testdata_file(name)))
        data.Modality, data.PatientID = "US", "1CT1"
        data.save_as(tmp_path / "in.dcm")
    assert written(tmp_path, []) is not None
    with pytest.raises(Refused) as refused:
        written(tmp_path, BOXES)
    assert refused.value.reason is Reason.TEXT_IN_PIXELS


def test_an_extended_offset_table_waits(tmp_path: Path) -> None:
    """Its offsets would be wrong afterwards."""
    pixels = image(tmp_path / "in.dcm", BitsStored=8, HighBit=7)
    compress(tmp_path / "in.dcm", RLE, pixels)
    data = pydicom.dcmread(tmp_path / "in.dcm")
    data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = bytes(8), (100).to_bytes(8, "little")
    data.save_as(tmp_path / "in.dcm")
    with pytest.raises(Refused, match="extended offset table"):
        written(tmp_path, BOXES)
